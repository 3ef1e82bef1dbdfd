"""Tables in Markdown, and their places in a file of results."""

from collections.abc import Sequence
from pathlib import Path

FIRST = "# Measured speed\n\nEach section is written by the command that stands in it, with `-o` and this file.\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table in Markdown; the first ``words`` columns are words, the others are numbers and stand to the right."""
    rules = ["---" if place < words else "---:" for place in range(len(columns))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (columns, rules, *rows))


def write_section(path: Path, name: str, title: str, text: str) -> None:
    """Put a section into a file, in the place of the section of the same name or else at the end.

    Sections stand between comments that carry their names; what people write outside of them stays.
    """
    start, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = f"{start}\n## {title}\n\n{text.strip()}\n{end}\n"
    old = path.read_text(encoding="utf-8") if path.exists() else FIRST
    before, found, rest = old.partition(start)
    if found:
        _, closed, after = rest.partition(end)
        if not closed:
            raise SystemExit(f"{path}: section {name} has no end; add the line {end}")
        new = before + section + after.removeprefix("\n")
    else:
        new = f"{old.rstrip()}\n\n{section}"
    path.write_text(new, encoding="utf-8")


def read_sections(path: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of the tables of each section of a file, by the names of their columns."""
    found: dict[str, list[dict[str, str]]] = {}
    rows, names = [], None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("<!-- begin "):
            rows = found.setdefault(line.removeprefix("<!-- begin ").removesuffix(" -->"), [])
        if not line.startswith("|"):
            names = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if names is None:
            names = cells
        elif not set(cells[0]) <= {"-"}:
            rows.append(dict(zip(names, cells, strict=True)))
    return found
