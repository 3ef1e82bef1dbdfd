"""The tables of the GCoNet, GCoNet+, SSNM and ASTE-AL papers as data.

The folder ``tables/`` contains one CSV file for each table, and ``sources.json`` with the paper, the number, the
protocol, the notes and the misprints of each table. A misprinted figure is corrected in the CSV file, and stands as
printed in ``sources.json``; :class:`PublishedRow` holds both.
"""

import csv
import functools
import json
import math
from dataclasses import dataclass, field, replace
from importlib import resources

from cosod.datasets.catalogue import plain_name
from cosod.errors import InputError
from cosod.evaluation.metrics.names import MEASURES, lower_is_better, short_label
from cosod.evaluation.published import layout

#: The sets that have a published table, with other spellings. Letter case, spaces, ``-`` and ``_`` do not matter.
SETS = {
    "CoCA": (),
    "CoSOD3k": (),
    "CoSal2015": ("Cosal15",),
    "iCoseg": ("iCoseg8",),
    "PASCAL-VOC": ("VOC", "PASCAL", "PASCAL_coseg"),
    "MSRC": ("MSRC7",),
    "Internet": ("Internet_Datasets300", "Internet300"),
    "DUTS-TE": ("DUTS-test",),
    "DUT-OMRON": ("DUTS-O", "DUT-O", "OMRON"),
    "ECSSD": (),
    "HKU-IS": ("HKU",),
    "PASCAL-S": (),
}

#: The measures of each protocol in the order of the papers' columns, and the measure by which a table is sorted.
COLUMNS = {
    "papers": (("max_e", "s", "max_f", "mae"), "s"),
    "coseg": (("p", "j"), "j"),
    "f3net": (("max_f", "s", "mae", "adp_f", "wf", "adp_e"), "max_f"),
}


@dataclass(frozen=True)
class Misprint:
    """A figure that a paper prints wrongly.

    Attributes:
        printed: the figure as printed.
        note: why it is considered a misprint.
    """

    printed: str
    note: str


@dataclass(frozen=True)
class PublishedRow:
    """A row of a table, with the figures for one set.

    Attributes:
        method: the name of the method.
        printed: the label of the row in the paper.
        venue: the venue and the year of the method.
        training: the training set, or "" if the paper does not print it.
        source: the paper and the number of the table.
        values: the figure of each measure (such as ``max_e``, or ``j/car`` for one class), in the unit of the paper:
            per cent for protocol ``coseg``, and from 0 to 1 for others. Misprinted figures are corrected.
        misprints: the misprinted figures by their measures.
        unlike: why the user's own row cannot be compared with the published rows, or "" if it can.
    """

    method: str
    printed: str
    venue: str
    training: str
    source: str
    values: dict[str, float]
    misprints: dict[str, Misprint] = field(default_factory=dict)
    unlike: str = ""


@dataclass(frozen=True)
class Table:
    """A table of a paper, reduced to the columns of one set.

    Attributes:
        paper: the short name of the paper.
        citation: the full citation of the paper.
        number: the number of the table, such as ``Table 3``.
        kind: ``comparison``, ``ablation`` or ``runtime``.
        protocol: the name of the protocol behind the figures; "" for the runtime table.
        set_name: the name of the set; "" for the runtime table.
        notes: remarks about the table.
        rows: the rows that have figures for the set.
    """

    paper: str
    citation: str
    number: str
    kind: str
    protocol: str
    set_name: str
    notes: tuple[str, ...]
    rows: tuple[PublishedRow, ...]

    @property
    def source(self) -> str:
        """The paper and the number of the table, such as ``GCoNet+ Table 3``."""
        return f"{self.paper} {self.number}"


def canonical(set_name: str) -> str:
    """Returns the name of a set as it is spelled in :data:`SETS`.

    Raises:
        InputError: no published table has that set.

    Example:
        >>> canonical("cosal2015")
        'CoSal2015'
    """
    for name, aliases in SETS.items():
        if plain_name(set_name) in {plain_name(a) for a in (name, *aliases)}:
            return name
    raise InputError(f"no published table for the set '{set_name}'; choose one of {', '.join(SETS)}")


def tables(set_name: str) -> list[Table]:
    """Returns every published table with figures for a set. Rows without a figure for the set are left out.

    Raises:
        InputError: no published table has that set.

    Example:
        >>> [table.number for table in tables("CoCA")][:1]
        ['Table 1']
    """
    name = canonical(set_name)
    found = [_cut(meta, name) for meta in _sources()["tables"]]
    return [table for table in found if table.rows]


