"""Applications on folders: making cut-outs or thumbnails from the saliency maps of every group."""

import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from cosod.apps.blame import Made, blamed
from cosod.apps.group_job import ONE_IMAGE, GroupJob, reading, refuse_others, targets, unit_record
from cosod.apps.map_sources import FoundMap, MapSource
from cosod.apps.preflight import check_places
from cosod.apps.resumable import EventListener, Unit
from cosod.apps.stale import photos_of
from cosod.apps.summary import Summary
from cosod.errors import ImageError
from cosod.io.background_writer import Writer
from cosod.io.photo_groups import Group
from cosod.io.run_records import file_states, fingerprint, read_record, record_of

#: Bytes that making a result takes for each pixel of the photo, about: photo, map, mask, opacity and result.
PIXEL_BYTES = 24
#: Maximum number of bytes for results that are made at the same time; a larger photo is processed by itself.
MEMORY = 1 << 30


class Application(GroupJob, Protocol):
    """The interface of an application, which makes results from the maps of a group.

    Attributes:
        file: path of the result if the run has only one photo and the user named the file; None if results get their
            names in ``output``.
    """

    @property
    def file(self) -> Path | None: ...

    def facts(self) -> object:
        """Returns the options as values that JSON can hold; they change whenever the results might change."""

    def files_beside(self, group: Group, index: int) -> list[Path]:
        """Returns the further files that are written for an image after all groups are done, such as labels."""

    def make(self, group: Group, maps: Iterator[FoundMap], reading: "Reading") -> dict:
        """Writes the files of a group, each by :meth:`Reading.put`.

        Args:
            group: the photos.
            maps: the maps of the photos that could be read.
            reading: collects failures, absent objects and finished images.

        Returns:
            Values that JSON can hold, which the record of the group keeps.
        """


class Reading:
    """The progress of one group: images that are done, that lack the object, or that could not be used.

    Args:
        group: the photos.
        max_pixels: maximum number of pixels of an image.
        unit: takes events and failures.
        writer: runs the work on the images in background threads.

    Attributes:
        absent: for each image without the object, a dictionary with ``group``, ``image`` and ``presence``.
    """

    def __init__(self, group: Group, max_pixels: int, unit: Unit, writer: Writer):
        self.group, self.max_pixels, self.unit, self.writer = group, max_pixels, unit, writer
        self.absent: list[dict] = []

    def fail(self, index: int, error: ImageError) -> None:
        """Records and reports the failure of an image; the group continues without it."""
        self.unit.fail(self.group.images[index], error)

    def put(self, index: int, work: Callable[[], Made], then: Callable[[Made], None], pixels: int) -> None:
        """Submits the work on one image to a background thread.

        Any error of the work is the failure of this image, except an :class:`~cosod.errors.OutputError`, which ends the
        run.

        Args:
            index: index of the image in the group.
            work: function that runs in a thread; it must be thread-safe.
            then: function that is called with what ``work`` returned, in the thread that called this method, after the
                work on all earlier images is done; see :meth:`wait`.
            pixels: number of pixels of the image.
        """
        image = self.group.images[index]

        def done(made: Made | ImageError) -> None:
            if isinstance(made, ImageError):
                self.unit.fail(image, made, written=True)
            else:
                then(made)

        self.writer.put(functools.partial(blamed, image, work), done, PIXEL_BYTES * pixels)

    def wait(self) -> None:
        """Waits until the work on all images is done."""
        self.writer.drain()

    def without(self, index: int, presence: float) -> None:
        """Records that the object is probably not in an image, which the summary then lists.

        Args:
            index: index of the image in the group.
            presence: probability that the object is in the image.
        """
        image = str(self.group.images[index])
        self.absent.append({"group": self.group.name, "image": image, "presence": round(presence, 4)})

    def done(self, index: int, notes: tuple[str, ...] = (), presence: float | None = None, **facts: object) -> None:
        """Reports that the files of an image are written, at once: only the ``then`` of :meth:`put` may call this.

        Args:
            index: index of the image in the group.
            notes: notes for the user, for instance that no object was found.
            presence: probability that the object is in the image; None if it is not known.
            facts: further values of the event.
        """
        if presence is not None:
            facts["presence"] = round(presence, 4)
        image = str(self.group.images[index])
        self.unit.report({"event": "image", "group": self.group.name, "image": image, "notes": list(notes), **facts})


def run(
    application: Application, source: MapSource, groups: list[Group], report: EventListener = lambda event: None
) -> Summary:
    """Makes the results of an application for every group.

    Finished groups (those with the same images, maps and options, whose files all exist) are skipped unless
    ``application.overwrite`` is set. An image that cannot be used is left out and reported.

    Args:
        application: the application, such as a :class:`~cosod.apps.cutout.job.CutoutJob`.
        source: source of the maps.
        groups: from :func:`cosod.io.find_groups`.
        report: called with a dictionary for each event; its key ``event`` is ``image``, ``failed``, ``warning``,
            ``group`` or ``skipped``.

    Returns:
        The summary of the run.

    Raises:
        InputError: a result would overwrite an input, a file that this command has not written, or results of another
            command, or would lie among the photos.
        OutputError: a result cannot be written.

    Example:
        >>> source = DetectedMaps(detector, model)  # doctest: +SKIP
        >>> summary = run(CutoutJob(Path("out")), source, find_groups(["photos"]))  # doctest: +SKIP
    """
    summary, start = Summary(), time.monotonic()
    check_places(targets(application, groups), groups, named=application.file is not None)
    refuse_others([application], groups)
    with Writer(most=MEMORY) as writer:
        for group in groups:
            summary += _do(application, source, Unit(group.name, report, writer.then), group, writer)
    summary.seconds = time.monotonic() - start
    return summary


def kept_of(output: Path, group: Group) -> dict:
    """Returns what :meth:`Application.make` returned for a finished group; empty if the group has no record.

    Example:
        >>> kept_of(Path("none"), Group("mugs", (), ()))
        {}
    """
    return read_record(record_of(output, group.name)).get("kept", {})


def _do(application: Application, source: MapSource, unit: Unit, group: Group, writer: Writer) -> Summary:
    """Makes the results of one group, unless it is finished already."""
    print_ = fingerprint(application.facts(), source.identity(group), file_states(group.images), group.stems)
    if not unit.pending([unit_record(application, group, print_)], len(group.images)):
        return unit.summary
    unit.begin()
    progress, kept = Reading(group, source.max_pixels, unit, writer), {}
    with reading(group, unit.failed):
        kept = application.make(group, source.stream(group, progress.fail), progress)
        progress.wait()
    done = len(group.images) - len(unit.failed)
    if done == 1:
        unit.tell("warning", message=ONE_IMAGE)

    def files(index: int) -> list[Path]:
        return [*application.files(group, index), *application.files_beside(group, index)]

    if done:
        facts = {"detector": source.options, "absent": progress.absent, "kept": kept}
        unit.finish(done, [{**facts, "photos": photos_of(group, application.output, files)}])
    return unit.summary
