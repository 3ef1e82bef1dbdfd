"""The HTML report, a single self-contained file with sortable tables, curves and example images."""

import html
import math
import os
from importlib import resources

import numpy as np

from cosod.evaluation.metrics.names import label, lower_is_better
from cosod.evaluation.report import charts
from cosod.evaluation.report.examples import examples
from cosod.evaluation.report.formats import best_two, tables
from cosod.evaluation.report.report import Report


def page(reports: list[Report], images: str | os.PathLike | None = None) -> str:
    """Renders the HTML report as text.

    Args:
        reports: reports of any protocols, sets and methods. Each set and protocol has its own section.
        images: the folder of the photos, which have the names of the truths; a folder inside it with the name of the
            set is used for that set. If ``images`` is None, no photos are shown.

    Raises:
        InputError: the folder of the photos does not exist, contains no images, or has two photos of the same name.
        ImageError: a truth or a map that is shown cannot be read.

    Example:
        >>> html_text = page([evaluate("maps", "gts")])  # doctest: +SKIP
    """
    parted = tables(reports)
    title = "Evaluation" + (f" of {reports[0].method}" if len({r.method for r in reports}) == 1 else "")
    body = [f"<h1>{html.escape(title)}</h1>", _introduction(parted)]
    shown = set()
    for number, ((set_name, protocol), rows) in enumerate(parted.items()):
        heading = f"{set_name or 'All images'}, protocol {protocol}"
        body.append(f'<section id="s{number}"><h2>{html.escape(heading)}</h2>')
        body.append(f'<p class="soft">{html.escape(_facts(rows[0]))}</p>')
        body += [_warnings(rows), _summary(rows), _charts(rows), _groups(rows)]
        if set_name not in shown:
            shown.add(set_name)
            body.append(examples(rows, images))
        body.append("</section>")
    return _document(title, "\n".join(body))


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_asset('page.css')}</style>\n</head>\n"
        f"<body>\n{body}\n<script>\n{_asset('page.js')}</script>\n</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return resources.files("cosod.evaluation.report").joinpath("assets", name).read_text(encoding="utf-8")


def _introduction(parted: dict[tuple[str, str], list[Report]]) -> str:
    text = (
        "<p class='soft'>Figures of two protocols differ in the third digit: compare within a section only. "
        "Press a heading to sort.</p>"
    )
    if len(parted) == 1:
        return text
    links = (
        f'<a href="#s{i}">{html.escape(f"{name} {protocol}".strip())}</a>' for i, (name, protocol) in enumerate(parted)
    )
    return f"{text}<nav>{''.join(links)}</nav>"


def _facts(report: Report) -> str:
    count = len(report.groups)
    where = f" in {count} groups" if count > 1 else ""
    return f"{report.definitions.title}. {len(report.images)} images{where}; figures are means over images."


def _warnings(rows: list[Report]) -> str:
    many = len(rows) > 1
    told = [f"{r.method}: {w}" if many else w for r in rows for w in r.warnings]
    if not told:
        return ""
    return f'<div class="warnings"><ul>{"".join(f"<li>{html.escape(w)}</li>" for w in told)}</ul></div>'


def _summary(rows: list[Report]) -> str:
    keys = rows[0].keys
    body = []
    for r in rows:
        cells = [f'<td class="name">{html.escape(r.method or "maps")}</td>', _number(len(r.missing), "d")]
        cells += [_number(r.all[k], ".4f", _mark(r, rows, k), _interval(r, k)) for k in keys]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll">{_table(["method", "missing"], keys, body)}</div>'


def _mark(report: Report, rows: list[Report], key: str) -> str:
    value = round(report.all[key], 4)
    first, second = best_two(rows, key)
    return "best" if value == first else "second" if value == second else ""


def _interval(report: Report, key: str) -> str:
    if key not in report.intervals:
        return ""
    low, high = report.intervals[key]
    return f"<small>{low:.3f} to {high:.3f}</small>"


def _charts(rows: list[Report]) -> str:
    rows = [r for r in rows if r.curves]
    if not rows:
        return ""
    names = [r.method or "maps" for r in rows]

    def over_thresholds(key: str) -> list:
        return [(n, np.linspace(0, 1, len(r.curves[key])), r.curves[key]) for n, r in zip(names, rows, strict=True)]

    def against(x: str, y: str) -> list:
        return [(n, r.curves[x], r.curves[y]) for n, r in zip(names, rows, strict=True)]

    figures = [
        charts.line_chart("Precision and recall", ("recall", "precision"), against("recall", "precision")),
        charts.line_chart("F-measure", ("threshold", "F (β² = 0.3)"), over_thresholds("f")),
    ]
    if "e" in rows[0].curves:
        figures.append(charts.line_chart("E-measure", ("threshold", "E"), over_thresholds("e")))
    figures.append(charts.line_chart("ROC", ("false positive rate", "true positive rate"), against("fpr", "recall")))
    return f'<h3>Curves</h3><div class="charts">{"".join(figures)}</div>{charts.legend(names)}'


def _groups(rows: list[Report]) -> str:
    if len(rows[0].groups) < 2:
        return ""
    keys = rows[0].keys
    body = []
    for r in rows:
        for name, figures in r.groups.items():
            cells = [f'<td class="name">{html.escape(name)}</td>']
            if len(rows) > 1:
                cells.append(f'<td class="name">{html.escape(r.method)}</td>')
            cells.append(_number(r.totals[name].images, "d"))
            cells += [_number(figures[k], ".4f") for k in keys]
            body.append(f"<tr>{''.join(cells)}</tr>")
    first = ["group", *(["method"] if len(rows) > 1 else []), "images"]
    region = '<div class="tall" tabindex="0" role="region" aria-label="Groups">'
    return f"<h3>Groups</h3>{region}{_table(first, keys, body)}</div>"


def _table(first: list[str], keys: tuple[str, ...], body: list[str]) -> str:
    heads = [_heading(name, "ascending", name in ("method", "group")) for name in first]
    heads += [_heading(label(k), "ascending" if lower_is_better(k) else "descending", False) for k in keys]
    return f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _heading(text: str, first: str, left: bool) -> str:
    css = ' class="name"' if left else ""
    return f'<th scope="col"{css} data-first="{first}"><button type="button">{html.escape(text)}</button></th>'


def _number(value: float, form: str, css: str = "", more: str = "") -> str:
    if math.isnan(value):
        return '<td data-value="">-</td>'
    return f'<td data-value="{value:.6f}"><span class="{css}">{format(value, form)}</span>{more}</td>'
