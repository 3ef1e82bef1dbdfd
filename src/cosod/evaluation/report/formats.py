"""Reports as text: CSV files by image, group and threshold, and summaries as CSV, Markdown, LaTeX and plain text."""

import csv
import io
import math
from collections.abc import Iterable

from cosod.evaluation.metrics.names import label, lower_is_better
from cosod.evaluation.pairs import FLAT
from cosod.evaluation.report.report import Report

_CURVES = ("precision", "recall", "fpr", "f", "e")


def tables(reports: Iterable[Report]) -> dict[tuple[str, str], list[Report]]:
    """Sorts reports into tables, one for each set and protocol.

    The reports of a table are sorted by the S-measure, or by J if the protocol does not have S, best first.

    Returns:
        A dictionary from ``(set_name, protocol)`` to the reports of the table.

    Example:
        >>> tables([evaluate("maps", "gts", set_name="CoCA")]).keys()  # doctest: +SKIP
        dict_keys([('CoCA', 'papers')])
    """
    out: dict[tuple[str, str], list[Report]] = {}
    for report in reports:
        out.setdefault((report.set_name, report.protocol), []).append(report)
    for rows in out.values():
        main = "s" if "s" in rows[0].keys else "j"
        rows.sort(key=lambda r: (-r.all[main] if r.all[main] == r.all[main] else math.inf, r.method))
    return out


def best_two(rows: list[Report], key: str) -> tuple[float | None, float | None]:
    """Returns the best and the second-best value of a measure, rounded to four decimals as printed.

    Args:
        rows: the reports of one table.
        key: the key of the measure.

    Returns:
        The two values. Both are None if there is only one report, and the second is None if there is no other value.

    Example:
        >>> best, second = best_two(reports, "s")  # doctest: +SKIP
    """
    values = {round(r.all[key], 4) for r in rows if not math.isnan(r.all[key])}
    ranked = [*sorted(values, reverse=not lower_is_better(key)), None, None]
    return (ranked[0], ranked[1]) if len(rows) > 1 else (None, None)


def summary(reports: Iterable[Report]) -> list[dict]:
    """Returns one dictionary for each report, which can be written as JSON.

    It holds the names of protocol, set and method, the number of images, the figures over all images, their means over
    groups, the confidence intervals, the figures by group, the images without a map, and the warnings. Figures that are
    NaN become None.

    Example:
        >>> summary([evaluate("maps", "gts")])[0]["all"]["s"]  # doctest: +SKIP
    """
    return [
        {
            "protocol": r.protocol,
            "set": r.set_name,
            "method": r.method,
            "images": len(r.images),
            "all": _plain(r.all),
            "class_mean": _plain(r.class_mean),
            "intervals": {k: list(v) for k, v in r.intervals.items()},
            "groups": {name: _plain(figures) for name, figures in r.groups.items()},
            "missing": r.missing,
            "warnings": r.warnings,
        }
        for r in reports
    ]


def images_csv(reports: Iterable[Report]) -> str:
    """Returns CSV text with a row for each image of each report.

    Example:
        >>> text = images_csv([evaluate("maps", "gts")])  # doctest: +SKIP
    """
    reports = list(reports)
    keys = _union(reports)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["protocol", "set", "method", "group", "image", "missing", *keys])
    for r in reports:
        for pair in r.images.pairs:
            values = r.images[pair.key]
            missing = int(pair.prediction is None)
            writer.writerow(
                [r.protocol, r.set_name, r.method, pair.group, pair.stem, missing, *(_cell(values, k) for k in keys)]
            )
    return out.getvalue()


def groups_csv(reports: Iterable[Report]) -> str:
    """Returns CSV text with a row for each group of each report.

    Example:
        >>> text = groups_csv([evaluate("maps", "gts")])  # doctest: +SKIP
    """
    reports = list(reports)
    keys = _union(reports)
    rows = [
        [r.protocol, r.set_name, r.method, name, r.totals[name].images, *(_cell(figures, k) for k in keys)]
        for r in reports
        for name, figures in r.groups.items()
    ]
    return _csv(["protocol", "set", "method", "group", "images", *keys], rows)


