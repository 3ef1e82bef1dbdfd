"""``cosod shards``: shows the progress of the shards of a run."""

import json

import click

from cosod.cli.options import list_failed
from cosod.cli.parameters import PathOrURL


@click.command(short_help="Show the progress of the shards of a run, and merge their manifests.")
@click.argument("output", type=PathOrURL(), metavar="OUTPUT")
@click.option("--json", "as_json", is_flag=True, help="Print the merged manifest as JSON to standard output.")
def command(output, as_json):
    """Show the progress of the shards of a run (`cosod segment --shard`) in OUTPUT.

    When all shards have finished, OUTPUT/manifest.json lists every group and every photo that could not be read. The
    exit code is 1 if a shard is missing or unfinished, or photos could not be read.
    """
    from cosod.apps.distributed.merging import MANIFEST, merge

    merged = merge(output)
    if as_json:
        click.echo(json.dumps(merged, ensure_ascii=False))
    else:
        _print_table(merged)
    missing = [f"{number}/{merged['shards']}" for number in merged["missing"]]
    unfinished = [f"{number}/{merged['shards']}" for number in merged["unfinished"]]
    if missing:
        click.echo(f"Never begun: {', '.join(missing)}.", err=True)
    if unfinished:
        click.echo(f"Running or stopped: {', '.join(unfinished)}. Give a stopped one again, it goes on.", err=True)
    if not missing and not unfinished:
        click.echo(f"All shards have finished; their groups are listed in {output / MANIFEST}", err=True)
    list_failed(entry["error"] for entry in merged["failed"])
    if missing or unfinished:
        raise click.exceptions.Exit(1)


def _print_table(merged: dict) -> None:
    click.echo(f"{'shard':>7}  {'state':<9} {'groups':>15} {'images':>19} {'failed':>7}  last update")
    rows = {row["shard"]: row for row in merged["rows"]}
    for number in range(1, merged["shards"] + 1):
        name = f"{number}/{merged['shards']}"
        if number not in rows:
            click.echo(f"{name:>7}  missing")
            continue
        row = rows[number]
        groups = f"{row['groups_done']} of {row['groups']}"
        images = f"{row['images_done']} of {row['images']}"
        line = f"{name:>7}  {row['state']:<9} {groups:>15} {images:>19} {row['failed']:>7}  {row['updated']}"
        click.echo(line)
