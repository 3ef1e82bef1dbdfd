"""Kinds of values that the command line takes, and how their text is read."""

import errno
from collections.abc import Sequence
from pathlib import Path

import click


def refuse_empty(value, param: click.Parameter | None) -> None:
    """Raises ``InputError`` for an empty path: a shell variable that is not set, and not the current folder."""
    from cosod.errors import InputError

    if value == "":
        name = param.opts[0] if isinstance(param, click.Option) else "a path"
        raise InputError(f"{name} is empty; give a file or a folder ('.' is the current folder)")


def _refuse_circle(path):
    """Returns the path; raises ``InputError`` for a link that leads back to itself, which nothing can follow."""
    from cosod.errors import InputError

    if isinstance(path, Path):
        try:
            path.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise InputError(f"{path}: is a link that leads back to itself; mend or remove it") from None
    return path


class PathOrURL(click.ParamType):
    """A path, or the URL of a folder or object in a store; click's own type would make ``s3:/`` of ``s3://``."""

    name = "path"

    def convert(self, value, param, ctx):
        from cosod.io.storage import as_path

        refuse_empty(value, param)
        return _refuse_circle(as_path(value))


class LocalPath(click.Path):
    """A path on this machine, as :class:`pathlib.Path`; an empty one is refused."""

    def __init__(self, **checks):
        super().__init__(path_type=Path, **checks)

    def convert(self, value, param, ctx):
        """Returns the path."""
        refuse_empty(value, param)
        return _refuse_circle(super().convert(value, param, ctx))


class AtLeast(click.ParamType):
    """A whole number with a minimum; another one is refused in one sentence, as every error of this package."""

    name = "integer"

    def __init__(self, smallest: int):
        self.smallest = smallest

    def convert(self, value, param, ctx):
        from cosod.errors import InputError

        name = param.opts[0] if param else "number"
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise InputError(f"{name} {value}: give a whole number of at least {self.smallest}") from None
        if number < self.smallest:
            raise InputError(f"{name} {value}: give a whole number of at least {self.smallest}")
        return number


#: The type of sizes and counts.
POSITIVE = AtLeast(1)


class OneOf(click.Choice):
    """One word out of a closed set; another one is refused in one sentence, as every error of this package."""

    def convert(self, value, param, ctx):
        """Returns the word."""
        from cosod.errors import InputError

        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise InputError(f"{_name(param)} {value}: give one of {', '.join(self.choices)}") from None


class ListOf(click.ParamType):
    """A comma-separated list of words out of a closed set; its value is a tuple.

    Args:
        choices: the words.

    Example:
        >>> ListOf(("maps", "masks")).convert("maps, masks", None, None)
        ('maps', 'masks')
    """

    name = "list"

    def __init__(self, choices: Sequence[str]):
        self.choices = tuple(choices)

    def get_metavar(self, param, ctx=None) -> str:
        """Returns what the help of the option shows in place of its value."""
        return f"[{'|'.join(self.choices)}],..."

    def convert(self, value, param, ctx):
        """Splits the list; raises ``InputError`` for an empty list and for other words."""
        from cosod.errors import InputError

        if isinstance(value, tuple):
            return value
        words = tuple(part.strip() for part in value.split(",") if part.strip())
        if not words or not set(words) <= set(self.choices):
            raise InputError(f"{_name(param)} {value or '(nothing)'}: give any of {', '.join(self.choices)}")
        return words


def _name(param: click.Parameter | None) -> str:
    return param.opts[0] if param else "option"


def place_of(text: str) -> Path:
    """Returns the path in ``[NAME=]PATH``; raises ``InputError`` where that is empty."""
    path = text if text and Path(text).exists() else text.rpartition("=")[2]
    refuse_empty(path, None)
    return Path(path)


def threshold_value(text: str) -> float | str:
    """Reads a threshold: a number, or a word, which :func:`cosod.postprocess.threshold.binarize` checks."""
    try:
        return float(text)
    except ValueError:
        return text


def size_value(text: str) -> tuple[int, int]:
    """Reads ``800x600`` as width and height, and ``800`` as those of a square."""
    from cosod.errors import InputError

    numbers = text.lower().split("x")
    if len(numbers) > 2 or not all(number.isdigit() for number in numbers):
        raise InputError(f"--size {text}: give WIDTHxHEIGHT in pixels, as 800x600, or one number")
    return int(numbers[0]), int(numbers[-1])


def whole_numbers(text: str, option: str) -> list[int]:
    """Reads a comma-separated list of different whole numbers.

    Raises:
        InputError: something else is in the list, or a number stands in it twice.

    Example:
        >>> whole_numbers("1, 2", "--seeds")
        [1, 2]
    """
    from cosod.errors import InputError

    try:
        numbers = [int(number) for number in text.split(",")]
    except ValueError:
        raise InputError(f"{option} {text}: give whole numbers, separated by commas, for instance 1,2,3") from None
    if len(set(numbers)) < len(numbers):
        raise InputError(f"{option} {text}: give each number once")
    return numbers
