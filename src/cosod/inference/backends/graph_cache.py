"""The cache of converted graphs, with an archive for each graph that is checked when it is read."""

import zipfile
from collections.abc import Callable

from cosod.errors import OutputError
from cosod.io.atomic_write import whole
from cosod.models.backbones.imagenet import cache_file


def kept(facts: tuple[str, ...], names: tuple[str, ...], make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
    """Returns the files ``names`` from the cache, or makes them and stores them in the cache.

    A damaged archive is replaced. If the cache cannot be written, nothing is stored.

    Args:
        facts: everything that the files depend on; the first entry becomes part of the file name.
        names: names of the files.
        make: function that makes the files.
    """
    path = cache_file("backends", facts[0], "\n".join(facts), ".zip")
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
