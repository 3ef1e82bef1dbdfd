"""Types of command-line values, and functions that parse their text."""

import errno
from collections.abc import Sequence
from pathlib import Path

import click


def refuse_empty(value, param: click.Parameter | None) -> None:
    """Refuses an empty path, which usually comes from a shell variable that is not set.

    Without this check, an empty path would mean the current folder.

    Raises:
        InputError: ``value`` is an empty string.

    Example:
        >>> refuse_empty("photos", None)
    """
    from cosod.errors import InputError

    if value == "":
        name = param.opts[0] if isinstance(param, click.Option) else "a path"
        raise InputError(f"{name} is empty; give a file or a folder ('.' is the current folder)")


def _checked(path, must_exist: bool):
    """Returns the path, after a check that needs no slow imports.

    Paths that cannot be read for other reasons, and ``-``, are left to the command.

    Raises:
        InputError: the path is a link that leads back to itself; or nothing exists at it, and ``must_exist`` is set.
    """
    from cosod.errors import InputError
    from cosod.io.storage import nothing_at

    if isinstance(path, Path):
        try:
            path.stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise InputError(f"{path}: is a link that leads back to itself; mend or remove it") from None
            if must_exist and error.errno == errno.ENOENT and str(path) != "-":
                raise InputError(nothing_at(path, "file or folder")) from None
    return path


class PathOrURL(click.ParamType):
    """The type of a path, or of the URL of a folder or object in a store.

    The path type of click cannot be used, because it would turn ``s3://`` into ``s3:/``.

    Args:
        must_exist: whether a path on this machine is refused if nothing exists at it.
    """

    name = "path"

    def __init__(self, must_exist: bool = False):
        self.must_exist = must_exist

    def convert(self, value, param, ctx):
        """Returns a :class:`pathlib.Path` or a ``UPath``; raises InputError if it is empty or cannot be used."""
        from cosod.io.storage import as_path

        refuse_empty(value, param)
        return _checked(as_path(value), self.must_exist)


class LocalPath(click.Path):
    """The type of a path on this machine, converted to :class:`pathlib.Path`; an empty path is refused.

    Args:
        must_exist: whether a path is refused if nothing exists at it.
        checks: arguments of :class:`click.Path`.
    """

    def __init__(self, must_exist: bool = False, **checks):
        super().__init__(path_type=Path, **checks)
        self.must_exist = must_exist

    def convert(self, value, param, ctx):
        """Returns the path; raises InputError if it is empty or cannot be used."""
        refuse_empty(value, param)
        return _checked(super().convert(value, param, ctx), self.must_exist)


class AtLeast(click.ParamType):
    """The type of an integer with a minimum; other values raise an InputError with a one-sentence message."""

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


#: The type of sizes and counts, which are at least 1.
POSITIVE = AtLeast(1)


class OneOf(click.Choice):
    """The type of a word from a fixed set of choices; other words raise an InputError with a one-sentence message."""

    def convert(self, value, param, ctx):
        """Returns the word; raises InputError if it is not one of the choices."""
        from cosod.errors import InputError

        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            raise InputError(f"{_name(param)} {value}: give one of {', '.join(self.choices)}") from None


class ListOf(click.ParamType):
    """The type of a comma-separated list of words from a fixed set of choices; its value is a tuple.

    Args:
        choices: the allowed words.

    Example:
        >>> ListOf(("maps", "masks")).convert("maps, masks", None, None)
        ('maps', 'masks')
    """

    name = "list"

    def __init__(self, choices: Sequence[str]):
        self.choices = tuple(choices)

    def get_metavar(self, param, ctx=None) -> str:
        """Returns the placeholder of the value in the help text of the option."""
        return f"[{'|'.join(self.choices)}],..."

    def convert(self, value, param, ctx):
        """Splits the list; raises InputError if it is empty or contains other words."""
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
    """Returns the path in a text of the form ``[NAME=]PATH``.

    If the whole text is an existing path, it is returned, even if it contains ``=``.

    Raises:
        InputError: the path is empty.

    Example:
        >>> place_of("mugs=photos/mugs").as_posix()
        'photos/mugs'
    """
    path = text if text and Path(text).exists() else text.rpartition("=")[2]
    refuse_empty(path, None)
    return Path(path)


def threshold_value(text: str) -> float | str:
    """Parses a threshold, which is a number or a word; :func:`cosod.postprocess.threshold.binarize` checks the word.

    Example:
        >>> threshold_value("0.4"), threshold_value("adaptive")
        (0.4, 'adaptive')
    """
    try:
        return float(text)
    except ValueError:
        return text


def size_value(text: str) -> tuple[int, int]:
    """Parses a size in pixels: ``800x600`` is a width and a height, and ``800`` is a square.

    Returns:
        ``(width, height)``.

    Raises:
        InputError: the text has another form.

    Example:
        >>> size_value("800x600"), size_value("800")
        ((800, 600), (800, 800))
    """
    from cosod.errors import InputError

    numbers = text.lower().split("x")
    if len(numbers) > 2 or not all(number.isdigit() for number in numbers):
        raise InputError(f"--size {text}: give WIDTHxHEIGHT in pixels, as 800x600, or one number")
    return int(numbers[0]), int(numbers[-1])


def whole_numbers(text: str, option: str) -> list[int]:
    """Parses a comma-separated list of different integers.

    Args:
        text: the list.
        option: name of the option in messages.

    Raises:
        InputError: an entry is not an integer, or a number occurs twice.

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
