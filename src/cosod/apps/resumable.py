"""One runner for all verbs that go on where they stopped: what is done is skipped, and records say what is done.

A run does one unit after the other: a group of photos, a part of a long one, or a clip. The record of a unit, see
:mod:`cosod.io.run_records`, is begun before its first result, and written whole after its last.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosod.apps.stale import earlier_of
from cosod.apps.summary import Summary
from cosod.io.atomic_write import write_text
from cosod.io.run_records import begin, read_record
from cosod.io.storage import all_there, is_remote

EventListener = Callable[[dict], None]


def at_once(call: Callable[[], None]) -> None:
    """Calls a function: the order of events in runs that write no results in the background."""
    call()


@dataclass(frozen=True)
class UnitRecord:
    """The record of a unit in one output folder.

    Attributes:
        file: where the record is.
        verb: the command that makes the results.
        fingerprint: a hash that changes whenever the results might.
        results: takes what an earlier run recorded, and returns the files that must be there for it to be finished.
        overwrite: do the unit again, whatever is there.
    """

    file: Path
    verb: str
    fingerprint: str
    results: Callable[[dict], Iterable[Path]]
    overwrite: bool = False

    def finished(self) -> dict | None:
        """Returns the record of the earlier run that finished the unit; None if it has to be done."""
        stored = {} if self.overwrite else read_record(self.file)
        if stored.get("fingerprint") != self.fingerprint:
            return None
        return stored if all_there(self.results(stored)) else None

    def begin(self) -> dict[str, list[str]]:
        """Marks the unit as not finished any more.

        Returns:
            What the new record shall say of photos of earlier runs, see :mod:`cosod.apps.stale`.
        """
        earlier = earlier_of(read_record(self.file))
        if not is_remote(self.file) or self.file.exists():  # each write to a store takes long
            begin(self.file, self.verb, earlier=earlier)
        return earlier


class Unit:
    """One unit of a run: whether it is done already, what goes wrong in it, and its summary.

    Its methods are called in this order: :meth:`pending`, :meth:`begin` where something is, :meth:`finish` once the
    results are written.

    Args:
        name: name of the group or clip in events and failures.
        report: called with a dictionary for each ``event``.
        later: calls a function once all that was handed over before is written.
        clip: whether it is a clip, whose images are frames.

    Example:
        >>> unit = Unit("mugs", print)
        >>> unit.fail("mugs/1.jpg", "mugs/1.jpg: cannot be read")
        {'event': 'failed', 'group': 'mugs', 'image': 'mugs/1.jpg', 'error': 'mugs/1.jpg: cannot be read'}
        >>> len(unit.summary.failed)
        1
    """

    def __init__(
        self,
        name: str,
        report: EventListener,
        later: Callable[[Callable[[], None]], None] = at_once,
        clip: bool = False,
    ) -> None:
        self.name, self.report, self.clip, self.summary = name, report, clip, Summary()
        self._later = later
        self._pending: list[UnitRecord] = []
        self._earlier: list[dict[str, list[str]]] = []

    @property
    def failed(self) -> list[dict[str, str]]:
        """What failed: ``group``, ``image``, ``error``, and of clips ``kind``."""
        return self.summary.failed

    def pending(self, records: Sequence[UnitRecord], images: int) -> list[int]:
        """Returns which records have to be done; a unit without any is reported as skipped, with so many images."""
        stored = [record.finished() for record in records]
        for earlier in stored:
            if earlier is not None:
                self.summary.absent += earlier.get("absent", [])
        numbers = [number for number, earlier in enumerate(stored) if earlier is None]
        self._pending = [records[number] for number in numbers]
        if not numbers and stored[-1] is not None:
            self.summary.skipped_groups, self.summary.skipped_clips = 1, int(self.clip)
            self.summary.failed += stored[-1]["failed"]
            self.tell("skipped", images=images)
        return numbers

    def begin(self) -> None:
        """Begins the records that have to be done."""
        self._earlier = [record.begin() for record in self._pending]

    def tell(self, event: str, **facts: object) -> None:
        """Reports an event in its place among those of results that are being written."""
        self._later(functools.partial(self.report, {"event": event, "group": self.name, **facts}))

    def fail(self, image: object, error: object, written: bool = False, kind: str | None = None) -> None:
        """Leaves out an image, or a whole clip, and reports it; the run goes on.

        Args:
            image: its path.
            error: what went wrong, a sentence that names it.
            written: whether the results that were handed over before are written, so that the event need not wait.
            kind: for a clip, :data:`cosod.apps.summary.CLIP` or :data:`cosod.apps.summary.PART`.
        """
        of_clip = {} if kind is None else {"kind": kind}
        self.failed.append({"group": self.name, "image": str(image), "error": str(error), **of_clip})
        event = {"event": "failed", **self.failed[-1]}
        if written:
            self.report(event)
        else:
            self._later(functools.partial(self.report, event))

    def finish(self, images: int, facts: Sequence[Mapping[str, Any]]) -> None:
        """Writes the records, once all results are written.

        Args:
            images: how many are done.
            facts: for each of the records that had to be done what it keeps.
        """
        self.summary.groups, self.summary.images = 1, images
        if self.clip:
            self.summary.clips, self.summary.frames = 1, images
        for record, earlier, kept in zip(self._pending, self._earlier, facts, strict=True):
            known = {"verb": record.verb, "fingerprint": record.fingerprint, "failed": self.failed}
            write_text(record.file, json.dumps({**known, **kept, "earlier": earlier}))
            self.summary.absent += kept.get("absent", ())
        self.report({"event": "group", "group": self.name, "images": images, "failed": len(self.failed)})
