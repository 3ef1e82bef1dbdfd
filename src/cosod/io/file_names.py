"""File names: names of results that every file system accepts, and files whose names are not valid UTF-8."""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

#: Maximum length of a name in bytes. File systems allow 255; the rest is left for a suffix of up to five bytes and a
#: number of up to four digits that are added later.
LONGEST = 240


def shortened(name: str, longest: int = LONGEST) -> str:
    """Shortens a file name to at most ``longest`` bytes.

    A longer name is cut, and a hash of the whole name is appended so that different names stay different.

    Args:
        name: the name, without folders.
        longest: maximum length in bytes, not counting a suffix that is added later.

    Example:
        >>> shortened("mug"), len(shortened("m" * 300))
        ('mug', 240)
    """
    if len(os.fsencode(name)) <= longest:
        return name
    ending = f"-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"
    while len(os.fsencode(name)) > longest - len(ending):
        name = name[:-1]  # removes a whole character, which may be several bytes
    return name + ending


def shortened_path(name: str) -> str:
    """Shortens each part of a relative path with :func:`shortened`; ``/`` separates the parts.

    Example:
        >>> len(shortened_path("kitchen/" + "m" * 300))
        248
    """
    return "/".join(shortened(part) for part in name.split("/"))


def printable(name: str) -> str:
    """Returns a name that can be drawn in pictures and figures.

    Bytes that are not valid UTF-8, line breaks and other control characters are replaced by U+FFFD, because fonts
    cannot draw them.

    Example:
        >>> printable("caf\\udce9")
        'caf\ufffd'
    """
    return re.sub(r"[\x00-\x1f\x7f]", "\ufffd", os.fsencode(name).decode("utf-8", "replace"))


@contextlib.contextmanager
def text_path(path: Path) -> Iterator[Path]:
    """Yields a path to the same file or folder that is valid UTF-8, for libraries that accept no other paths.

    A path that is valid UTF-8 is yielded as it is. For any other path, the function yields a temporary symbolic link to
    it, which is removed when the block ends.

    Args:
        path: path of an existing file or folder on this machine.

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
