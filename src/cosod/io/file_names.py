"""Names of results that every file system takes."""

import hashlib
import os

#: Bytes of a name, before an ending of up to five bytes and a number of up to four are added: file systems take 255.
LONGEST = 240


def shortened(name: str, longest: int = LONGEST) -> str:
    """A file name of at most ``longest`` bytes; of a longer one the beginning, and a hash that tells it from others.

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
    """The same for each part of a name with ``/`` between folders."""
    return "/".join(shortened(part) for part in name.split("/"))
