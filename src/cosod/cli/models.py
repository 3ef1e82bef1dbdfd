"""``cosod models``: lists the networks and the places of their weights."""

import json

import click


@click.command(short_help="List the networks and where their weights are.")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(as_json):
    """List the networks, and where the weights that come with the package are."""
    from cosod.models import registry
    from cosod.models.checkpoints.packaged import ALIASES, DEFAULT

    short = {full: alias for alias, full in ALIASES.items()}
    rows = []
    for name in registry.names():
        entry = registry.entry(name)
        packaged = registry.weights_file(name)
        weights = str(packaged) if packaged else None
        default = name == DEFAULT
        row = {"name": name, "alias": short.get(name), "default": default}
        rows.append(row | {"description": entry.description, "weights": weights})
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        alias = f"  ({row['alias']})" if row["alias"] else ""
        click.echo(f"{row['name']}{alias}")
        click.echo(f"    {row['description']}")
        click.echo(f"    weights: {row['weights'] or 'not in the package; convert a checkpoint: cosod convert --help'}")
