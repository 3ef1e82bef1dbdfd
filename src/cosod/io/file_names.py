"""Names of files: results that every file system takes, and files whose names are no text."""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Bytes of a name, before an ending of up to five bytes and a number of up to four are added: file systems take 255.
LONGEST = 240


def shortened(name: str, longest: int = LONGEST) -> str:
    """Returns a file name of at most ``longest`` bytes: a longer one is cut, and ends in a hash that tells it from
    others.

    Example:
        >>> shortened("mug"), len(shortened("m" * 300))
        ('mug', 240)
    """
    if len(os.fsencode(name)) <= longest:
        return name
    ending = f"-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
    while len(os.fsencode(name)) > longest - len(ending):
        name = name[:-1]  # whole characters, whatever their bytes
    return name + ending


def shortened_path(name: str) -> str:
    """Shortens each part of a name with ``/`` between folders, as :func:`shortened` does."""
    return "/".join(shortened(part) for part in name.split("/"))


def printable(name: str) -> str:
    """Returns a name for pictures and figures, with a mark in place of each byte that is not UTF-8, and of line breaks
    and other control characters, which fonts cannot draw.

    Example:
        >>> printable("caf\\udce9")
        'caf\ufffd'
    """
    return re.sub(r"[\x00-\x1f\x7f]", "\ufffd", os.fsencode(name).decode("utf-8", "replace"))


@contextlib.contextmanager
def text_path(path: Path) -> Iterator[Path]:
    """Returns the same file, or folder, under a name that is UTF-8, for libraries that take no other.

    A path that is UTF-8 is given as it is; to another leads a link, as long as the block lasts.

    Example:
        >>> with text_path(path) as file:  # doctest: +SKIP
        ...     capture = cv2.VideoCapture(str(file))
    """
    if printable(str(path)) == str(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="cosod-") as folder:
        ending = path.suffix if printable(path.suffix) == path.suffix else ""
        link = Path(folder) / f"file{ending}"
        link.symlink_to(path.absolute())
        yield link
