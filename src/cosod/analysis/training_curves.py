"""Learning curves of training runs, from the ``log.jsonl`` in their folders (GCoNet+ figure 9)."""

import csv
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cosod.analysis import plots
from cosod.errors import InputError
from cosod.io.atomic_write import write_text
from cosod.io.photo_groups import unique_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import LineStyleType

LOG = "log.jsonl"
#: Keys of a log line that are not loss terms; see :class:`cosod.training.run_log.RunLog`.
_FACTS = ("step", "epoch", "lr", "seconds", "skipped", "validation")
#: Minimum number of points of a curve that is also drawn smoothed.
_MANY = 40
_COLUMNS = 3

#: Steps and values of a curve, ``(P,)`` each, in the order of the steps.
Curve = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class RunCurves:
    """Learning curves of one run.

    Attributes:
        name: name of the run in the figures.
        terms: curves of the loss terms, by name; ``total`` is their weighted sum.
        lr: curve of the learning rate, or None if the log has none.
        validation: curves of the validation, by measure (``mae``, ``iou``, ``s``) and kind (``plain``,
            ``distractors``).
        damaged: number of lines that could not be read and were left out.
    """

    name: str
    terms: dict[str, Curve]
    lr: Curve | None
    validation: dict[str, dict[str, Curve]]
    damaged: int


@dataclass
class _Points:
    """Values of a curve by step; a later value of the same step replaces an earlier one."""

    by_step: dict[int, float] = field(default_factory=dict)

    def curve(self) -> Curve:
        steps = sorted(self.by_step)
        return np.array(steps), np.array([self.by_step[step] for step in steps], np.float64)


def read_run(folder: str | os.PathLike, name: str = "") -> RunCurves:
    """Reads the learning curves of a run from the log in its folder.

    Lines that are damaged or are not log lines are left out and counted.

    Args:
        folder: folder of the run.
        name: name of the run in the figures; by default that of the folder.

    Raises:
        InputError: the folder has no log, the log cannot be read, or it has no usable line.

    Example:
        >>> curves = read_run("runs/one")  # doctest: +SKIP
        >>> steps, values = curves.terms["total"]  # doctest: +SKIP
    """
    folder = Path(folder)
    path = folder / LOG
    try:
        lines = path.read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no {LOG} in it; give the folder of a run of cosod train") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    rows = [row for row in map(_row, lines) if row]
    terms: dict[str, _Points] = {}
    validation: dict[str, dict[str, _Points]] = {}
    rate = _Points()
    for row in rows:
        step = row["step"]
        for term, value in row.items():
            if term not in _FACTS and _is_number(value):
                terms.setdefault(term, _Points()).by_step[step] = value
        if _is_number(row.get("lr")):
            rate.by_step[step] = row["lr"]
        for kind, scores in row.get("validation", {}).items():
            for measure, value in scores.items():
                if _is_number(value):
                    validation.setdefault(measure, {}).setdefault(kind, _Points()).by_step[step] = value
    if not (terms or validation or rate.by_step):
        raise InputError(f"{path}: nothing to draw in its {len(lines)} lines; give the folder of another run")
    return RunCurves(
        name or folder.resolve().name,
        {term: points.curve() for term, points in terms.items()},
        rate.curve() if rate.by_step else None,
        {measure: {kind: p.curve() for kind, p in kinds.items()} for measure, kinds in validation.items()},
        sum(bool(line.strip()) for line in lines) - len(rows),
    )


def read_runs(folders: Sequence[str | os.PathLike]) -> list[RunCurves]:
    """Reads the learning curves of several runs.

    The name of a run is that of its folder, preceded by that of the parent folder if names would be equal otherwise.

    Raises:
        InputError: as for :func:`read_run`.

    Example:
        >>> [run.name for run in read_runs([Path("runs/one"), Path("runs/two")])]  # doctest: +SKIP
    """
    paths = [Path(folder).resolve() for folder in folders]
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = ["/".join(path.parts[-2:]) for path in paths]
    return [read_run(folder, name) for folder, name in zip(folders, unique_names(names), strict=True)]


def curve_files(folder: Path) -> list[Path]:
    """Returns the files that :func:`draw` writes in a folder.

    Example:
        >>> [path.name for path in curve_files(Path("curves"))]
        ['learning_curves.png', 'learning_curves.csv']
    """
    return [folder / "learning_curves.png", folder / "learning_curves.csv"]


