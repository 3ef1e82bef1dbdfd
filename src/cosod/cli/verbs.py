"""A click group whose commands are listed in a table and imported only when they are called."""

import difflib
import importlib
from collections.abc import Mapping

import click


class VerbGroup(click.Group):
    """A group of commands, each of which has its own module with a click command named ``command``.

    Args:
        name: name of the group.
        verbs: name of a command -> its line in the help text of the group.
        modules: prefix of the dotted names of the modules; the name of the command, with ``_`` in place of ``-``, is
            appended to it.
        options: further arguments of :class:`click.Group`.
    """

    def __init__(self, name: str | None = None, *, verbs: Mapping[str, str], modules: str, **options):
        super().__init__(name, **options)
        self._verbs, self._modules = verbs, modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands, in the order of the table."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Imports a command; returns None if there is no command of this name."""
        if name not in self._verbs:
            return None
        return importlib.import_module(f"{self._modules}{name.replace('-', '_')}").command

    def resolve_command(self, ctx: click.Context, args: list[str]):
        """Resolves the command in the arguments; an unknown one raises an error that suggests the most similar one."""
        if args and args[0] not in self._verbs and not args[0].startswith("-"):
            self._refuse(ctx, args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of the commands from the table, without importing their modules."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._verbs.items()))

    def _refuse(self, context: click.Context, given: str) -> None:
        """Raises click's error for a command that does not exist; the message suggests the most similar command."""
        likely = difflib.get_close_matches(given.casefold(), self._verbs, 1, 0.5)
        likely += [verb for verb in self._verbs if verb.startswith(given[:3])]
        hint = f"did you mean {likely[0]}?" if likely else f"see {context.command_path} --help for the commands"
        raise click.UsageError(f"there is no command {given!r}; {hint}", context)
