"""``cosod evaluate``: scores folders of maps, of one or several methods on one or several sets."""

import json
import os
from pathlib import Path

import click

from cosod.cli import choices
from cosod.cli.one_file import refuse_file_name
from cosod.cli.parameters import LocalPath, refuse_empty
from cosod.errors import InputError, OutputError
from cosod.evaluation.metrics.names import MEASURES


@click.command(name="evaluate")
@click.option(
    "--pred",
    "preds",
    multiple=True,
    metavar="[NAME=]DIR",
    help="Folder of the maps of a method; may be given several times.",
)
@click.option(
    "--gt",
    "gts",
    multiple=True,
    required=True,
    metavar="[NAME=]DIR",
    help="Folder of ground truth masks; NAME is that of the set.",
)
@click.option(
    "--images", type=LocalPath(file_okay=False), metavar="DIR", help="Folder of the photos, for the HTML report."
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    type=click.Choice([*choices.PROTOCOLS, "all"]),
    help="Protocol that defines the measures; may be given several times.  [default: papers]",
)
@click.option("--skip-empty", is_flag=True, help="Leave out images without an object (coseg protocols).")
@click.option(
    "-o",
    "--output",
    type=LocalPath(file_okay=False),
    metavar="DIR",
    help="Folder that rows, tables and the report are written to.",
)
@click.option(
    "--figures/--no-figures",
    default=None,
    help="With -o, also write figures as PNG and SVG.  [default: if matplotlib is installed]",
)
@click.option(
    "--bootstrap",
    type=click.IntRange(1),
    metavar="N",
    help="Print confidence intervals from N bootstrap samples of groups.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap samples.")
