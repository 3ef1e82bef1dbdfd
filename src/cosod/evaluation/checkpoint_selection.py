"""Selection of a checkpoint by the scores of its maps, with a remark on how reliable its figure is."""

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
    """The checkpoints of one run, ranked by one measure.

    Attributes:
        key: the key of the measure, such as ``s``.
        ranked: one report for each checkpoint, best first.
        last: the report of the last checkpoint in the order of training.
        mean: the mean of the measure over the checkpoints whose value is not NaN.
    """

    key: str
    ranked: list[Report]
    last: Report
    mean: float

    @property
    def best(self) -> Report:
        """The report of the selected checkpoint, which has the best value of the measure."""
        return self.ranked[0]

    @property
    def remark(self) -> str:
        """A sentence that names the set and the measure, and warns that the best figure is optimistic."""
        name = self.best.set_name or "this set"
        return (
            f"Chosen on {name} by {label(self.key)}, protocol {self.best.protocol}: the best figure is an optimistic "
            "one there; report it on a set that had no part in the choice, or report the last checkpoint."
        )

    def text(self) -> str:
        """Returns the ranking, the values of the best and last checkpoints, the mean and the remark as text."""
        width = max(10, *(len(r.method) for r in self.ranked))
        lines = [f"{'rank':>4}  {'checkpoint':{width}}  {label(self.key):>10}"]
        for rank, r in enumerate(self.ranked, 1):
            notes = [n for n, yes in (("chosen", rank == 1), ("last", r is self.last)) if yes]
            lines.append(f"{rank:>4}  {r.method:{width}}  {r.all[self.key]:>10.4f}  {', '.join(notes)}".rstrip())
        best, last = self.best.all[self.key], self.last.all[self.key]
        lines.append(f"best {best:.4f}, last {last:.4f}, mean of {len(self.ranked)} checkpoints {self.mean:.4f}")
        return "\n".join([*lines, self.remark])

    def record(self) -> dict:
        """Returns the contents of :meth:`text` as a dictionary that can be written as JSON."""
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

    Checkpoints whose value is NaN are ranked last. Of checkpoints with equal values, the earlier one is ranked first.

    Args:
        reports: one report for each checkpoint, all of one set and protocol, in the order of training.
        key: the key of a measure of the protocol.

    Returns:
        The ranking, whose :attr:`~CheckpointSelection.best` is the selected checkpoint.

    Raises:
        InputError: ``reports`` is empty, or the protocol has no such measure.

    Example:
        >>> reports = [evaluate(p, "gts", method=p.name) for p in checkpoints("run")]  # doctest: +SKIP
        >>> select(reports, "max_e").best.method  # doctest: +SKIP
        'epoch_10'
    """
    if not reports:
        raise InputError("no checkpoints to choose from; give the folder that holds a folder of maps for each")
    if key not in reports[0].all:
        raise InputError(
            f"protocol {reports[0].protocol} has no measure {key!r}; choose one of {', '.join(reports[0].keys)}"
        )
    sign = 1 if lower_is_better(key) else -1
    # NaN is ranked last. The sort is stable, so of equal values the earlier checkpoint comes first.
    ranked = sorted(reports, key=lambda r: sign * r.all[key] if not math.isnan(r.all[key]) else math.inf)
    values = [report.all[key] for report in reports if not math.isnan(report.all[key])]
    return CheckpointSelection(key, ranked, reports[-1], sum(values) / len(values) if values else math.nan)


def checkpoints(folder: str | os.PathLike) -> list[Path]:
    """Returns the folders inside ``folder``, sorted by the numbers in their names: ``epoch_2`` precedes ``epoch_10``.

    Hidden folders, whose names begin with a dot, are left out.

    Raises:
        InputError: ``folder`` does not exist or contains no folders.

    Example:
        >>> [p.name for p in checkpoints("run")]  # doctest: +SKIP
        ['epoch_2', 'epoch_10']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds a folder of maps for each checkpoint")
    found = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    if not found:
        raise InputError(f"{folder}: holds no folders; give the one that holds a folder of maps for each checkpoint")
    return sorted(found, key=lambda p: in_order(p.name))


def in_order(name: str) -> list[tuple[int, int, str]]:
    """Returns a sorting key for names in which runs of digits are compared as numbers.

    Example:
        >>> sorted(["epoch_10", "epoch_2"], key=in_order)
        ['epoch_2', 'epoch_10']
    """
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]
