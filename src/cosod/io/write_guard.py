"""Protection of input files: what a command reads is never written over.

Commands compare everything that they are going to write with everything that they read before they do any work
(:meth:`InputFiles.refuse`). :func:`protect` is the second line: :func:`cosod.io.atomic_write.whole`, through which
every file is written, asks :func:`check` again.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from cosod.errors import InputError
from cosod.io.storage import is_remote


class InputFiles:
    """The files that a command reads, known by their real paths.

    Two paths are of one file if they name the same entry of the same folder, whatever links lead to that folder, if one
    is a link to the other, or if the file system says that they are one file (hard links, bind mounts, and file
    systems that ignore case).

    Args:
        paths: paths of files, on this machine or in a store. Folders are passed over, see :func:`files_under`.

    Example:
        >>> InputFiles([Path("photos/mug.png")]).refuse([Path("photos/../photos/mug.png")])  # doctest: +SKIP
        Traceback (most recent call last):
        cosod.errors.InputError: photos/../photos/mug.png is the input photos/mug.png ...
    """

    def __init__(self, paths: Iterable[Any] = ()):
        self._folders: dict[str, str] = {}
        self._places: dict[str, Any] = {}
        self._nodes: dict[tuple[int, int], Any] | None = None
        self.add(paths)

    def add(self, paths: Iterable[Any]) -> None:
        """Add files."""
        self._nodes = None
        for path in paths:
            for place in self._places_of(path):
                self._places.setdefault(place, path)

    def find(self, target: Any) -> Any | None:
        """Returns the input that would be lost if ``target`` were written; None where there is none."""
        for place in self._places_of(target):
            if place in self._places:
                return self._places[place]
        if is_remote(target):
            return None
        try:
            state = os.lstat(target)
        except (OSError, ValueError):
            return None  # nothing stands there
        if self._nodes is None:
            self._nodes = dict(self._states())
        return self._nodes.get((state.st_dev, state.st_ino))

    def refuse(self, targets: Iterable[Any]) -> None:
        """Raises InputError if one of ``targets``, paths of files to be written, is an input."""
        for target in targets:
            found = self.find(target)
            if found is not None:
                same = "an input" if str(target) == str(found) else f"the input {found}"
                raise InputError(f"{target} is {same} and would be overwritten; give another place for the results")

    def refuse_inside(self, folders: Iterable[Any]) -> None:
        """Raises InputError if an input lies in one of ``folders``, whose contents a command replaces or removes."""
        for folder in folders:
            if is_remote(folder):
                continue
            inside = os.path.normcase(os.path.realpath(folder)) + os.sep
            for place, path in self._places.items():
                if place.startswith(inside):
                    raise InputError(
                        f"{path} is an input and lies in {folder}, where results are written; give another place for "
                        "the results"
                    )

    def _states(self) -> Iterator[tuple[tuple[int, int], Any]]:
        for path in dict.fromkeys(map(str, self._places.values())):
            try:
                state = os.stat(path)  # noqa: PTH116
            except (OSError, ValueError):
                continue  # in a store, or gone
            yield (state.st_dev, state.st_ino), path

    def _places_of(self, path: Any) -> set[str]:
        """Returns what a path is known by: its name in the real folder, and the real file that it leads to."""
        if is_remote(path):
            return {str(path)}
        place = self._place(path)
        places = {place}
        if os.path.islink(place):  # noqa: PTH114
            places.add(os.path.normcase(os.path.realpath(place)))
        return places

    def _place(self, path: Any) -> str:
        """Returns the entry of the real folder; the folders are kept, because many files lie in each."""
        folder, name = os.path.split(os.fspath(path))
        if name in ("", ".", ".."):
            return os.path.normcase(os.path.realpath(path))
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.normcase(os.path.join(self._folders[folder], name))  # noqa: PTH118


def files_under(
    paths: Iterable[Any], suffixes: Collection[str] | None = None, leave_out: Path | None = None
) -> Iterator[Path]:
    """Returns the files among ``paths``, and all files in local folders among them, at any depth.

    Args:
        paths: paths of files and folders; ``None`` among them, and what does not exist, is passed over.
        suffixes: with these endings only, in lower case, of what lies in folders.
        leave_out: folder of the results, whose files are no inputs where it lies in one of the folders.
    """
    left_out = None if leave_out is None else os.path.realpath(leave_out)
    for path in paths:
        if path is None:
            continue
        if is_remote(path) or not Path(path).is_dir():
            yield path
            continue
        entered: set[str] = set()
        for folder, folders, files in os.walk(path, followlinks=True):
            real = os.path.realpath(folder)
            if real in entered or real == left_out:
                folders.clear()  # a link that leads back, or results
                continue
            entered.add(real)
            for name in files:
                if suffixes is None or os.path.splitext(name)[1].lower() in suffixes:  # noqa: PTH122
                    yield Path(folder, name)


_protected: list[InputFiles] = []


def protect(inputs: InputFiles) -> None:
    """Have :func:`check` refuse these inputs until :func:`release`: for a command that has the process to itself."""
    _protected.append(inputs)


def guard(
    targets: Iterable[Any],
    read: Iterable[Any],
    suffixes: Collection[str] | None = None,
    folders: Iterable[Any] = (),
    output: Path | None = None,
) -> InputFiles:
    """Refuse targets that are inputs, and protect the inputs: what a command calls before any work.

    Args:
        targets: every file that is going to be written, as far as the names are known.
        read: files and folders that are read; ``None`` among them stands for an option that is not given.
        suffixes: suffixes of the files in these folders that are inputs; by default all.
        folders: whose files are all written or removed, where their names are not known.
        output: folder of the results; it may lie in a folder that is read, but be none.

    Returns:
        The inputs.

    Raises:
        InputError: a target is an input, or ``output`` is a folder that is read.

    Example:
        >>> guard([output], [source])  # doctest: +SKIP
    """
    read = list(read)
    if output is not None and any(
        path is not None and os.path.realpath(path) == os.path.realpath(output) for path in read
    ):
        raise InputError(f"{output} is an input too; give another folder for the results")
    inputs = InputFiles(files_under(read, suffixes, output))
    inputs.refuse(targets)
    inputs.refuse_inside(folders)
    protect(inputs)
    return inputs


def release() -> None:
    """Forget what was protected."""
    _protected.clear()


def check(target: Any) -> None:
    """Raises InputError if ``target`` is a protected input."""
    for inputs in _protected:
        inputs.refuse([target])
