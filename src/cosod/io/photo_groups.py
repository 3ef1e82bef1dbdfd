"""Finding groups of images under the paths that a user gives."""

import os
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cosod.errors import InputError
from cosod.io.file_names import shortened, shortened_path
from cosod.io.image_formats import KINDS, SUFFIXES, LeftOut, is_image_name, kind_of
from cosod.io.passed_over import Results, is_sheet, is_system_folder, results_in
from cosod.io.run_records import RECORDS
from cosod.io.storage import as_path, entries, is_remote, kind, nothing_at
from cosod.io.wording import plural


@dataclass(frozen=True)
class Group:
    """A group of images that share an object.

    Attributes:
        name: relative path of the results of the group, with ``/`` between folders; unique in a run.
        images: image files, sorted by name; those in an object store are ``UPath``s.
        stems: for each image, the file name of its results without suffix; unique in the group, even on a file system
            that ignores case.
        part: number of this part, from 0, if the group is processed in parts, in which each image is processed by
            itself; else None.

    Example:
        >>> group = Group("mugs", (Path("photos/1.jpg"), Path("photos/2.jpg")), ("1", "2"))
    """

    name: str
    images: tuple[Path, ...]
    stems: tuple[str, ...]
    part: int | None = None


def find_groups(
    paths: Iterable[str | os.PathLike],
    exclude: Iterable[str | os.PathLike] = (),
    reserved: Collection[str] = (),
    on_results: Callable[[Path, tuple[str, ...]], None] = lambda folder, verbs: None,
    on_left_out: Callable[[LeftOut], None] = lambda file: None,
) -> list[Group]:
    """Finds the groups of images under ``paths``, in an order that is the same on every machine.

    A folder of images is one group with the name of the folder. In a folder of folders, each folder that contains
    images, at any depth, is a group, named by its path from the given folder. Files that are given one by one form one
    group. Hidden files and folders and those of operating systems are skipped (:mod:`cosod.io.passed_over`). Links are
    followed, but no folder is searched twice, and a file that is given by itself is used only once, even if its folder
    is given too.

    Folders of results (those that contain ``.cosod``) are not searched. If such a folder is itself one of ``paths``,
    only its results are left out; in an output folder of ``cosod group``, the albums count as photos.

    Args:
        paths: folders and image files, on this machine or as URLs in an object store (see :mod:`cosod.io.storage`).
        exclude: folders that are not searched, for instance the output folder if it lies inside an input folder.
        reserved: names that no group may have.
        on_results: called with each folder whose results were left out, and the verbs of the commands that wrote them.
        on_left_out: called with each other file in the folders that is not read, except hidden files and files of the
            operating system.

    Returns:
        The groups; at least one.

    Raises:
        InputError: a path does not exist or cannot be read, or there are no images.

    Example:
        >>> [group.name for group in find_groups(["photos"])]  # doctest: +SKIP
    """
    given: list[Path] = [as_path(p) for p in paths]
    excluded = {_real(as_path(p)) for p in exclude}
    kinds = [kind(p) for p in given]
    found: list[tuple[str, list[Path]]] = []
    if None in kinds:
        missing = given[kinds.index(None)]
        if str(missing) == "-":
            raise InputError("- stands for standard input, which this command does not read; give a file or a folder")
        raise InputError(nothing_at(missing, "file or folder"))
    entered = set(excluded)
    left_out: list[tuple[Path, tuple[str, ...]]] = []
    unread: list[LeftOut] = []
    for path, k in zip(given, kinds, strict=True):
        if k == "folder":
            found += _walk(path, entered, left_out, unread)
    files = _once([p for p, k in zip(given, kinds, strict=True) if k != "folder"], found)
    if files:
        parents = {p.resolve().parent for p in files}
        name = _name(parents.pop()) if len(parents) == 1 else ""
        found.insert(0, (name or "images", files))
    for folder, verbs in left_out:
        on_results(folder, verbs)
    for file in unread:
        on_left_out(file)
    if not found:
        raise InputError(_nothing_in(given, left_out, unread))
    names = unique_names([shortened_path(name) for name, _ in found], reserved)
    groups = []
    for name, (_, images) in zip(names, found, strict=True):
        images = sorted(images, key=lambda p: (p.name, str(p)))
        groups.append(Group(name, tuple(images), tuple(_stems(images))))
    return groups


def _once(files: list[Path], found: list[tuple[str, list[Path]]]) -> list[Path]:
    """Returns the files without duplicates (after links are resolved), and without those found in a folder."""
    taken = {_real(image) for _, images in found for image in images} if files else set()
    once = []
    for file in files:
        if (real := _real(file)) not in taken:
            taken.add(real)
            once.append(file)
    return once


