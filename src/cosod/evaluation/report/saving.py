"""Reports as a folder of files."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from cosod.evaluation.report import formats
from cosod.evaluation.report.html_page import page
from cosod.evaluation.report.report import Report
from cosod.io.atomic_write import write_text

#: The files that :func:`save` writes.
FILES = (
    "images.csv",
    "groups.csv",
    "curves.csv",
    "summary.json",
    "summary.csv",
    "summary.md",
    "summary.tex",
    "report.html",
)


def save(folder: str | os.PathLike, reports: list[Report], *, images: str | os.PathLike | None = None) -> list[Path]:
    """Writes a report to a folder, except for the figures.

    ``images.csv``, ``groups.csv``, ``curves.csv``, ``summary.json``, ``summary.csv``, ``summary.md``,
    ``summary.tex`` and ``report.html``; each row names its protocol, set and method.

    Args:
        reports: one or more, of any protocols, sets and methods.
        images: folder of the photos, shown in the page beside truth and map.

    Returns:
        The files.

    Raises:
        OutputError: something cannot be written.

    Example:
        >>> files = save("report", [evaluate("maps", "gts")])  # doctest: +SKIP
    """
    # Texts are made one at a time: with 100,000 images the rows alone are tens of megabytes.
    makers: dict[str, Callable[[], str]] = {
        "images.csv": lambda: formats.images_csv(reports),
        "groups.csv": lambda: formats.groups_csv(reports),
        "curves.csv": lambda: formats.curves_csv(reports),
        "summary.json": lambda: json.dumps(formats.summary(reports), indent=2, ensure_ascii=False) + "\n",
        "summary.csv": lambda: formats.summary_csv(reports),
        "summary.md": lambda: formats.markdown(reports),
        "summary.tex": lambda: formats.latex(reports),
        "report.html": lambda: page(reports, images),
    }
    folder = Path(folder)
    for name, make in makers.items():
        write_text(folder / name, formats.printable(make()))
    return [folder / name for name in makers]