def curves_csv(reports: Iterable[Report]) -> str:
    """Returns CSV text with a row for each threshold of each report, by rising threshold.

    Reports of protocols without curves have no rows.

    Example:
        >>> text = curves_csv([evaluate("maps", "gts")])  # doctest: +SKIP
    """
    rows = []
    for r in reports:
        if not r.curves:
            continue
        count = len(r.curves["f"])
        rows += [
            [r.protocol, r.set_name, r.method, k, *(f"{r.curves[c][k]:.6f}" if c in r.curves else "" for c in _CURVES)]
            for k in range(count)
        ]
    return _csv(["protocol", "set", "method", "threshold", *_CURVES], rows)


def summary_csv(reports: Iterable[Report]) -> str:
    """Returns CSV text with a row for the figures over all images of each report, and one for the means over groups.

    A report with confidence intervals has two more rows, ``low`` and ``high``, for their ends.

    Example:
        >>> text = summary_csv([evaluate("maps", "gts")])  # doctest: +SKIP
    """
    reports = list(reports)
    keys = _union(reports)
    rows = []
    for r in reports:
        start = [r.protocol, r.set_name, r.method, len(r.images), len(r.missing)]
        rows.append([*start, "images", *(_cell(r.all, k) for k in keys)])
        rows.append([*start, "groups", *(_cell(r.class_mean, k) for k in keys)])
        for side, name in enumerate(("low", "high") if r.intervals else ()):
            rows.append([*start, name, *(_cell({k: v[side] for k, v in r.intervals.items()}, k) for k in keys)])
    return _csv(["protocol", "set", "method", "images", "missing", "mean_over", *keys], rows)


def markdown(reports: Iterable[Report]) -> str:
    """Returns a Markdown table for each set and protocol, followed by the confidence intervals and the warnings.

    The best of several methods is bold and the second best in italics.

    Example:
        >>> print(markdown([evaluate("maps", "gts")]))  # doctest: +SKIP
    """
    out = []
    for (set_name, protocol), rows in tables(reports).items():
        keys = rows[0].keys
        out += [f"**{_title(set_name, protocol, rows[0])}**", ""]
        out.append(f"| method | {' | '.join(f'{label(k)} {_arrow(k)}' for k in keys)} |")
        out.append("|---|" + "---:|" * len(keys))
        for r in rows:
            cells = [_marked(r, rows, k, "**{}**", "*{}*") for k in keys]
            out.append(f"| {(r.method or 'maps').replace('|', chr(92) + '|')} | {' | '.join(cells)} |")
        out.append("")
        notes = [f"- {r.method or 'maps'}: {note}" for r in rows for note in (*_intervals(r), *r.warnings)]
        out += [*notes, ""] if notes else []
    return "\n".join(out)


def latex(reports: Iterable[Report]) -> str:
    """Returns a LaTeX ``tabular`` for each set and protocol.

    The best of several methods is bold and the second best underlined.

    Example:
        >>> print(latex([evaluate("maps", "gts")]))  # doctest: +SKIP
    """
    out = []
    for (set_name, protocol), rows in tables(reports).items():
        keys = rows[0].keys
        arrows = {True: r"$\downarrow$", False: r"$\uparrow$"}
        head = " & ".join(f"{label(k)} {arrows[lower_is_better(k)]}" for k in keys)
        out += [f"% {_title(set_name, protocol, rows[0])}", rf"\begin{{tabular}}{{l{'r' * len(keys)}}}", r"\hline"]
        out += [rf"Method & {head} \\", r"\hline"]
        for r in rows:
            cells = [_marked(r, rows, k, r"\textbf{{{}}}", r"\underline{{{}}}") for k in keys]
            out.append(rf"{_tex(r.method or 'maps')} & {' & '.join(cells)} \\")
        out += [r"\hline", r"\end{tabular}", ""]
    return "\n".join(out)


def text(reports: Iterable[Report]) -> str:
    """Returns a table for each set and protocol, for the terminal.

    The best of several methods is marked with ``*``.

    Example:
        >>> print(text([evaluate("maps", "gts")]))  # doctest: +SKIP
    """
    out = []
    for (set_name, protocol), rows in tables(reports).items():
        keys = rows[0].keys
        width = max(6, *(len(r.method) for r in rows))
        out.append(_title(set_name, protocol, rows[0]))
        out.append(f"{'method':{width}}  " + "".join(f"{label(k) + _arrow(k):>12}" for k in keys))
        for r in rows:
            cells = (_marked(r, rows, k, "{}*", "{} ") for k in keys)
            out.append(f"{r.method or 'maps':{width}}  " + "".join(f"{c:>12}" for c in cells))
            if r.intervals:
                ends = (f"{low:.3f}-{high:.3f}" for low, high in r.intervals.values())
                out.append(f"{'  95 %':{width}}  " + "".join(f"{e:>12}" for e in ends))
        out.append("")
    return "\n".join(out)


