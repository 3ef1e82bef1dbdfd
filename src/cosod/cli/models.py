"""``cosod models``: the networks, and where their weights are."""

import json

import click


@click.command(short_help="List the networks and where their weights are.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(as_json):
    """List the networks, whether their weights come with the package, and where these are."""
    from cosod.models import registry
    from cosod.models.checkpoints import loading

    rows = []
    for name in registry.names():
        entry = registry.entry(name)
        packaged = registry.weights_file(name)
        weights = str(packaged) if packaged else None
        default = name == loading.DEFAULT
        rows.append({"name": name, "default": default, "description": entry.description, "weights": weights})
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['name']}{'  (default)' if row['default'] else ''}")
        click.echo(f"    {row['description']}")
        click.echo(f"    weights: {row['weights'] or 'not in the package; convert a checkpoint: cosod convert --help'}")
