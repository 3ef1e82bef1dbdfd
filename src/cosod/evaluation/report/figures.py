"""Figures for papers as PNG and SVG: PR, F, E and ROC curves, and a scatter plot of S and MAE.

This module needs matplotlib, from the extra ``report``.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cosod.errors import ExtraError
from cosod.evaluation.report.formats import tables
from cosod.evaluation.report.report import Report
from cosod.io.atomic_write import whole
from cosod.io.file_names import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

#: The colors of Okabe and Ito, which most color-blind readers can tell apart, without yellow, which is faint on paper.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_LINES = ("-", "--", ":", "-.")
_MARKERS = "osD^vP*X<>"
_STYLE: "dict[RcKeyType, object]" = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.hashsalt": "cosod",
}
#: The x curve ("" for thresholds), y curve, x label, y label and title of each figure.
_CURVES = {
    "pr": ("recall", "precision", "Recall", "Precision", "Precision and recall"),
    "f": ("", "f", "Threshold", "F-measure (β² = 0.3)", "F-measure"),
    "e": ("", "e", "Threshold", "E-measure", "E-measure"),
    "roc": ("fpr", "recall", "False positive rate", "True positive rate", "ROC"),
}


def check() -> None:
    """Checks that matplotlib is installed, for use before a long computation.

    Raises:
        ExtraError: matplotlib is not installed.

    Example:
        >>> check()  # doctest: +SKIP
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ExtraError("drawing figures", "report") from None


def save(folder: str | os.PathLike, reports: list[Report]) -> list[Path]:
    """Draws the figures of each set and protocol, as far as the protocol has their curves and measures.

    The files are ``<set>_<protocol>_<figure>.png`` and ``.svg``, where the figure is one of ``pr f e roc s_mae``.

    Args:
        folder: the folder for the files.
        reports: reports of any sets, protocols and methods; the methods of one set and protocol share a figure.

    Returns:
        The paths of the files.

    Raises:
        ExtraError: matplotlib is not installed.
        OutputError: a file cannot be written.

    Example:
        >>> files = save("report", [evaluate("maps", "gts")])  # doctest: +SKIP
    """
    check()
    import matplotlib

    written = []
    with matplotlib.rc_context(_STYLE):
        for (set_name, protocol), rows in tables(reports).items():
            start = re.sub(r"[^\w.-]+", "_", f"{set_name}_{protocol}" if set_name else protocol)
            for name, (x, y, x_label, y_label, title) in _CURVES.items():
                if y in rows[0].curves:
                    figure = _lines(rows, x, y, (x_label, y_label), _titled(title, rows[0]))
                    written += _write(figure, Path(folder), f"{start}_{name}")
            if {"s", "mae"} <= set(rows[0].keys):
                written += _write(_scatter(rows), Path(folder), f"{start}_s_mae")
    return written


def _titled(title: str, report: Report) -> str:
    return f"{title}{', ' + report.set_name if report.set_name else ''} (protocol {report.protocol})"


def _figure(title: str, labels: tuple[str, str]):
    # Without pyplot, matplotlib needs no window system and keeps no global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 3.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    return figure, axes


def _lines(rows: list[Report], x: str, y: str, labels: tuple[str, str], title: str):
    figure, axes = _figure(title, labels)
    for i, report in enumerate(rows):
        ys = report.curves[y]
        xs = report.curves[x] if x else np.linspace(0, 1, len(ys))
        style = {"color": _COLORS[i % len(_COLORS)], "linestyle": _LINES[i // len(_COLORS) % len(_LINES)]}
        axes.plot(xs, ys, linewidth=1.6, label=printable(report.method or "maps"), **style)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    if len(rows) > 1:
        axes.legend(fontsize=8)
    return figure


def _scatter(rows: list[Report]):
    """Draws one point for each method, or for a single method one point for each group and one for all images."""
    single = len(rows) == 1 and len(rows[0].groups) > 1
    title = _titled("S and MAE by group" if single else "S and MAE", rows[0])
    figure, axes = _figure(title, ("MAE (less is better)", "S-measure"))
    if single:
        points = list(rows[0].groups.values())
        axes.scatter([p["mae"] for p in points], [p["s"] for p in points], s=16, color=_COLORS[0], alpha=0.6, lw=0)
        axes.scatter(rows[0].all["mae"], rows[0].all["s"], s=60, marker="X", color=_COLORS[1], label="all images")
    else:
        for i, report in enumerate(rows):
            look = {"color": _COLORS[i % len(_COLORS)], "marker": _MARKERS[i % len(_MARKERS)]}
            axes.scatter(report.all["mae"], report.all["s"], s=42, label=printable(report.method or "maps"), **look)
    axes.margins(0.12)
    axes.legend(fontsize=8)
    return figure


def _write(figure: "Figure", folder: Path, name: str) -> list[Path]:
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        with whole(path) as temporary:
            kind = path.suffix[1:]
            figure.savefig(temporary, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
    return paths
