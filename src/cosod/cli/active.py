"""``cosod active``: trains on clicks in place of masks. Each subcommand has a file, imported when it is called."""

import importlib

import click

from cosod.cli import refuse_verb

#: Subcommand -> its line in ``cosod active --help``. ``cosod.cli.active_<name>`` has a click command ``command``.
COMMANDS = {
    "run": "Simulate the loop, with masks that answer in place of a person.",
    "table": "Run several set-ups over seeds, and print the table of their scores.",
    "query": "Write the points that a person should answer next.",
    "label": "Serve the page on which a person answers the points.",
    "import": "Add the answers of a file to a run.",
}


class _Commands(click.Group):
    def list_commands(self, ctx):
        return list(COMMANDS)

    def get_command(self, ctx, name):
        if name not in COMMANDS:
            return None
        return importlib.import_module(f"cosod.cli.active_{name}").command

    def resolve_command(self, ctx, args):
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            refuse_verb(ctx, args[0], list(COMMANDS))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands)
def command():
    """Train a saliency network on ten clicks per image, at points that the network itself chooses (ASTE-AL)."""
