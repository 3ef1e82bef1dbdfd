"""``cosod datasets``: lists the data sets of the catalogue, shows one of them, or checks a folder."""

import json
from collections import Counter

import click

from cosod.cli.parameters import LocalPath
from cosod.datasets.catalogue import SetInfo, catalogue, lookup
from cosod.datasets.folder import Dataset, open_all, open_set


class _Catalogue(click.Group):
    """A click group in which the name of every data set is a command that shows the data set."""

    def get_command(self, ctx, name):
        command = super().get_command(ctx, name)
        if command is not None or name.startswith("-"):
            return command
        return click.Command(name, callback=lambda: click.echo(_card(lookup(name))), help="Show one data set.")


@click.group("datasets", cls=_Catalogue, invoke_without_command=True, subcommand_metavar="[NAME | check DIR]")
@click.pass_context
def command(ctx):
    """List the field's data sets, show the one called NAME, or check a folder that holds one."""
    if ctx.invoked_subcommand is None:
        click.echo(_table())


@command.command(short_help="Recognize and check the set or sets in a folder.")
@click.argument("folder", metavar="DIR", type=LocalPath())
@click.option(
    "--as", "name", metavar="NAME", help="Name of the set in the catalogue, if it cannot be told from the folder."
)
@click.option(
    "--read", is_flag=True, help="Also read every file, and report damage, unequal sizes and masks that are not binary."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def check(ctx, folder, name, read, as_json):
    """Recognize the set or sets in DIR, and compare their counts, names and masks with the catalogue.

    The exit code is 1 if something does not fit; warnings do not count.
    """
    sets = [open_set(folder, name, warn=False)] if name else open_all(folder)
    for found in sets:
        if read:
            _read(found)
    if as_json:
        click.echo(json.dumps([_record(found) for found in sets], indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(_report(found) for found in sets))
    if not all(found.ok for found in sets):
        ctx.exit(1)


def _read(found: Dataset) -> None:
    # The modules are imported here, because NumPy and Pillow would slow down the listing.
    from tqdm import tqdm

    from cosod.datasets.contents import read_all

    for problems in tqdm(read_all(found), total=found.pairs, desc=found.name, unit="pair", disable=None, leave=False):
        found.problems += problems


def _table() -> str:
    def number(values: list[int | None]) -> str:
        return f"{values[0]:,}" if values and values[0] is not None else "-"

    lines = [["name", "kind", "groups", "images", "use", "published by"]]
    for e in catalogue():
        groups, images = number([c.groups for c in e.counts]), number([c.images for c in e.counts])
        lines.append([e.name, e.kind, groups, images, e.use, e.publisher])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = {2, 3}
    out = [
        "  ".join(v.rjust(w) if i in right else v.ljust(w) for i, (v, w) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    ]
    hint = "`cosod datasets NAME` shows one, `cosod datasets check DIR` checks a folder."
    return "\n".join([*(line.rstrip() for line in out), "", hint])


def _card(e: SetInfo) -> str:
    rows = [
        ("name", e.name),
        ("also", ", ".join(e.aliases)),
        ("kind", e.kind),
        ("use", e.use),
        *(("counts", str(c)) for c in e.counts),
        ("groups", ", ".join(e.classes)),
        ("masks", f"{e.truth}, as a rule"),
        ("paper", e.paper),
        ("published by", e.publisher),
        *(("at", link) for link in e.links),
        ("terms", e.terms or "not stated; ask its authors"),
        ("note", e.note),
    ]
    return "\n".join(f"{key:<13} {value}" for key, value in rows if value)


def _report(found: Dataset) -> str:
    title = found.name if found.info else f"{found.name} (not in the catalogue)"
    lines = [
        f"{title}: {found.root}",
        f"  layout: {found.layout}",
        f"  found: {found.found}, {found.pairs:,} with masks",
    ]
    if found.state:
        lines.append(f"  expected: {found.state}")
    for problem in found.problems:
        lines.append(f"  {'warning' if problem.is_warning else 'error'}: {problem.message}")
    kinds = Counter(p.kind for p in found.problems)
    summary = ", ".join(f"{n:,} x {kind}" for kind, n in kinds.items())
    lines.append(f"  {'ok' if found.ok else 'does not fit'}{f': {summary}' if summary else ''}")
    return "\n".join(lines)


def _record(found: Dataset) -> dict:
    return {
        "name": found.name,
        "known": found.info is not None,
        "ok": found.ok,
        "layout": found.layout,
        "path": str(found.root),
        "groups": None if set(found.groups) == {""} else len(found.groups),
        "images": found.images,
        "pairs": found.pairs,
        "expected": [
            {"groups": c.groups, "images": c.images, "what": c.what} for c in (found.info.counts if found.info else ())
        ],
        "problems": [
            {"kind": p.kind, "warning": p.is_warning, "path": str(p.path), "message": p.message} for p in found.problems
        ],
    }
