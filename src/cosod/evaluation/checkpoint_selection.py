"""Choice of a checkpoint by the scores of its maps, with a remark on how far the choice can be trusted."""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from cosod.errors import InputError
from cosod.evaluation.metrics.names import label, lower_is_better
from cosod.evaluation.report.report import Report


@dataclass(frozen=True)
class CheckpointSelection:
    """Checkpoints of one run under one measure.

    Attributes:
        key: the measure.
        ranked: best first.
        last: the last checkpoint in the order of training.
        mean: mean of the measure over the checkpoints.
    """

    key: str
    ranked: list[Report]
    last: Report
    mean: float

    @property
    def best(self) -> Report:
        """The choice."""
        return self.ranked[0]

    @property
    def remark(self) -> str:
        """Where the choice was made, and what follows."""
        name = self.best.set_name or "this set"
        return (
            f"Chosen on {name} by {label(self.key)}, protocol {self.best.protocol}: the best figure is an optimistic "
            "one there; report it on a set that had no part in the choice, or report the last checkpoint."
        )

    def text(self) -> str:
        """Returns ranking, last and mean, for the terminal."""
        width = max(10, *(len(r.method) for r in self.ranked))
        lines = [f"{'rank':>4}  {'checkpoint':{width}}  {label(self.key):>10}"]
        for rank, r in enumerate(self.ranked, 1):
            notes = [n for n, yes in (("chosen", rank == 1), ("last", r is self.last)) if yes]
            lines.append(f"{rank:>4}  {r.method:{width}}  {r.all[self.key]:>10.4f}  {', '.join(notes)}".rstrip())
        best, last = self.best.all[self.key], self.last.all[self.key]
        lines.append(f"best {best:.4f}, last {last:.4f}, mean of {len(self.ranked)} checkpoints {self.mean:.4f}")
        return "\n".join([*lines, self.remark])

    def record(self) -> dict:
        """Returns the same for JSON."""
        return {
            "select": self.key,
            "protocol": self.best.protocol,
            "chosen_on": self.best.set_name,
            "best": {"checkpoint": self.best.method, "value": self.best.all[self.key]},
            "last": {"checkpoint": self.last.method, "value": self.last.all[self.key]},
            "mean": self.mean,
            "ranking": [{"checkpoint": r.method, "value": r.all[self.key]} for r in self.ranked],
            "remark": self.remark,
        }


def select(reports: list[Report], key: str) -> CheckpointSelection:
    """Ranks checkpoints by a measure.

    Args:
        reports: reports of one set and protocol, in the order of training.
        key: a measure that the protocol has.

    Raises:
        InputError: the protocol has no such measure, or there is nothing to choose from.
    """
    if not reports:
        raise InputError("no checkpoints to choose from; give the folder that holds a folder of maps for each")
    if key not in reports[0].all:
        raise InputError(
            f"protocol {reports[0].protocol} has no measure {key!r}; choose one of {', '.join(reports[0].keys)}"
        )
    sign = 1 if lower_is_better(key) else -1
    # NaN last; of equal checkpoints the earlier.
    ranked = sorted(reports, key=lambda r: sign * r.all[key] if not math.isnan(r.all[key]) else math.inf)
    return CheckpointSelection(key, ranked, reports[-1], sum(r.all[key] for r in reports) / len(reports))


def checkpoints(folder: str | os.PathLike) -> list[Path]:
    """Returns the folders inside ``folder``, numbers in their names in order: ``epoch_2`` before ``epoch_10``.

    Raises:
        InputError: no such folder, or none inside.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds a folder of maps for each checkpoint")
    found = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if not found:
        raise InputError(f"{folder}: holds no folders; give the one that holds a folder of maps for each checkpoint")
    return sorted(found, key=lambda p: in_order(p.name))


def in_order(name: str) -> list[tuple[int, int, str]]:
    """Returns the sorting key that reads runs of digits as numbers."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
