"""Resumable runs: finished units are skipped, and a record in the output folder says that a unit is finished.

A run processes one unit after the other. A unit is a group of photos, a part of a large group, or a video clip. The
record of a unit (see :mod:`cosod.io.run_records`) is begun before its first result is written, and completed after its
last one.
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
    """Calls a function immediately; the ``later`` of a :class:`Unit` whose results are not written in the background.

    Example:
        >>> at_once(lambda: print("done"))
        done
    """
    call()


@dataclass(frozen=True)
class UnitRecord:
    """The record of a unit in one output folder.

    Attributes:
        file: path of the record.
        verb: verb of the command that makes the results.
        fingerprint: a hash that changes whenever the results might change.
        results: function that takes the record of an earlier run and returns the files that must exist for the unit to
            be finished.
        overwrite: whether the unit is processed again even if it is finished.

    Example:
        >>> record = UnitRecord(Path("out/.cosod/mugs.json"), "segment", "abc", lambda stored: [])
        >>> record.finished() is None  # there is no such file
        True
    """

    file: Path
    verb: str
    fingerprint: str
    results: Callable[[dict], Iterable[Path]]
    overwrite: bool = False

    def finished(self) -> dict | None:
        """Returns the record of the earlier run that finished the unit; None if the unit has to be processed."""
        stored = {} if self.overwrite else read_record(self.file)
        if stored.get("fingerprint") != self.fingerprint:
            return None
        return stored if all_there(self.results(stored)) else None

    def begin(self) -> dict[str, list[str]]:
        """Marks the unit as not finished any more.

        Returns:
            The files of photos of earlier runs, which the new record keeps as ``earlier``, see :mod:`cosod.apps.stale`.
        """
        earlier = earlier_of(read_record(self.file))
        if not is_remote(self.file) or self.file.exists():  # writing to an object store is slow
            begin(self.file, self.verb, earlier=earlier)
        return earlier


class Unit:
    """One unit of a run, which knows whether it is finished, collects its failures, and counts for the summary.

    The methods are called in this order: :meth:`pending`; :meth:`begin`, if some records are pending; :meth:`finish`,
    once the results are written.

    Args:
        name: name of the group or clip in events and failures.
        report: called with a dictionary for each event; its key ``event`` gives the kind.
        later: function that calls another function once all results that were submitted before are written.
        clip: whether the unit is a video clip, whose images are frames.

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
        """The failures: a dictionary each, with ``group``, ``image`` and ``error``, and for clips also ``kind``."""
        return self.summary.failed

    def pending(self, records: Sequence[UnitRecord], images: int) -> list[int]:
        """Finds the records that are not finished; if all are finished, reports the unit as skipped.

        Args:
            records: the records of the unit, one for each output folder.
            images: number of images of the unit, for the report.

        Returns:
            The indices of the records that have to be processed.
        """
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
        """Begins the records that :meth:`pending` found to be unfinished."""
        self._earlier = [record.begin() for record in self._pending]

    def tell(self, event: str, **facts: object) -> None:
        """Reports an event after the events of all results that are still being written.

        Args:
            event: kind of the event.
            facts: further values of the event.
        """
        self._later(functools.partial(self.report, {"event": event, "group": self.name, **facts}))

    def fail(self, image: object, error: object, written: bool = False, kind: str | None = None) -> None:
        """Records and reports the failure of an image or of a whole clip; the run continues.

        Args:
            image: path of the image or clip.
            error: the error; its text is a sentence that names the image.
            written: whether all results that were submitted before are written already, so that the event is reported
                immediately.
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
        """Writes the complete records; all results must be written before.

        Args:
            images: number of images that were processed.
            facts: for each record that :meth:`pending` found to be unfinished, the further values that it keeps.

        Raises:
            OutputError: a record cannot be written.
        """
        self.summary.groups, self.summary.images = 1, images
        if self.clip:
            self.summary.clips, self.summary.frames = 1, images
        for record, earlier, kept in zip(self._pending, self._earlier, facts, strict=True):
            known = {"verb": record.verb, "fingerprint": record.fingerprint, "failed": self.failed}
            write_text(record.file, json.dumps({**known, **kept, "earlier": earlier}))
            self.summary.absent += kept.get("absent", ())
        self.report({"event": "group", "group": self.name, "images": images, "failed": len(self.failed)})
