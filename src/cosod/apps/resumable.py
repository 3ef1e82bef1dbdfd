"""Applications on folders: cut-outs or thumbnails for every group, what is done already, and what failed."""

import contextlib
import functools
import json
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from cosod.apps.blame import blame
from cosod.apps.map_sources import FoundMap, MapSource
from cosod.apps.preflight import check_places
from cosod.apps.stale import earlier_of, photos_of
from cosod.apps.summary import Summary
from cosod.errors import CosodError, ImageError, SingleImageWarning, UniformImageWarning
from cosod.io.atomic_write import write_text
from cosod.io.photo_groups import Group
from cosod.io.run_records import begin, file_states, fingerprint, read_record, record_of, refuse_foreign

EventListener = Callable[[dict], None]


class Application(Protocol):
    """What is made of the maps of a group."""

    output: Path
    overwrite: bool
    #: The one result of the one photo of a run, in place of its name in ``output``.
    file: Path | None

    @property
    def verb(self) -> str:
        """The command that makes it."""

    def facts(self) -> object:
        """Returns the options as values for JSON: other ones mean other results."""

    def files(self, group: Group, index: int) -> list[Path]:
        """Returns the files that are written for an image."""

    def files_beside(self, group: Group, index: int) -> list[Path]:
        """Returns what else is written for an image, once all groups are done."""

    def make(self, group: Group, maps: Iterator[FoundMap], reading: "Reading") -> dict:
        """Writes the group's files, and returns what its record shall keep, as JSON."""


class Reading:
    """One group's progress: images done, those without the object, and those that could not be used."""

    def __init__(self, group: Group, max_pixels: int, report: EventListener):
        self.group, self.max_pixels, self.report = group, max_pixels, report
        self.failed: list[dict[str, str]] = []
        self.absent: list[dict] = []

    def fail(self, index: int, error: ImageError) -> None:
        """Leaves out an image that failed; the group goes on."""
        self.failed.append({"group": self.group.name, "image": str(self.group.images[index]), "error": str(error)})
        self.report({"event": "failed", **self.failed[-1]})

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

    def done(self, index: int, notes: tuple[str, ...] = (), presence: float | None = None, **facts) -> None:
        """Notes that the image's files are written; ``notes`` are what the user should look at."""
        image = str(self.group.images[index])
        if presence is not None:
            facts["presence"] = round(presence, 4)
        self.report({"event": "image", "group": self.group.name, "image": image, "notes": list(notes), **facts})


def run(
    application: Application, source: MapSource, groups: list[Group], report: EventListener = lambda event: None
) -> Summary:
    """Make an application's results for every group.

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
    refuse_others(application, groups)
    for group in groups:
        print_ = _fingerprint(application, source, group)
        record = record_of(application.output, group.name)
        earlier = None if application.overwrite else _finished(record, print_, group, application)
        if earlier is not None:
            summary.skipped_groups += 1
            summary.failed += earlier["failed"]
            summary.absent += earlier.get("absent", [])
            report({"event": "skipped", "group": group.name, "images": len(group.images)})
            continue
        before = earlier_of(read_record(record))
        begin(record, application.verb, earlier=before)  # not finished any more
        reading = Reading(group, source.max_pixels, report)
        kept = _make(application, source, reading)
        done = len(group.images) - len(reading.failed)
        summary.images += done
        summary.failed += reading.failed
        summary.absent += reading.absent
        if done:
            summary.groups += 1
            facts: dict[str, object] = {"verb": application.verb, "fingerprint": print_, "failed": reading.failed}
            facts |= {"detector": source.options, "absent": reading.absent, "kept": kept, "earlier": before}
            facts["photos"] = photos_of(group, application.output, functools.partial(_all_files, application, group))
            write_text(record, json.dumps(facts))
            report({"event": "group", "group": group.name, "images": done, "failed": len(reading.failed)})
    summary.seconds = time.monotonic() - start
    return summary


def _all_files(application: Application, group: Group, index: int) -> list[Path]:
    return [*application.files(group, index), *application.files_beside(group, index)]


def results_of(application: Application, group: Group) -> Iterator[Path]:
    """Returns every result that is written for a group."""
    for index in range(len(group.images)):
        yield from application.files(group, index)


def refuse_others(application: Application, groups: list[Group]) -> None:
    """Raises InputError where results of another command, or other files, would be overwritten."""
    for group in groups:
        results = () if application.overwrite else results_of(application, group)
        refuse_foreign(application.output, group.name, application.verb, results)


def targets(application: Application, groups: list[Group]) -> Iterator[Path]:
    """Returns every file that is written for the groups."""
    for group in groups:
        yield record_of(application.output, group.name)
        yield from results_of(application, group)


def kept_of(output: Path, group: Group) -> dict:
    """Returns what :meth:`Application.make` returned for a finished group; empty if no image could be used."""
    return read_record(record_of(output, group.name)).get("kept", {})


def _make(application: Application, source: MapSource, reading: Reading) -> dict:
    group = reading.group
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingleImageWarning)  # reported as an event below
            warnings.simplefilter("ignore", UniformImageWarning)  # such an image has a note that nothing was found
            kept = application.make(group, source.stream(group, reading.fail), reading)
    except ImageError as error:
        # None of the group's images could be read: each has been reported, the other groups go on.
        if len(reading.failed) < len(group.images):
            raise CosodError(f"{error}: it changed while it was being processed; run again") from error
        return {}
    if len(group.images) - len(reading.failed) == 1:
        message = "one image only, which has nothing to share: its map is plain saliency"
        reading.report({"event": "warning", "group": group.name, "message": message})
    return kept


def _fingerprint(application: Application, source: MapSource, group: Group) -> str:
    """Returns a fingerprint that changes whenever the group's results might."""
    return fingerprint(application.facts(), source.identity(group), file_states(group.images), group.stems)


def _finished(record: Path, print_: str, group: Group, application: Application) -> dict | None:
    """Returns the record of the earlier run that finished this group; None if it has to be done."""
    stored = read_record(record)
    if stored.get("fingerprint") != print_:
        return None
    failed = {entry["image"] for entry in stored["failed"]}
    for index, path in enumerate(group.images):
        if str(path) not in failed and not all(file.exists() for file in application.files(group, index)):
            return None
    return stored
