"""From paths to groups of images."""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cosod.data.images import SUFFIXES
from cosod.errors import InputError


@dataclass(frozen=True)
class Group:
    """Images that share an object.

    Attributes:
        name: relative path of the group's results, with ``/`` between folders; unique in a run.
        images: files, sorted by name.
        stems: name of each image's results without ending; unique in the group, whatever the file system makes
            of upper and lower case.
    """

    name: str
    images: tuple[Path, ...]
    stems: tuple[str, ...]


def find_groups(
    paths: Iterable[str | os.PathLike], exclude: Iterable[str | os.PathLike] = (), reserved: Collection[str] = ()
) -> list[Group]:
    """Groups under ``paths``, the same on every machine whatever order the file system lists them in.

    A folder of images is one group, named as the folder. A folder of folders is a group for each folder that
    holds images, at any depth, named by its path from the given one. Files given one by one form one group.
    Hidden files and folders are passed over; links are followed, but no folder is entered twice.

    Args:
        paths: folders and image files.
        exclude: folders not to enter, as the output folder that may lie inside an input.
        reserved: names that no group may have.

    Raises:
        InputError: a path does not exist or may not be read, or there are no images.
    """
    paths = [Path(p) for p in paths]
    excluded = {os.path.realpath(p) for p in exclude}
    found: list[tuple[str, list[Path]]] = []
    files = [p for p in paths if not p.is_dir()]
    for path in files:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path")
    if files:
        parents = {p.resolve().parent for p in files}
        name = parents.pop().name if len(parents) == 1 else ""
        found.append((name or "images", list(dict.fromkeys(files))))
    for path in paths:
        if path.is_dir():
            found += _walk(path, excluded)
    if not found:
        where = ", ".join(str(p) for p in paths) or "the paths given"
        raise InputError(f"no images in {where}; expected files ending in {' '.join(sorted(SUFFIXES))}")
    names = unique_names([name for name, _ in found], reserved)
    groups = []
    for name, (_, images) in zip(names, found, strict=True):
        images = sorted(images, key=lambda p: (p.name, str(p)))
        groups.append(Group(name, tuple(images), tuple(_stems(images))))
    return groups


def _walk(root: Path, excluded: set[str]) -> list[tuple[str, list[Path]]]:
    found = []
    entered: set[str] = set()

    def enter(folder: Path, name: PurePosixPath) -> None:
        real = os.path.realpath(folder)
        if real in entered or real in excluded:
            return
        entered.add(real)
        try:
            with os.scandir(folder) as listing:
                entries = sorted((e for e in listing if not e.name.startswith(".")), key=lambda e: e.name)
        except OSError as error:
            raise InputError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from error
        images = [Path(e.path) for e in entries if Path(e.name).suffix.lower() in SUFFIXES and e.is_file()]
        if images:
            found.append((str(name) if name.parts else root.resolve().name or "images", images))
        for entry in entries:
            try:
                is_folder = entry.is_dir()
            except OSError:  # a link that loops onto itself
                is_folder = False
            if is_folder:
                enter(Path(entry.path), name / entry.name)

    enter(root, PurePosixPath())
    return found


def unique_names(names: list[str], reserved: Collection[str] = ()) -> list[str]:
    """``names`` with ``-2``, ``-3``... after those that stand already (case ignored) or are reserved."""
    taken = {r.casefold() for r in reserved}
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{name}-{number}"
        taken.add(candidate.casefold())
        result.append(candidate)
    return result


def _stems(images: list[Path]) -> list[str]:
    """Stems; images of one stem keep their ending too (``a.jpg``, ``a.png`` -> ``a_jpg``, ``a_png``)."""
    counts: dict[str, int] = {}
    for path in images:
        counts[path.stem.casefold()] = counts.get(path.stem.casefold(), 0) + 1
    stems = []
    for path in images:
        shared = counts[path.stem.casefold()] > 1 and path.suffix
        stems.append(f"{path.stem}_{path.suffix[1:]}" if shared else path.stem)
    return unique_names(stems)
