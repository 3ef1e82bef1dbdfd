"""The cache of converted graphs, with an archive for each graph that is checked when it is read."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

from cosod.errors import OutputError
from cosod.io.atomic_write import whole
from cosod.models.backbones.imagenet import cache_dir


def kept(facts: tuple[str, ...], names: tuple[str, ...], make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
    """Returns the files ``names`` from the cache, or makes them and stores them in the cache.

    A damaged archive is replaced. If the cache cannot be written, nothing is stored.

    Args:
        facts: everything that the files depend on; the first entry becomes part of the file name.
        names: names of the files.
        make: function that makes the files.
    """
    path = _path(facts)
    if path is None:
        return make()
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in names}
    except (OSError, KeyError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile):
        pass  # missing or damaged; every entry has a checksum
    files = make()
    try:
        with whole(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for name in names:
                archive.writestr(name, files[name])
    except OutputError:
        pass  # the cache only saves time
    return files


def _path(facts: tuple[str, ...]) -> Path | None:
    """Returns the path of the archive for these facts; None if the user has no cache folder."""
    try:
        folder = cache_dir()
    except RuntimeError:  # the user has no home folder
        return None
    key = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    return folder / "backends" / f"{facts[0]}-{key}.zip"
