"""How a comparison with published rows is printed: plain text, Markdown or LaTeX."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cosod.evaluation.metrics.names import short_label

FORMATS = ("text", "markdown", "latex")

#: The source of a row that is no paper's.
OWN = "this run"


@dataclass(frozen=True)
class Cell:
    """One figure: its text ("-" where there is none), its rank (1 best, 2 second, 0 neither), its footnote (0 none)."""

    text: str
    rank: int
    note: int


#: The rows of a table: the published row, whether it is from this run, and its figures.
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
        columns: Measures, ``measure`` or ``measure/class``, from left to right.
        rows: :class:`cosod.evaluation.published.papers.PublishedRow` from top to bottom; those with source
            :data:`OWN` are marked.
        decimals: Column -> digits after the point; a row of one's own has at least one.
        lower: Measures where lower is better.
        notes: Remarks below the table.
    """
    footnotes: list[str] = []
    # What was scored on other images than the table's neither gets a mark nor takes one from another row.
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
    """Returns 1 for the best, 2 for the second best, 0 for the rest; figures that print alike share their rank."""
    shown = [None if v is None else round(v, digits) for v in values]
    order = sorted({v for v in shown if v is not None}, reverse=not lower)
    return [order.index(v) + 1 if v is not None and v in order[:2] else 0 for v in shown]


def _marked(cell: Cell, ranks: tuple[str, str, str], note: str) -> str:
    """Returns the text of a figure in the pattern of its rank, followed by its footnote in the pattern ``note``."""
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