@click.option(
    "--expect",
    type=LocalPath(dir_okay=False),
    metavar="FILE",
    help="Regression gate: fail if figures are worse than those in FILE.",
)
@click.option(
    "--write-expect", type=LocalPath(dir_okay=False), metavar="FILE", help="Write the figures to FILE, for --expect."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    help="Difference that --expect allows.  [default: the one in the file; 0.001 when it is written]",
)
@click.option(
    "--checkpoints",
    type=LocalPath(file_okay=False),
    metavar="DIR",
    help="Folder that holds a folder of maps for each checkpoint of a run; with --select.",
)
@click.option(
    "--select",
    "measure",
    type=click.Choice(list(MEASURES)),
    help="Rank the methods by this measure, as checkpoints of one run.",
)
@click.option(
    "--compare",
    metavar="SET",
    help="Print the figures in the published table of a set: coca, cosod3k, cosal2015, msrc, ...",
)
@click.option(
    "--workers", type=click.IntRange(1), default=None, help="Number of processes.  [default: one for each core]"
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
@click.argument("more", nargs=-1, metavar="[DIR]...")
@click.pass_context
def command(context, preds, gts, protocols, measure, checkpoints, more, **options):
    """Score maps against ground truth with the field's measures.

    \b
    cosod evaluate --pred maps/ --gt gts/
    cosod evaluate --pred ours=a/ --pred theirs=b/ --gt CoCA=coca/gts --gt CoSal2015=cosal/gts -o scores/
    cosod evaluate --select max_e --gt gts/ --pred run/epoch_*/

    A map is found by the name of its mask, <group>/<stem>, with any suffix. With several sets, the folder of a method
    holds a folder for each set. A missing map counts as black.
    """
    from cosod.evaluation import regression_gate
    from cosod.evaluation.report import figures

    if options["figures"]:
        figures.check()
    refuse_file_name(options["output"])
    methods = _methods(preds, more, checkpoints, measure)
    sets = _named(gts, "--gt", default="")
    _guard_inputs([*methods.values(), *sets.values()], options)
    if options["output"]:
        _check_output(options["output"])
    if options["compare"]:
        from cosod.evaluation.published import papers

        papers.canonical(options["compare"])
    protocols = _protocols(protocols, options["compare"])
    reports = _score(methods, sets, protocols, options)
    extra, texts = {}, []
    if measure:
        extra["selection"], texts = _select(reports, measure)
    if options["bootstrap"]:
        _bootstrap(reports, options)
    compared = _compare(reports, options["compare"]) if options["compare"] else {}
    _print(reports, texts, compared.get("text"), extra, options["as_json"])
    if options["output"]:
        _write(reports, options, compared.get("markdown"))
    if options["write_expect"]:
        regression_gate.write(options["write_expect"], reports, options["tolerance"] or 0.001)
    if options["expect"]:
        _hold(context, regression_gate.drops(options["expect"], reports, options["tolerance"]))


def _named(values: tuple[str, ...], option: str, default: str | None = None) -> dict[str, str]:
    """Parses values of the form ``[NAME=]DIR`` into a dictionary of name -> folder.

    Args:
        values: the values of the option.
        option: name of the option in messages.
        default: name of the folder if it is the only one and has no name. Other folders without a name get the name
            of the folder itself.

    Raises:
        InputError: two folders have the same name, or a path is empty.
    """
    out: dict[str, str] = {}
    for value in values:
        name, sign, folder = value.partition("=")
        if not sign or os.sep in name:
            name, folder = Path(value).resolve().name, value
            name = default if default is not None and len(values) == 1 else name
        refuse_empty(folder, None)
        if name in out:
            raise InputError(f"{option}: two folders are named '{name}'; name them as {option} NAME=DIR")
        out[name] = folder
    return out


def _methods(preds, more, checkpoints, measure) -> dict[str, str]:
    from cosod.evaluation import checkpoint_selection

    folders = (*preds, *more)
    if checkpoints:
        if not measure:
            raise InputError("--checkpoints needs a measure to rank by; add for example --select max_e")
        folders += tuple(str(p) for p in checkpoint_selection.checkpoints(checkpoints))
    if not folders:
        raise InputError("nothing to score; give --pred DIR, or --checkpoints DIR with --select MEASURE")
    methods = _named(folders, "--pred")
    if measure:
        methods = {name: methods[name] for name in sorted(methods, key=checkpoint_selection.in_order)}
    return methods


def _protocols(chosen: tuple[str, ...], compare: str | None) -> list[str]:
    from cosod.evaluation.protocols import MAIN

    if not chosen and compare:
        from cosod.evaluation.published import papers

        return [papers.tables(compare)[0].protocol]
    return list(dict.fromkeys(p for c in chosen or ("papers",) for p in (MAIN if c == "all" else (c,))))


def _score(methods, sets, protocols, options) -> list:
    from cosod.evaluation.runner import evaluate_protocols

    # In a container, the process may be allowed to use fewer cores than the machine has.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = options["workers"] or cores
    reports = []
    for set_name, truths in sets.items():
        for method, folder in methods.items():
            reports += evaluate_protocols(
                _of_set(folder, set_name, len(sets)),
                truths,
                protocols,
                workers=workers,
                skip_empty=options["skip_empty"],
                progress=not (options["quiet"] or options["as_json"]),
                method=method,
                set_name=set_name,
            )
    return reports


def _of_set(folder: str, set_name: str, sets: int) -> str:
    inner = Path(folder) / set_name
    if set_name and inner.is_dir():
        return str(inner)
    if sets > 1:
        raise InputError(f"{folder}: has no folder '{set_name}'; with several sets, it holds one folder for each")
    return folder


def _select(reports, measure) -> tuple[list[dict], list[str]]:
    from cosod.evaluation import checkpoint_selection
    from cosod.evaluation.report.formats import tables

    order = [r.method for r in reports]
    parted = [sorted(rows, key=lambda r: order.index(r.method)) for rows in tables(reports).values()]
    chosen = [checkpoint_selection.select(rows, measure) for rows in parted if measure in rows[0].keys]
    if not chosen:
        raise InputError(f"none of the protocols asked for has the measure '{measure}'; choose one with --protocol")
    return [c.record() for c in chosen], [c.text() for c in chosen]


def _bootstrap(reports, options) -> None:
    from cosod.evaluation import bootstrap

    for report in reports:
        report.intervals = bootstrap.intervals(report, options["bootstrap"], options["seed"])


def _compare(reports, name) -> dict[str, str]:
    """Returns a table of the papers with the rows of the reports added.

    If the table has columns for the classes of a data set, the rows contain the scores of the classes too. A row that
    was not scored on the same images as the table is not ranked in it, and its reports get a warning.

    Args:
        reports: the reports; those of the protocol of the table are added.
        name: name of the table.

    Returns:
        The table as ``text`` and as ``markdown``.

    Raises:
        InputError: there is no report of the protocol of the table.
    """
    from cosod.evaluation.published import comparable, papers

    theirs = papers.tables(name)[0].protocol
    own = [r for r in reports if r.protocol == theirs]
    if not own:
        raise InputError(f"the papers' rows for {name} follow protocol {theirs}; add --protocol {theirs}")
    several = len({r.set_name for r in own}) > 1
    rows, unlike = {}, {}
    for report in own:
        classes = {f"{k}/{group}": v for group, figures in report.groups.items() for k, v in figures.items()}
        # The E-measure divides by the number of pixels minus one, so a perfect map scores slightly more than 1.
        values = {k: min(v, 1.0) for k, v in (report.all | classes).items()}
        row = f"{report.method} ({report.set_name})" if several else report.method
        rows[row] = values
        why = comparable.difference(name, {group: totals.images for group, totals in report.totals.items()})
        if why:
            unlike[row] = why
            for same in reports:
                if (same.method, same.set_name) == (report.method, report.set_name):
                    same.warnings = [*same.warnings, f"not comparable with the published rows: {why}"]
    return {fmt: papers.compare(name, rows, fmt, protocol=theirs, unlike=unlike) for fmt in ("text", "markdown")}


def _print(reports, texts, compared, extra, as_json) -> None:
    from cosod.evaluation.report import formats

    for report in reports:
        for warning in report.warnings:
            where = ", ".join(part for part in (report.set_name, report.method) if part)
            if report.protocol == reports[0].protocol:
                click.echo(f"Warning: {where}: {warning}", err=True)
    if as_json:
        found = {"reports": formats.summary(reports), **extra}
        found |= {"compare": compared} if compared else {}
        click.echo(formats.escaped(json.dumps(found, indent=2, ensure_ascii=False)))
        return
    click.echo(formats.text(reports))
    for text in (formats.groups_text(reports), *texts, compared):
        if text:
            click.echo(text)


def _write(reports, options, compared: str | None) -> None:
    from cosod.errors import ExtraError
    from cosod.evaluation.report import figures, saving
    from cosod.io.atomic_write import write_text
    from cosod.io.run_records import begin, record_of

    written = saving.save(options["output"], reports, images=options["images"])
    page = options["output"] / saving.PAGE
    if options["figures"] is not False:
        try:
            written += figures.save(options["output"] / "figures", reports)
            # The record marks the folder as one of results, so that its figures are not taken for photos.
            begin(record_of(options["output"], "figures"), "evaluate")
        except ExtraError as error:
            click.echo(f"No figures: {error}", err=True)
    if compared:
        written.append(options["output"] / "compare.md")
        write_text(written[-1], compared)
    click.echo(f"Wrote {len(written)} files to {options['output']}; open {page}", err=True)


def _guard_inputs(folders: list[str], options) -> None:
    """Protects the inputs of the command.

    Raises:
        InputError: the report or the file of ``--write-expect`` would overwrite maps, ground truth, photos or the file
            of ``--expect``.
    """
    from cosod.evaluation import regression_gate
    from cosod.evaluation.reading import SUFFIXES
    from cosod.evaluation.report import saving
    from cosod.io.write_guard import guard

    output, kept = options["output"], options["write_expect"]
    targets = [output / name for name in (*saving.FILES, "compare.md")] if output else []
    read = [*map(Path, folders), *(options[key] for key in ("images", "expect") if options[key])]
    figures = [output / "figures"] if output else []
    guard([*targets, *([kept] if kept else [])], read, SUFFIXES, figures, output or None)
    if kept:
        regression_gate.check_replaceable(kept)


def _check_output(folder: Path) -> None:
    """Creates the output folder before the work, so that the results are not lost because it cannot be written.

    Raises:
        OutputError: the folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; give another to -o") from error
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write to {folder}: permission denied; give another folder to -o")


def _hold(context, drops: list[str]) -> None:
    for drop in drops:
        click.echo(f"Worse than expected: {drop}", err=True)
    if drops:
        context.exit(1)
    click.echo("All figures are as expected or better.", err=True)
