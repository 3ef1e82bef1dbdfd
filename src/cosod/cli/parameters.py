"""Kinds of values that the command line takes, and how their text is read."""

from pathlib import Path

import click


class PathOrURL(click.ParamType):
    """A path, or the URL of a folder or object in a store; click's own type would make ``s3:/`` of ``s3://``."""

    name = "path"

    def convert(self, value, param, ctx):
        from cosod.io.storage import as_path

        return as_path(value)


class AtLeast(click.ParamType):
    """A whole number of a smallest value; another is refused in one sentence, as every error of this package."""

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


#: Of sizes and counts.
POSITIVE = AtLeast(1)


def place_of(text: str) -> Path:
    """The path in ``[NAME=]PATH``."""
    return Path(text if Path(text).exists() else text.rpartition("=")[2])


def threshold_value(text: str) -> float | str:
    """A threshold as :func:`cosod.postprocess.threshold.binarize` takes it; words are left for it to judge."""
    try:
        return float(text)
    except ValueError:
        return text


def size_value(text: str) -> tuple[int, int]:
    """``800x600`` as width and height, ``800`` as a square."""
    from cosod.errors import InputError

    numbers = text.lower().split("x")
    if len(numbers) > 2 or not all(number.isdigit() for number in numbers):
        raise InputError(f"--size {text}: give WIDTHxHEIGHT in pixels, as 800x600, or one number")
    return int(numbers[0]), int(numbers[-1])


def words(text: str) -> tuple[str, ...]:
    """A list written with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
