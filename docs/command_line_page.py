"""Writes the page of the command line from the commands themselves, when the documentation is built."""

import sys
from pathlib import Path

import click
from mkdocs.structure.files import File

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from cosod.cli import VERBS, root

HEAD = """# Command line

Each verb with its options, as `cosod VERB --help` prints them. Add `--debug` to any command to see the traceback of an
error. The exit code is 0 where all was done, 1 after an error or where single photos could not be read, 2 for options
that do not exist, and 130 after Ctrl-C.
"""


def helped(command: click.Command, names: tuple[str, ...], parent: click.Context) -> list[str]:
    """The section of a command, followed by those of its own commands."""
    context = click.Context(command, info_name=names[-1], parent=parent, max_content_width=100, terminal_width=100)
    context.help_option_names = ["-h", "--help"]
    level = "#" * len(names)
    parts = [f"{level} {' '.join(names)}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            parts += helped(command.get_command(context, name), (*names, name), context)
    return parts


def on_files(files, config):
    """Adds ``command_line.md`` to the pages."""
    top = click.Context(root, info_name="cosod")
    parts = [HEAD]
    for verb in VERBS:
        parts += helped(root.get_command(top, verb), ("cosod", verb), top)
    files.append(File.generated(config, "command_line.md", content="\n".join(parts)))
    return files
