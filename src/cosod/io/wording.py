"""Numbers and nouns in messages."""


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