def runtimes() -> Table:
    """Returns Table 4 of GCoNet+, which compares runtimes.

    Its measures are ``ms``, the milliseconds for a batch of two images on an A100, and ``mb``, the size of the
    parameters in megabytes.

    Example:
        >>> runtimes().kind
        'runtime'
    """
    meta = next(m for m in _sources()["tables"] if m["kind"] == "runtime")
    return _cut(meta, "")


def compare(
    name: str,
    rows: dict[str, dict[str, float]],
    fmt: str = "text",
    *,
    training: dict[str, str] | None = None,
    ablations: bool = True,
    protocol: str | None = None,
    unlike: dict[str, str] | None = None,
) -> str:
    """Renders a table of the published rows for a set together with the user's own rows.

    The rows are sorted, and the best two figures of each column are marked. A row that several tables print with the
    same figures appears once. Columns of single classes appear if one of the user's rows has them, or if the papers
    print a measure only by class. Figures are ranked as the papers round them, so that equal figures share a mark, and
    misprinted figures are ranked by their corrected values.

    Args:
        name: The name of the set in any spelling of :data:`SETS`.
        rows: The values of each measure for each of the user's methods, from 0 to 1 as in
            :class:`cosod.evaluation.Report`. The measures are ``mae s max_e max_f`` for the co-saliency sets, ``p j``
            for the co-segmentation sets, ``max_f s mae adp_f wf adp_e`` for the sets of single images, and
            ``j/<class>`` for one class. Other measures are ignored.
        fmt: ``text``, ``markdown`` or ``latex``.
        training: The training set of each of the user's methods.
        ablations: Whether to include the rows of ablation tables.
        protocol: The protocol with which ``rows`` were scored. Measures of different protocols have the same names, so
            give the protocol if it is known.
        unlike: Why the images of a method are not those of the table, for each method to which this applies; see
            :func:`cosod.evaluation.published.comparable.difference`. The row of such a method is not marked, and a note
            states the reason.

    Returns:
        The table, which ends in a newline.

    Raises:
        InputError: the set or the format is unknown, the rows follow another protocol, or a row has a value outside
            [0, 1] or none of the table's measures.

    Example:
        >>> print(compare("MSRC", {"ours": {"p": 0.95, "j": 0.8}}, "text").splitlines()[0])
        MSRC: protocol coseg, per cent, by J
    """
    if fmt not in layout.FORMATS:
        raise InputError(f"no table format '{fmt}'; choose one of {', '.join(layout.FORMATS)}")
    set_name = canonical(name)
    chosen = [t for t in tables(set_name) if ablations or t.kind != "ablation"]
    theirs = chosen[0].protocol
    if protocol is not None and protocol != theirs:
        raise InputError(
            f"the published rows for {set_name} follow protocol {theirs}, yours follow {protocol}; "
            f"score your maps with --protocol {theirs}"
        )
    measures, main = COLUMNS[theirs]
    printed = list(dict.fromkeys(m for t in chosen for r in t.rows for m in r.values))
    by_class = [m for m in measures if m not in printed and any(c.startswith(f"{m}/") for c in printed)]
    known = [*measures, *(m for m in printed if "/" in m)]
    published = [_with_means(row, by_class, printed) for row in _merged(chosen)]
    own = [_own(method, values, known, theirs, (training or {}).get(method, "")) for method, values in rows.items()]
    own = [replace(row, unlike=(unlike or {}).get(row.method) or "") for row in own]
    shown = {m for r in own for m in r.values} | {c for c in known if c.partition("/")[0] in by_class}
    shown |= {c for r in published for c in r.values if "/" not in c}
    columns = [c for c in known if c in shown]
    papers = {t.paper: t.citation for t in chosen}
    return layout.render(
        fmt,
        title=f"{set_name}: protocol {theirs}{', per cent' if theirs == 'coseg' else ''}, by {short_label(main)}",
        columns=columns,
        rows=sorted([*published, *own], key=lambda r: (bool(r.unlike), -r.values.get(main, -math.inf))),
        decimals={c: _decimals(set_name, c) for c in columns},
        lower={key for key in MEASURES if lower_is_better(key)},
        notes=[f"{t.source}: {note}" for t in chosen for note in t.notes] + [f"{k}: {v}" for k, v in papers.items()],
    )


