"""Formatting of numbers and nouns in messages."""

import math


def plural(count: int, noun: str, several: str = "") -> str:
    """Returns a number followed by a noun in the singular or the plural.

    Args:
        count: the number.
        noun: the noun in the singular.
        several: the noun in the plural; by default the singular with an ``s``.

    Example:
        >>> plural(1, "image"), plural(2, "image"), plural(0, "entry", "entries")
        ('1 image', '2 images', '0 entries')
    """
    return f"{count} {noun if count == 1 else several or noun + 's'}"


def hundredths(value: float) -> str:
    """Formats a probability with two decimals, rounded down, so that a value below a limit never reads as the limit.

    Example:
        >>> hundredths(0.4999), hundredths(0.5), hundredths(0.29)
        ('0.49', '0.50', '0.29')
    """
    return f"{math.floor(100 * value + 1e-9) / 100:.2f}"
