"""``cosod active``: trains on clicks instead of masks. Each subcommand has its own file, imported when it is called."""

import click

from cosod.cli.verbs import VerbGroup

#: Subcommand -> its line in ``cosod active --help``. The module ``cosod.cli.active_<name>`` defines its click command
#: ``command``.
COMMANDS = {
    "run": "Simulate the loop, with masks that answer in place of a person.",
    "table": "Run several set-ups over seeds, and print the table of their scores.",
    "query": "Write the points that a person should answer next.",
    "label": "Serve the page on which a person answers the points.",
    "import": "Add the answers of a file to a run.",
}


@click.group(cls=VerbGroup, verbs=COMMANDS, modules="cosod.cli.active_")
def command():
    """Train a saliency network on ten clicks per image, at points that the network itself chooses (ASTE-AL)."""