def draw(runs: Sequence[RunCurves], folder: Path) -> list[Path]:
    """Draws learning curves, with a panel for each quantity and a line for each run, and writes the values as CSV.

    Args:
        runs: runs of :func:`read_runs`.
        folder: folder of the files.

    Returns:
        The figure and the table.

    Raises:
        ExtraError: matplotlib is not installed.
        OutputError: a file cannot be written.

    Example:
        >>> files = draw(read_runs([Path("runs/one"), Path("runs/two")]), Path("curves"))  # doctest: +SKIP
    """
    plots.check()
    panels = _panels(runs)
    picture, table = curve_files(folder)
    _figure(panels, [run.name for run in runs], picture)
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["run", "quantity", "kind", "step", "value"])
    for title, lines in panels:
        for run, kind, (steps, values) in lines:
            name = runs[run].name
            rows.writerows([name, title, kind, step, value] for step, value in zip(steps, values, strict=True))
    write_text(table, out.getvalue())
    return [picture, table]


#: Panel of the figure: its title, and for each line the index of the run, the kind ("" if there is only one), and the
#: curve.
_Panel = tuple[str, list[tuple[int, str, Curve]]]


def _panels(runs: Sequence[RunCurves]) -> list[_Panel]:
    """Returns the panels in their order: the total loss, its terms, the validation, and the learning rate."""
    found: dict[str, list[tuple[int, str, Curve]]] = {}
    names = dict.fromkeys(["total", *(term for run in runs for term in run.terms)])
    for term in names:
        found[f"loss: {term}"] = [(i, "", run.terms[term]) for i, run in enumerate(runs) if term in run.terms]
    for i, run in enumerate(runs):
        for measure, kinds in run.validation.items():
            lines = found.setdefault(f"validation: {measure}", [])
            lines += [(i, kind, curve) for kind, curve in kinds.items()]
    found["learning rate"] = [(i, "", run.lr) for i, run in enumerate(runs) if run.lr is not None]
    return [(title, lines) for title, lines in found.items() if lines]


def _figure(panels: list[_Panel], runs: list[str], path: Path) -> None:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    kinds = sorted({kind for _, lines in panels for _, kind, _ in lines if kind}, key=lambda kind: kind != "plain")
    patterns: list[LineStyleType] = ["-", "-", "--", ":", "-."]
    dashes = dict(zip(["", *kinds], patterns + patterns[2:] * len(kinds), strict=False))
    style = plots.STYLE | {"axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True}
    with matplotlib.rc_context(style):
        palette = matplotlib.colormaps["tab10" if len(runs) <= 10 else "tab20"]
        colors = [palette(i % palette.N) for i in range(len(runs))]
        figure = Figure(figsize=(max(4.2, 3.5 * columns), 2.5 * rows + 0.7), layout="constrained")
        places = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (title, lines) in zip(places, panels, strict=False):
            for run, kind, curve in lines:
                _line(axes, curve, color=colors[run], linestyle=dashes[kind])
            axes.set_title(title)
            axes.set_xlabel("step", fontsize=8)
            axes.tick_params(labelsize=8)
            axes.xaxis.get_major_locator().set_params(nbins=5, integer=True)
            if title.startswith("learning"):
                axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4))
        for axes in places[len(panels) :]:
            axes.remove()
        handles = [Line2D([], [], color=c, label=plots.short(run, 32)) for c, run in zip(colors, runs, strict=True)]
        if len(kinds) > 1:
            handles += [Line2D([], [], color="#555555", linestyle=dashes[kind], label=kind) for kind in kinds]
        figure.legend(handles=handles, loc="outside upper left", ncols=max(1, columns), fontsize=8)
        plots.save(figure, path)


def _line(axes: "Axes", curve: Curve, **look: Any) -> None:
    """Draws a curve. A long curve is drawn faintly, with its moving average over a twentieth of its length on top."""
    steps, values = curve
    if len(steps) < _MANY:
        axes.plot(steps, values, linewidth=1.4, marker="." if len(steps) < 15 else None, markersize=5, **look)
        return
    axes.plot(steps, values, linewidth=0.7, alpha=0.3, **look)
    width = max(3, len(steps) // 20) | 1
    padded = np.pad(values, width // 2, mode="edge")
    axes.plot(steps, np.convolve(padded, np.full(width, 1 / width), mode="valid"), linewidth=1.5, **look)


def _row(line: bytes) -> dict | None:
    """Parses a line of the log; returns ``None`` if it is damaged or is not a log line."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        return None
    scores = row.get("validation", {})
    if not isinstance(scores, dict) or not all(isinstance(of_kind, dict) for of_kind in scores.values()):
        return None
    return row


def _is_number(value: object) -> bool:
    """Returns whether a value is a finite number; a loss that is not finite is logged as null."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
