"""Finding the object in the photos of a group, whose results are written while the network goes on."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from cosod.apps.segment.results import write_results
from cosod.apps.segment.task import GroupTask
from cosod.errors import CosodError, ImageError, SingleImageWarning, UniformImageWarning
from cosod.inference.detector import Detector
from cosod.inference.pipeline import Result
from cosod.inference.presence import ABSENT
from cosod.io.background_writer import Writer
from cosod.io.photo_groups import Group

EventListener = Callable[[dict], None]


@dataclass(frozen=True)
class Found:
    """What is found in the images of a group, each known by its index.

    Attributes:
        failed: those that could not be read, or not any more when their results were written.
        absent: for each task those without the object.
        presence: for each task, by stem.
    """

    failed: dict[int, dict[str, str]]
    absent: list[dict[int, dict]]
    presence: list[dict[str, float]]


class Finder:
    """Finds the object in one group after the other.

    Args:
        detector: the predictor.
        writer: writes the results.
        report: called with a dictionary for each ``event``: image, failed, warning.
    """

    def __init__(self, detector: Detector, writer: Writer, report: EventListener):
        self.detector, self.writer, self._report = detector, writer, report

    def report(self, event: dict) -> None:
        """Reports an event in its place among those of results that are being written."""
        self.writer.then(functools.partial(self._report, event))

    def find(self, group: Group, tasks: list[GroupTask]) -> Found:
        """Segments a group; its results are complete once the writer has written all of them."""
        found = Found({}, [{} for _ in tasks], [{} for _ in tasks])
        own = tasks[0].consensus is None
        unread: set[int] = set()

        def on_error(index: int, error: ImageError) -> None:
            unread.add(index)
            self._fail(found, group, index, error, self.report)

        try:
            with warnings.catch_warnings():
                for told in (SingleImageWarning, UniformImageWarning):  # as events
                    warnings.simplefilter("ignore", told)
                uniform: set[int] = set()
                consensuses = None if own else [task.consensus for task in tasks if task.consensus is not None]
                for result in self.detector.results(group.images, on_error, consensuses):
                    task = tasks[result.consensus]
                    facts = _facts(group, task, result)
                    uniform |= {result.index} if result.uniform else set()
                    if result.presence is not None:
                        found.presence[result.consensus][group.stems[result.index]] = facts["presence"]
                    blank = False
                    if task.job.absent != "keep" and result.presence is not None and result.presence < ABSENT:
                        found.absent[result.consensus][result.index] = facts
                        blank = task.job.absent == "blank"
                    self._write(result, blank, group, task, facts, found)
            if own and len(group.images) - len(unread) - len(uniform) == 1:
                message = "one image only, which has nothing to share: its map is plain saliency"
                self.report({"event": "warning", "group": group.name, "message": message})
        except ImageError as error:
            # None of the group's images could be read: each has been reported, the other groups go on.
            if len(unread) < len(group.images):
                raise CosodError(f"{error}: it changed while it was being processed; run again") from error
        return found

    def _fail(self, found: Found, group: Group, index: int, error: ImageError, report: EventListener) -> None:
        """Leaves out an image, once for all tasks, and reports it."""
        if index not in found.failed:
            found.failed[index] = {"group": group.name, "image": str(group.images[index]), "error": str(error)}
            report({"event": "failed", **found.failed[index]})

    def _write(self, result: Result, blank: bool, group: Group, task: GroupTask, facts: dict, found: Found) -> None:
        """Hand a map over to be written, or an empty one, and its event to be reported when it is."""
        height, width = result.size
        write = functools.partial(write_results, result, blank, group, task.job, self.detector.max_pixels)

        def then(told: dict | ImageError) -> None:
            if isinstance(told, ImageError):
                self._fail(found, group, result.index, told, self._report)
            else:
                self._report({"event": "image", **facts, **told})

        self.writer.put(write, then, 4 * height * width)


def _facts(group: Group, task: GroupTask, result: Result) -> dict:
    facts: dict = {"group": group.name, "image": str(group.images[result.index])}
    if task.name is not None:
        facts["consensus"] = task.name
    if result.presence is not None:
        facts["presence"] = round(result.presence, 4)
    if result.uniform:
        facts["notes"] = ["it is of one color, and nothing is to be found in it"]
    return facts
