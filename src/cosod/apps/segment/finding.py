"""Finding the object in the photos of a group, whose results are written while the network goes on."""

import functools
from dataclasses import dataclass, field

from cosod.apps.group_job import ONE_IMAGE, reading
from cosod.apps.resumable import Unit
from cosod.apps.segment.results import write_results
from cosod.apps.segment.task import GroupTask
from cosod.errors import ImageError
from cosod.inference.detector import Detector
from cosod.inference.pipeline import Result
from cosod.inference.presence import ABSENT
from cosod.io.background_writer import Writer
from cosod.io.photo_groups import Group


@dataclass
class Found:
    """What is found in the images of a group for one task, without those that failed.

    Attributes:
        absent: images without the object, by index.
        presence: presence of the object where it is known, by stem.
    """

    absent: dict[int, dict] = field(default_factory=dict)
    presence: dict[str, float] = field(default_factory=dict)


class Search:
    """Looks for the object in one group, or a part of one; the writer has its results when this is made.

    Args:
        detector: the predictor.
        group: the photos.
        tasks: what is to be done with each.
        unit: takes events and failures.
        writer: writes the results.

    Attributes:
        failed: indices of the images that could not be read, or not any more when their results were written.
        found: for each task; complete once the writer has written everything.
    """

    def __init__(self, detector: Detector, group: Group, tasks: list[GroupTask], unit: Unit, writer: Writer):
        self.detector, self.group, self.tasks, self.unit, self.writer = detector, group, tasks, unit, writer
        self.failed: set[int] = set()
        self.found = [Found() for _ in tasks]
        self._search()

    def _search(self) -> None:
        consensuses = [task.consensus for task in self.tasks if task.consensus is not None] or None
        unread: set[int] = set()
        uniform: set[int] = set()

        def on_error(index: int, error: ImageError) -> None:
            unread.add(index)
            self._fail(index, error)

        with reading(self.group, unread):
            for result in self.detector.results(self.group.images, on_error, consensuses):
                uniform |= {result.index} if result.uniform else set()
                self._take(result)
        if consensuses is None and len(self.group.images) - len(unread) - len(uniform) == 1:
            self.unit.tell("warning", message=ONE_IMAGE)

    def _take(self, result: Result) -> None:
        """Keeps what is said of an image, and hands its map over to be written, or an empty one."""
        task, found = self.tasks[result.consensus], self.found[result.consensus]
        facts = self._facts(result)
        blank = False
        if result.presence is not None:
            found.presence[self.group.stems[result.index]] = facts["presence"]
            if task.job.absent != "keep" and result.presence < ABSENT:
                found.absent[result.index] = facts
                blank = task.job.absent == "blank"
        write = functools.partial(write_results, result, blank, self.group, task.job, self.detector.max_pixels)

        def then(told: dict | ImageError) -> None:
            if isinstance(told, ImageError):
                self._fail(result.index, told, written=True)
            else:
                self.unit.report({"event": "image", **facts, **told})

        height, width = result.size
        self.writer.put(write, then, 4 * height * width)

    def _fail(self, index: int, error: ImageError, written: bool = False) -> None:
        """Leaves out an image, once for all tasks."""
        if index not in self.failed:
            self.failed.add(index)
            self.unit.fail(self.group.images[index], error, written)

    def _facts(self, result: Result) -> dict:
        facts: dict = {"group": self.group.name, "image": str(self.group.images[result.index])}
        if (name := self.tasks[result.consensus].name) is not None:
            facts["consensus"] = name
        if result.presence is not None:
            facts["presence"] = round(result.presence, 4)
        if result.uniform:
            facts["notes"] = ["it is of one color, and nothing is to be found in it"]
        return facts
