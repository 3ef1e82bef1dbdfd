"""Applications on folders: cut-outs or thumbnails, made of the maps of every group."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from cosod.apps.blame import blame
from cosod.apps.group_job import ONE_IMAGE, GroupJob, reading, refuse_others, targets, unit_record
from cosod.apps.map_sources import FoundMap, MapSource
from cosod.apps.preflight import check_places
from cosod.apps.resumable import EventListener, Unit
from cosod.apps.stale import photos_of
from cosod.apps.summary import Summary
from cosod.errors import ImageError
from cosod.io.photo_groups import Group
from cosod.io.run_records import file_states, fingerprint, read_record, record_of


class Application(GroupJob, Protocol):
    """What is made of the maps of a group.

    Attributes:
        file: the one result of the one photo of a run, in place of its name in ``output``.
    """

    @property
    def file(self) -> Path | None: ...

    def facts(self) -> object:
        """Returns the options as values for JSON: other ones mean other results."""

    def files_beside(self, group: Group, index: int) -> list[Path]:
        """Returns what else is written for an image, once all groups are done."""

    def make(self, group: Group, maps: Iterator[FoundMap], reading: "Reading") -> dict:
        """Writes the group's files, and returns what its record shall keep, as JSON."""


class Reading:
    """One group's progress: images done, those without the object, and those that could not be used."""

    def __init__(self, group: Group, max_pixels: int, unit: Unit):
        self.group, self.max_pixels, self.unit = group, max_pixels, unit
        self.absent: list[dict] = []

    def fail(self, index: int, error: ImageError) -> None:
        """Leaves out an image that failed; the group goes on."""
        self.unit.fail(self.group.images[index], error)

    @contextlib.contextmanager
    def only(self, index: int) -> Iterator[None]:
        """Makes whatever goes wrong inside the failure of one image; a result that cannot be written ends all."""
        try:
            with blame(self.group.images[index]):
                yield
        except ImageError as error:
            self.fail(index, error)

    def without(self, index: int, presence: float) -> None:
        """Notes that the object is not in the image; the summary names it."""
        image = str(self.group.images[index])
        self.absent.append({"group": self.group.name, "image": image, "presence": round(presence, 4)})

    def done(self, index: int, notes: tuple[str, ...] = (), presence: float | None = None, **facts: object) -> None:
        """Notes that the image's files are written; ``notes`` are what the user should look at."""
        if presence is not None:
            facts["presence"] = round(presence, 4)
        self.unit.tell("image", image=str(self.group.images[index]), notes=list(notes), **facts)


def run(
    application: Application, source: MapSource, groups: list[Group], report: EventListener = lambda event: None
) -> Summary:
    """Makes the results of an application for every group.

    Finished groups (same images, maps and options, all files there) are skipped unless ``application.overwrite``.
    An image that cannot be used is left out and reported; an output that cannot be written ends the run, and so
    does one that holds another command's results, which would be overwritten.

    Args:
        application: what to make.
        source: gives the maps.
        groups: from :func:`cosod.io.find_groups`.
        report: called with a dictionary for each ``event``: image, failed, warning, group, skipped.
    """
    summary, start = Summary(), time.monotonic()
    check_places(targets(application, groups), groups, named=application.file is not None)
    refuse_others([application], groups)
    for group in groups:
        summary += _do(application, source, group, report)
    summary.seconds = time.monotonic() - start
    return summary


def kept_of(output: Path, group: Group) -> dict:
    """Returns what :meth:`Application.make` returned for a finished group; empty if no image could be used."""
    return read_record(record_of(output, group.name)).get("kept", {})


def _do(application: Application, source: MapSource, group: Group, report: EventListener) -> Summary:
    """Makes the results of one group, unless they are there."""
    unit = Unit(group.name, report)
    print_ = fingerprint(application.facts(), source.identity(group), file_states(group.images), group.stems)
    if not unit.pending([unit_record(application, group, print_)], len(group.images)):
        return unit.summary
    unit.begin()
    progress, kept = Reading(group, source.max_pixels, unit), {}
    with reading(group, unit.failed):
        kept = application.make(group, source.stream(group, progress.fail), progress)
    done = len(group.images) - len(unit.failed)
    if done == 1:
        unit.tell("warning", message=ONE_IMAGE)

    def files(index: int) -> list[Path]:
        return [*application.files(group, index), *application.files_beside(group, index)]

    if done:
        facts = {"detector": source.options, "absent": progress.absent, "kept": kept}
        unit.finish(done, [{**facts, "photos": photos_of(group, application.output, files)}])
    return unit.summary
