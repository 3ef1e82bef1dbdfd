"""Protection of input files: a command never overwrites a file that it reads.

Before they do any work, commands compare all files that they are going to write with all files that they read
(:meth:`InputFiles.refuse`). :func:`protect` adds a second check: :func:`cosod.io.atomic_write.whole`, through which
every file is written, calls :func:`check` for each of them.
"""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from cosod.errors import InputError
from cosod.io.storage import is_remote


class InputFiles:
    """The set of files that a command reads, identified by their real paths.

    Two paths denote the same file if they name the same entry of the same folder (after the links that lead to the
    folder are resolved), if one is a link to the other, or if the file system gives both the same device and inode
    (hard links, bind mounts, and file systems that ignore case).

    Args:
        paths: paths of files, on this machine or in an object store. The files in a folder are not added, see
            :func:`files_under`.

    Example:
        >>> InputFiles([Path("photos/mug.png")]).refuse([Path("photos/../photos/mug.png")])  # doctest: +SKIP
        Traceback (most recent call last):
        cosod.errors.InputError: photos/../photos/mug.png is the input photos/mug.png ...
    """

    def __init__(self, paths: Iterable[Any] = ()):
        self._folders: dict[str, str] = {}
        self._places: dict[str, Any] = {}
        self._nodes: dict[tuple[int, int], tuple[str, os.stat_result]] | None = None
        self.add(paths)

    def add(self, paths: Iterable[Any]) -> None:
        """Adds files to the set."""
        self._nodes = None
        for path in paths:
            for place in self._places_of(path):
                self._places.setdefault(place, path)

    def find(self, target: Any) -> Any | None:
        """Returns the input that would be lost if ``target`` were written; None if no input would be."""
        for place in self._places_of(target):
            if place in self._places:
                return self._places[place]
        if is_remote(target):
            return None
        try:
            state = os.lstat(target)
        except (OSError, ValueError):
            return None  # no file exists at the target
        if self._nodes is None:
            self._nodes = dict(self._states())
        known = self._nodes.get((state.st_dev, state.st_ino))
        if known is None:
            return None
        path, before = known
        return path if _is_at(path, state) or _same_contents(before, state) else None

    def refuse(self, targets: Iterable[Any]) -> None:
        """Refuses targets that are inputs.

        Args:
            targets: paths of the files that are going to be written.

        Raises:
            InputError: a target is an input.
        """
        for target in targets:
            found = self.find(target)
            if found is not None:
                same = "an input" if str(target) == str(found) else f"the input {found}"
                raise InputError(f"{target} is {same} and would be overwritten; give another place for the results")

    def refuse_inside(self, folders: Iterable[Any]) -> None:
        """Refuses folders that contain inputs.

        Args:
            folders: folders whose contents a command replaces or removes; those in an object store are not checked.

        Raises:
            InputError: an input lies in one of the folders.
        """
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

    def _states(self) -> Iterator[tuple[tuple[int, int], tuple[str, os.stat_result]]]:
        for path in dict.fromkeys(map(str, self._places.values())):
            try:
                state = os.stat(path)  # noqa: PTH116
            except (OSError, ValueError):
                continue  # the file lies in an object store, or does not exist any more
            yield (state.st_dev, state.st_ino), (path, state)

    def _places_of(self, path: Any) -> set[str]:
        """Returns the real paths of a file: its entry in the real folder and, if it is a link, the file it leads to."""
        if is_remote(path):
            return {str(path)}
        place = self._place(path)
        places = {place}
        if os.path.islink(place):  # noqa: PTH114
            places.add(os.path.normcase(os.path.realpath(place)))
        return places

    def _place(self, path: Any) -> str:
        """Returns the path with its folder resolved; resolved folders are cached, because many files lie in each."""
        folder, name = os.path.split(os.fspath(path))
        if name in ("", ".", ".."):
            return os.path.normcase(os.path.realpath(path))
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.normcase(os.path.join(self._folders[folder], name))  # noqa: PTH118


def files_under(
    paths: Iterable[Any], suffixes: Collection[str] | None = None, leave_out: Path | None = None
) -> Iterator[Path]:
    """Yields the files among ``paths``, and all files in the local folders among them, at any depth.

    Args:
        paths: paths of files and folders. ``None`` is skipped. A path that is not a local folder is yielded as it is.
        suffixes: suffixes, in lower case, of the files in folders that are yielded; by default all files are.
        leave_out: the folder of the results, which is not searched if it lies in one of the folders.

    Example:
        >>> photos = list(files_under([Path("photos")], {".jpg", ".png"}))  # doctest: +SKIP
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
                folders.clear()  # a folder that was searched already (through a link), or the folder of the results
                continue
            entered.add(real)
            for name in files:
                if suffixes is None or os.path.splitext(name)[1].lower() in suffixes:  # noqa: PTH122
                    yield Path(folder, name)


def _is_at(path: str, state: os.stat_result) -> bool:
    """Returns whether the file of this state is still at the path."""
    try:
        return os.path.samestat(os.stat(path), state)  # noqa: PTH116
    except (OSError, ValueError):
        return False


def _same_contents(one: os.stat_result, other: os.stat_result) -> bool:
    """Returns whether a file was moved, and not removed, after which a new file got its inode."""
    return (one.st_mtime_ns, one.st_size) == (other.st_mtime_ns, other.st_size)


_protected: list[InputFiles] = []


def protect(inputs: InputFiles) -> None:
    """Makes :func:`check` refuse to overwrite these inputs until :func:`release` is called.

    The protection holds for the whole process, so it is meant for a command that runs in a process of its own.

    Example:
        >>> protect(InputFiles([Path("photos/mug.png")]))
        >>> release()
    """
    _protected.append(inputs)


def guard(
    targets: Iterable[Any],
    read: Iterable[Any],
    suffixes: Collection[str] | None = None,
    folders: Iterable[Any] = (),
    output: Path | None = None,
) -> InputFiles:
    """Refuses targets that are inputs, and protects the inputs; a command calls this function before it does any work.

    Args:
        targets: all files that are going to be written, as far as their names are known.
        read: files and folders that are read; ``None`` stands for an option that was not given.
        suffixes: suffixes, in lower case, of the files in these folders that are inputs; by default all files are.
        folders: folders whose contents are replaced or removed, for files whose names are not known in advance.
        output: the folder of the results, which may lie in a folder that is read, but may not be one itself.

    Returns:
        The inputs.

    Raises:
        InputError: a target is an input, an input lies in one of ``folders``, or ``output`` is a folder that is read.

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
    """Ends the protection of all inputs that were given to :func:`protect`.

    Example:
        >>> release()
    """
    _protected.clear()


def check(target: Any) -> None:
    """Refuses to write a file that is a protected input.

    Raises:
        InputError: ``target`` is a protected input.

    Example:
        >>> check(Path("out/map.png"))
    """
    for inputs in _protected:
        inputs.refuse([target])