def _nothing_in(paths: list[Path], left_out: list[tuple[Path, tuple[str, ...]]], unread: list[LeftOut]) -> str:
    where = ", ".join(str(p) for p in paths) or "the paths given"
    if left_out:
        folder, verbs = left_out[0]
        made = f"{folder} holds results of cosod {' and '.join(verbs)}" if verbs else f"{folder} holds results"
        return f"no images in {where}: {made}; give the photos, or a folder inside it if you mean the results"
    for kind_, way_out in KINDS.items():
        if files := [file for file in unread if file.kind == kind_ != "other file"]:
            return f"no images in {where}, but {plural(len(files), kind_)}, as {files[0].path}; {way_out}"
    return f"no images in {where}; expected files ending in {' '.join(sorted(SUFFIXES))}"


def _walk(
    root: Path, entered: set[str], left_out: list[tuple[Path, tuple[str, ...]]], unread: list[LeftOut]
) -> list[tuple[str, list[Path]]]:
    """Returns the name and the images of each folder of images under ``root``.

    The function extends its arguments: ``entered`` by the folders that it searches, ``left_out`` by the folders whose
    results it leaves out, and ``unread`` by the files that are not read.
    """
    found = []

    def enter(folder: Path, name: PurePosixPath) -> None:
        real = _real(folder)
        if real in entered:
            return
        entered.add(real)
        files, folders, dead = _listing(folder)
        if RECORDS in folders:
            folders.remove(RECORDS)
            # Records that are removed during the search tell nothing.
            results = (None if is_remote(folder) else results_in(folder)) or Results((), (), ())
            if name.parts:
                left_out.append((folder, results.verbs))
                return
            kept = [inner for inner in folders if inner not in results.folders]
            if len(kept) < len(folders):
                left_out.append((folder, results.verbs))
            folders = kept
            files = [f for f in files if f not in results.files and (is_remote(folder) or not is_sheet(folder / f))]
        images = [folder / file for file in files if is_image_name(file)]
        unread.extend(LeftOut(str(folder / file), of) for file in files if (of := kind_of(file)))
        unread.extend(LeftOut(str(folder / file), "dead link") for file in dead)
        if images:
            found.append((str(name) if name.parts else _name(root.resolve()) or "images", images))
        for inner in folders:
            enter(folder / inner, name / _name(folder / inner))

    enter(root, PurePosixPath())
    return found


def _real(path: Path) -> str:
    """Returns the path of a file or folder with all links resolved, which identifies it."""
    return str(path.resolve()) if is_remote(path) else os.path.realpath(path)


def _name(path: Path) -> str:
    """Returns the name of the results of a file or folder; an empty string for the root of a file system.

    Keys of an object store may contain characters that would lead out of the output folder (``..\\..\\x``, ``c:x``);
    these characters are replaced.
    """
    if not is_remote(path):
        return path.name
    name = re.sub(r"[\\:\x00-\x1f]", "_", path.name)
    return "" if name.startswith(".") else name


def _listing(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Returns the sorted names of the files in a folder, of its subfolders, and of its broken links.

    Hidden entries are left out, except the folder of records (:data:`cosod.io.run_records.RECORDS`).
    """
    if is_remote(folder):
        found = entries(folder, hidden=[RECORDS])
        inner = [e.name for e in found if e.is_folder and not is_system_folder(e.name)]
        return [e.name for e in found if not e.is_folder], inner, []
    try:
        with os.scandir(folder) as listing:
            inside = sorted(filter(_is_shown, listing), key=lambda e: e.name)
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from error
    files, folders, dead = [], [], []
    for entry in inside:
        try:
            is_folder = entry.is_dir()
        except OSError:  # a link that leads to itself
            dead.append(entry.name)
            continue
        if is_folder:
            if not is_system_folder(entry.name):
                folders.append(entry.name)
        elif entry.is_file():
            files.append(entry.name)
        elif entry.is_symlink():
            dead.append(entry.name)
    return files, folders, dead


def _is_shown(entry: os.DirEntry) -> bool:
    return not entry.name.startswith(".") or entry.name == RECORDS


def unique_names(names: list[str], reserved: Collection[str] = ()) -> list[str]:
    """Makes names unique by appending ``-2``, ``-3``... to a name that is reserved or occurs earlier in the list.

    Names that differ only in upper and lower case count as the same.

    Example:
        >>> unique_names(["mugs", "Mugs", "toys"])
        ['mugs', 'Mugs-2', 'toys']
    """
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
    """Returns the stems of the files; files with the same stem also keep their suffix (``a_jpg`` and ``a_png``)."""
    names = [PurePosixPath(_name(path)) for path in images]
    counts: dict[str, int] = {}
    for name in names:
        counts[name.stem.casefold()] = counts.get(name.stem.casefold(), 0) + 1
    stems = []
    for name in names:
        shared = counts[name.stem.casefold()] > 1 and name.suffix
        stems.append(shortened(f"{name.stem}_{name.suffix[1:]}" if shared else name.stem))
    return unique_names(stems)