def class_names() -> dict[str, str]:
    """Returns a dictionary from other names of classes, in lower case, to their names in the tables.

    Example:
        >>> class_names()["plane"]
        'airplane'
    """
    return dict(_sources()["classes"])


@functools.cache
def _sources() -> dict:
    text = resources.files("cosod.evaluation.published").joinpath("tables", "sources.json").read_text(encoding="utf-8")
    return json.loads(text)


@functools.cache
def _lines(file: str) -> tuple[dict[str, str], ...]:
    text = resources.files("cosod.evaluation.published").joinpath("tables", file).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def _cut(meta: dict, set_name: str) -> Table:
    """Returns the table that ``meta`` describes, reduced to the columns of one set."""
    prefix = f"{set_name or '-'} "
    source = f"{meta['paper']} {meta['table']}"
    rows = []
    for line in _lines(meta["file"]):
        cells = {k.removeprefix(prefix): v for k, v in line.items() if k.startswith(prefix) and v}
        if not cells:
            continue
        wrong = {
            m["column"].removeprefix(prefix): Misprint(m["printed"], m["note"])
            for m in meta["misprints"]
            if m["method"] == line["method"] and m["column"].startswith(prefix)
        }
        training = line["training"] or meta["training"]
        rows.append(
            PublishedRow(
                method=line["method"],
                printed=line["printed"],
                venue=f"{line['venue']} {line['year']}".strip(),
                training=_sources()["training"].get(training, training),
                source=source,
                values={k: float(v) for k, v in cells.items()},
                misprints=wrong,
            )
        )
    paper = meta["paper"]
    return Table(
        paper=paper,
        citation=_sources()["papers"][paper],
        number=meta["table"],
        kind=meta["kind"],
        protocol=meta["protocol"],
        set_name=set_name,
        notes=tuple(meta["notes"]),
        rows=tuple(rows),
    )


def _merged(chosen: list[Table]) -> list[PublishedRow]:
    """Returns the rows of all tables; rows of one method with the same figures become one that names all sources."""
    kept: list[PublishedRow] = []
    for row in (r for t in chosen for r in t.rows):
        for i, other in enumerate(kept):
            same = row.method == other.method and row.values == other.values
            if same and (row.training == other.training or not row.training or not other.training):
                kept[i] = replace(
                    other,
                    venue=other.venue or row.venue,
                    training=other.training or row.training,
                    source=f"{other.source}; {row.source}",
                    misprints=other.misprints | row.misprints,
                )
                break
        else:
            kept.append(row)
    return kept


def _with_means(row: PublishedRow, measures: list[str], printed: list[str]) -> PublishedRow:
    """Returns ``row`` with the mean over classes added for ``measures``, which the papers print by class only."""
    values = dict(row.values)
    for measure in measures:
        classes = [c for c in printed if c.startswith(f"{measure}/")]
        if all(c in values for c in classes):
            values[measure] = sum(values[c] for c in classes) / len(classes)
    return replace(row, values=values)


def _own(method: str, values: dict[str, float], known: list[str], protocol: str, training: str) -> PublishedRow:
    """Returns one of the user's own rows, in the unit of the table."""
    by_plain = {plain_name(k): k for k in known}
    scale = 100 if protocol == "coseg" else 1
    taken = {}
    for key, value in values.items():
        measure, _, group = key.partition("/")
        group = _sources()["classes"].get(plain_name(group), group)
        column = by_plain.get(plain_name(f"{measure}/{group}" if group else measure))
        if column is None or value is None or math.isnan(value):
            continue
        if not 0 <= value <= 1:
            raise InputError(
                f"'{method}' has {key} = {value:g}; give shares from 0 to 1, as the evaluation reports them"
            )
        taken[column] = scale * float(value)
    if not taken:
        raise InputError(
            f"'{method}' has none of the measures of this table ({', '.join(COLUMNS[protocol][0])}); "
            f"score its maps with --protocol {protocol}"
        )
    return PublishedRow(method, method, "", training, layout.OWN, taken)


def _decimals(set_name: str, column: str) -> int:
    """Returns the largest number of decimals in a column of the papers; 1 for means that this module computes."""
    key = f"{set_name} {column}"
    texts = [line.get(key) or "" for meta in _sources()["tables"] for line in _lines(meta["file"])]
    return max((len(t.partition(".")[2]) for t in texts if t), default=1)
