"""Finding the object in the photos of a group; results are written in the background while the network continues."""

import functools
from dataclasses import dataclass, field

from cosod.apps.absence import ABSENT
from cosod.apps.group_job import ONE_IMAGE, reading
from cosod.apps.resumable import Unit
from cosod.apps.segment.results import write_results
from cosod.apps.segment.task import GroupTask
from cosod.errors import ImageError
from cosod.inference.results import GroupDetector, Result
from cosod.io.background_writer import Writer
from cosod.io.photo_groups import Group


@dataclass
class Found:
    """What one task has found in the images of a group.

    Attributes:
        absent: index -> facts (``group``, ``image``, ``presence``, ...), of the images without the object.
        presence: stem -> probability that the object is in the image, where it is known.
    """

    absent: dict[int, dict] = field(default_factory=dict)
    presence: dict[str, float] = field(default_factory=dict)


class Search:
    """The search for the object in one group, or in a part of one.

    The constructor runs the whole search. When it returns, all results have been submitted to the writer, but not all
    of them need be written.

    Args:
        detector: the detector.
        group: the photos.
        tasks: the tasks for which each photo is processed.
        unit: takes events and failures.
        writer: writes the results.

    Attributes:
        failed: indices of the images that could not be read, at first or when their results were written.
        found: what each task has found; complete once the writer has written everything.

    Example:
        >>> with Writer() as writer:  # doctest: +SKIP
        ...     search = Search(detector, group, [GroupTask(job)], Unit(group.name, print, writer.then), writer)
    """

    def __init__(self, detector: GroupDetector, group: Group, tasks: list[GroupTask], unit: Unit, writer: Writer):
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
        """Records what was found in an image, and submits its map, or an empty one, to the writer."""
        task, found = self.tasks[result.consensus], self.found[result.consensus]
        facts = self._facts(result)
        blank = False
        if result.presence is not None:
            found.presence[self.group.stems[result.index]] = facts["presence"]
            if task.job.absent != "keep" and result.presence < ABSENT:
                found.absent[result.index] = facts
                blank = task.job.absent == "blank"
        write = functools.partial(write_results, result, blank, self.group, task.job, self.detector.options.max_pixels)

        def then(told: dict | ImageError) -> None:
            if isinstance(told, ImageError):
                self._fail(result.index, told, written=True)
            else:
                self.unit.report({"event": "image", **facts, **told})

        height, width = result.size
        self.writer.put(write, then, 4 * height * width)

    def _fail(self, index: int, error: ImageError, written: bool = False) -> None:
        """Records and reports the failure of an image, only once even if several tasks fail."""
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
