"""Saving reports as a folder of files."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from cosod.evaluation.report import formats
from cosod.evaluation.report.html_page import page
from cosod.evaluation.report.report import Report
from cosod.io.atomic_write import write_text

#: The page with all tables and figures, which is opened in a browser.
PAGE = "report.html"
#: The files that :func:`save` writes.
FILES = (
    "images.csv",
    "groups.csv",
    "curves.csv",
    "summary.json",
    "summary.csv",
    "summary.md",
    "summary.tex",
    PAGE,
)


def save(folder: str | os.PathLike, reports: list[Report], *, images: str | os.PathLike | None = None) -> list[Path]:
    """Writes reports to a folder.

    The files are ``images.csv``, ``groups.csv``, ``curves.csv``, ``summary.json``, ``summary.csv``, ``summary.md``,
    ``summary.tex`` and ``report.html``. Figures as images are written by :func:`cosod.evaluation.report.figures.save`.

    Args:
        folder: the folder for the files.
        reports: one or more reports of any protocols, sets and methods.
        images: the folder of the photos, which the HTML page shows beside truths and maps; see
            :func:`cosod.evaluation.report.html_page.page`.

    Returns:
        The paths of the files.

    Raises:
        InputError: the folder of the photos does not exist, contains no images, or has two photos of the same name.
        ImageError: a truth or a map that the page shows cannot be read.
        OutputError: a file cannot be written.

    Example:
        >>> files = save("report", [evaluate("maps", "gts")])  # doctest: +SKIP
    """
    # Only one text at a time is held in memory: for 100,000 images, the rows alone take tens of megabytes.
    makers: dict[str, Callable[[], str]] = {
        "images.csv": lambda: formats.images_csv(reports),
        "groups.csv": lambda: formats.groups_csv(reports),
        "curves.csv": lambda: formats.curves_csv(reports),
        "summary.json": lambda: json.dumps(formats.summary(reports), indent=2, ensure_ascii=False) + "\n",
        "summary.csv": lambda: formats.summary_csv(reports),
        "summary.md": lambda: formats.markdown(reports),
        "summary.tex": lambda: formats.latex(reports),
        PAGE: lambda: page(reports, images),
    }
    folder = Path(folder)
    for name, make in makers.items():
        write_text(folder / name, make())
    return [folder / name for name in makers]
