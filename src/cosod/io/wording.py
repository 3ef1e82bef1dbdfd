"""Numbers and nouns in messages, and what text is."""

import math


def plural(count: int, noun: str, several: str = "") -> str:
    """Returns a number with its noun, in the singular or the plural.

    Args:
        count: how many.
        noun: noun in the singular.
        several: noun in the plural; by default the singular with an ``s``.

    Example:
        >>> plural(1, "image"), plural(2, "image"), plural(0, "entry", "entries")
        ('1 image', '2 images', '0 entries')
    """
    return f"{count} {noun if count == 1 else several or noun + 's'}"


def is_text(text: str) -> bool:
    """Returns whether all characters are those of a text: printable ones, line breaks, tabs, and a byte order mark.

    Example:
        >>> is_text("one line"), is_text(chr(0))
        (True, False)
    """
    return all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)


def hundredths(value: float) -> str:
    """Returns a probability with two digits, rounded down, so that what is below a limit never reads as the limit.

    Example:
        >>> hundredths(0.4999), hundredths(0.5), hundredths(0.29)
        ('0.49', '0.50', '0.29')
    """
    return f"{math.floor(100 * value + 1e-9) / 100:.2f}"
