"""Rendering of a comparison with published rows as plain text, Markdown or LaTeX."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cosod.evaluation.metrics.names import short_label

FORMATS = ("text", "markdown", "latex")

#: The source of rows that come from the user's own evaluation instead of a paper.
OWN = "this run"


@dataclass(frozen=True)
class Cell:
    """A cell of the table, which shows one figure.

    Attributes:
        text: the figure as printed, or ``-`` if the row has none.
        rank: 1 for the best figure of the column, 2 for the second best, 0 for all others.
        note: the number of the footnote, or 0 if the figure has none.
    """

    text: str
    rank: int
    note: int


#: The rows of a table, each with its ``PublishedRow``, whether it is the user's own, and its cells.
Body = list[tuple[Any, bool, list[Cell]]]


def render(
    fmt: str,
    *,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Any],
    decimals: Mapping[str, int],
    lower: Collection[str],
    notes: Sequence[str],
) -> str:
    """Renders the table as text that ends in a newline.

    Args:
        fmt: One of :data:`FORMATS`.
        title: The line above the table.
        columns: The columns from left to right, each ``measure`` or ``measure/class``.
        rows: :class:`cosod.evaluation.published.papers.PublishedRow` from top to bottom. Rows whose source is
            :data:`OWN` are marked with an arrow, or with ``>`` in plain text.
        decimals: The number of digits after the decimal point for each column. The user's own rows have at least one
            digit.
        lower: The measures for which a lower value is better.
        notes: Remarks that are printed below the table.

    Example:
        >>> render(fmt, title=title, columns=["s"], rows=rows, decimals={"s": 3}, lower=(), notes=())  # doctest: +SKIP
    """
    footnotes: list[str] = []
    # A row that was scored on other images than the table's is not ranked, so that no other row loses its mark to it.
    ranked = {c: [None if r.unlike else r.values.get(c) for r in rows] for c in columns}
    ranks = {c: _ranks(ranked[c], decimals[c], c.partition("/")[0] in lower) for c in columns}
    body = []
    for i, row in enumerate(rows):
        own = row.source == OWN
        cells = []
        for c in columns:
            if c in row.misprints:
                wrong = row.misprints[c]
                footnotes.append(f"{row.method}, {_label(c)}: printed as {wrong.printed}; {wrong.note}")
            digits = max(1, decimals[c]) if own else decimals[c]
            text = f"{row.values[c]:.{digits}f}" if c in row.values else "-"
            cells.append(Cell(text, ranks[c][i], len(footnotes) if c in row.misprints else 0))
        body.append((replace(row, source=f"{row.source}, not comparable") if row.unlike else row, own, cells))
    head = [f"{_label(c)} {'↓' if c.partition('/')[0] in lower else '↑'}" for c in columns]
    remarks = [f"[{i}] misprint: {text}." for i, text in enumerate(footnotes, 1)]
    remarks += [
        f"{r.method} is not comparable with the other rows and has no mark: {r.unlike}." for r in rows if r.unlike
    ]
    remarks += [n.rstrip(".: ") + "." for n in notes]
    return {"text": _text, "markdown": _markdown, "latex": _latex}[fmt](title, head, body, remarks)


def _label(column: str) -> str:
    measure, _, group = column.partition("/")
    return f"{short_label(measure)} {group}".strip()


def _ranks(values: Iterable[float | None], digits: int, lower: bool) -> list[int]:
    """Returns 1 for the best value, 2 for the second best and 0 for others; values that print alike share a rank."""
    shown = [None if v is None else round(v, digits) for v in values]
    order = sorted({v for v in shown if v is not None}, reverse=not lower)
    return [order.index(v) + 1 if v is not None and v in order[:2] else 0 for v in shown]


def _marked(cell: Cell, ranks: tuple[str, str, str], note: str) -> str:
    """Returns the text of a cell in the pattern of its rank, followed by its footnote in the pattern ``note``."""
    text = ranks[cell.rank].format(cell.text)
    return text + note.format(cell.note) if cell.note else text


def _text(title: str, head: list[str], body: Body, remarks: list[str]) -> str:
    mark = {0: " ", 1: "*", 2: "'"}
    lines = [["", "method", "venue", "trained on", *head, "source"]]
    for row, own, cells in body:
        figures = [f"{c.text}{mark[c.rank]}{f'[{c.note}]' if c.note else ''}" for c in cells]
        lines.append([">" if own else "", row.method, row.venue or "-", row.training or "-", *figures, row.source])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = [title, ""]
    out += ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    out.insert(3, "  ".join("-" * w for w in widths))
    out += ["", "* best, ' second best, > this run, - not printed", *remarks]
    return "\n".join(out) + "\n"


def _markdown(title: str, head: list[str], body: Body, remarks: list[str]) -> str:
    def figure(cell: Cell) -> str:
        return _marked(cell, ("{}", "**{}**", "<u>{}</u>"), " [{}]")

    def safe(text: str) -> str:
        return "".join(f"\\{c}" if c in "\\|*_<`" else c for c in text)

    names = ["method", "venue", "trained on", *(safe(h) for h in head), "source"]
    out = [f"**{title}**", "", f"| {' | '.join(names)} |", "|---|---|---|" + "---:|" * len(head) + "---|"]
    for row, own, cells in body:
        method = f"→ {safe(row.method)}" if own else safe(row.method)
        line = [method, safe(row.venue) or "-", safe(row.training) or "-", *map(figure, cells), row.source]
        out.append(f"| {' | '.join(line)} |")
    out += ["", "**best**, <u>second best</u>, → this run, - not printed.", ""]
    out += [f"- {safe(r)}" for r in remarks]
    return "\n".join(out) + "\n"


def _latex(title: str, head: list[str], body: Body, remarks: list[str]) -> str:
    special = {c: f"\\{c}" for c in "&%$#_{}"} | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
    }

    def safe(text: str) -> str:
        return "".join(special.get(c, c) for c in text)

    def figure(cell: Cell) -> str:
        return _marked(cell, ("{}", r"\textbf{{{}}}", r"\underline{{{}}}"), r"\textsuperscript{{{}}}")

    names = ["Method", "Venue", "Trained on", *(safe(h) for h in head), "Source"]
    out = [f"% {title}", "% bold: best, underlined: second best, arrow: this run"]
    out += [f"\\begin{{tabular}}{{lll{'r' * len(head)}l}}", "\\hline", " & ".join(names) + r" \\", "\\hline"]
    for row, own, cells in body:
        method = rf"$\rightarrow$ {safe(row.method)}" if own else safe(row.method)
        line = [method, safe(row.venue) or "-", safe(row.training) or "-", *map(figure, cells), safe(row.source)]
        out.append(" & ".join(line) + r" \\")
    out += ["\\hline", "\\end{tabular}", *(f"% {r}" for r in remarks)]
    return "\n".join(out) + "\n"