def groups_text(reports: Iterable[Report], limit: int = 30) -> str:
    """Returns tables of the figures by group, for the terminal.

    A table has all measures if there is one method, and otherwise one measure, S or J, of each method.

    Args:
        reports: any number of reports. Sets with a single group have no table.
        limit: the maximum number of groups in a table. If a set has more, the groups with the lowest figures of the
            best method are shown.

    Example:
        >>> print(groups_text([evaluate("maps", "gts")]))  # doctest: +SKIP
    """
    out = []
    for (set_name, protocol), rows in tables(reports).items():
        first = rows[0]
        if len(first.groups) < 2:
            continue
        main = "s" if "s" in first.keys else "j"
        names = list(first.groups)
        few = ""
        if len(names) > limit:
            few = f" (the {limit} lowest of {len(names)} by {label(main)}; -o writes all to groups.csv)"
            names = sorted(sorted(names, key=lambda name: _low_first(first.groups[name][main]))[:limit])
        one = len(rows) == 1
        heads = [f"{label(k)}{_arrow(k)}" for k in first.keys] if one else [r.method or "maps" for r in rows]
        widths = [max(12, len(head) + 2) for head in heads]
        width = max(6, *(len(_shown(name)) for name in names))
        of = "" if one else f", {label(main)}{_arrow(main)}"
        out.append(f"{set_name + ': ' if set_name else ''}by group, protocol {protocol}{of}{few}")
        out.append(f"{'group':{width}}{'images':>8}" + _line(heads, widths))
        for name in names:
            values = [first.groups[name][k] for k in first.keys] if one else [r.groups[name][main] for r in rows]
            cells = ["-" if math.isnan(v) else f"{v:.4f}" for v in values]
            out.append(f"{_shown(name):{width}}{first.totals[name].images:>8}" + _line(cells, widths))
        out.append("")
    return "\n".join(out)


def _low_first(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _shown(group: str) -> str:
    return "(no group)" if group == FLAT else escaped(group)


def _line(cells: list[str], widths: list[int]) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


def escaped(text: str) -> str:
    """Replaces parts of a text that cannot be written as UTF-8, such as undecodable bytes in file names, by escapes.

    Example:
        >>> escaped("caf\\udce9")
        'caf\\\\udce9'
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _intervals(report: Report) -> list[str]:
    told = [f"{label(k)} {low:.3f} to {high:.3f}" for k, (low, high) in report.intervals.items()]
    return [f"95 % intervals over groups: {', '.join(told)}"] if told else []


def _title(set_name: str, protocol: str, report: Report) -> str:
    images, groups = len(report.images), len(report.groups)
    of = f"{images} image{'s' if images > 1 else ''}" + (f" in {groups} groups" if groups > 1 else "")
    return f"{set_name + ': ' if set_name else ''}protocol {protocol} ({report.definitions.title}), {of}"


def _marked(report: Report, rows: list[Report], key: str, best: str, second: str) -> str:
    value = report.all[key]
    if math.isnan(value):
        return "-"
    first, next_one = best_two(rows, key)
    shown = f"{value:.4f}"
    if round(value, 4) == first:
        return best.format(shown)
    return second.format(shown) if round(value, 4) == next_one else shown


def _arrow(key: str) -> str:
    return "↓" if lower_is_better(key) else "↑"


def _tex(name: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(c, "\\" + c if c in "&%$#_{}" else c) for c in name)


def _union(reports: Iterable[Report]) -> list[str]:
    return list(dict.fromkeys(k for r in reports for k in r.keys))


def _plain(figures: dict[str, float]) -> dict[str, float | None]:
    return {k: None if math.isnan(v) else v for k, v in figures.items()}


def _cell(figures: dict[str, float], key: str) -> str:
    return f"{figures[key]:.6f}" if key in figures and not math.isnan(figures[key]) else ""


def _csv(head: list[str], rows: Iterable[list]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
