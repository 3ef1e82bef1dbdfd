"""The command line as tests call it: in this process."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cosod.cli import main
from cosod.io import write_guard


def cosod(*arguments) -> int:
    """Runs ``cosod`` with these arguments, each as text, and returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code


def run(command: click.Command, *arguments) -> Result:
    """Runs one command with these arguments, each as text; errors of the package are raised."""
    try:
        return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    finally:
        write_guard.release()  # as at the end of a process


def files(folder: Path) -> list[str]:
    """Returns the names of the files in a folder and below, without the records of runs."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".cosod" not in p.parts)
