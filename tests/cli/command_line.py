"""The command line as tests call it: in this process."""

import pytest

from cosod.cli import main


def cosod(*arguments) -> int:
    """Runs ``cosod`` with these arguments, each as text, and returns its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code
