"""Stale results: the results of photos that have been removed, found through the records of earlier runs.

Each record of a group holds two dictionaries. ``photos`` maps the stem of each photo to ``image`` (the real path of
the photo), ``size`` and ``version`` of the photo's file, and ``files``, the paths of its results relative to the output
folder. ``earlier`` maps the stems of the photos of earlier runs to the paths of their results.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosod.io.photo_groups import Group
from cosod.io.run_records import RECORDS, file_states, read_record
from cosod.io.storage import is_remote


def photos_of(group: Group, output: Any, files: Callable[[int], Iterable[Any]]) -> dict[str, dict]:
    """Returns the value of ``photos`` in the record of a group, see :mod:`cosod.apps.stale`.

    Args:
        group: the photos.
        output: folder of the results.
        files: function that returns the paths of the results of the image at an index.

    Example:
        >>> files = lambda index: [job.target("maps", group.name, group.stems[index])]  # doctest: +SKIP
        >>> photos_of(group, job.output, files)  # doctest: +SKIP
    """
    states = file_states(group.images)
    entries = {}
    for index, (path, stem, (_, size, version)) in enumerate(zip(group.images, group.stems, states, strict=True)):
        names = [_relative(file, output) for file in files(index)]
        entries[stem] = {"image": real_path(path), "size": size, "version": version, "files": names}
    return entries


def earlier_of(record: Mapping[str, Any]) -> dict[str, list[str]]:
    """Returns the value of ``earlier`` in a new record that replaces ``record``: stem -> files, of all known photos.

    Example:
        >>> earlier_of({"photos": {"1": {"files": ["mugs/1.png"]}}, "earlier": {"0": ["mugs/0.png"]}})
        {'1': ['mugs/1.png'], '0': ['mugs/0.png']}
    """
    known = {stem: list(entry["files"]) for stem, entry in record.get("photos", {}).items()}
    for stem, files in record.get("earlier", {}).items():
        known[stem] = sorted({*known.get(stem, ()), *files})
    return known


def find_stale(output: Any, groups: Iterable[Group]) -> list[Path]:
    """Finds the results in a folder whose photos are gone.

    In the groups of this run, these are the results of photos that earlier runs had and this run does not have. In
    other groups, these are the results of photos that do not exist any more. Only files that are named in records are
    found. In an object store, no files are found.

    Args:
        output: folder of the results.
        groups: all groups of this run.

    Returns:
        The existing files, sorted by path.

    Example:
        >>> remove(find_stale(Path("out"), groups))  # doctest: +SKIP
    """
    if is_remote(output):
        return []
    live: dict[str, set[str]] = {}
    for group in groups:
        live.setdefault(group.name, set()).update(group.stems)
    named = set(live)
    known: dict[str, dict[str, list[str]]] = {}
    for name, record in _records(output):
        for stem, files in earlier_of(record).items():
            known.setdefault(name, {}).setdefault(stem, []).extend(files)
        if name not in named:
            there = {stem for stem, entry in record.get("photos", {}).items() if _exists(entry["image"])}
            live.setdefault(name, set()).update(there)
    keep = {file for name, stems in known.items() for stem in stems if stem in live[name] for file in stems[stem]}
    gone = {file for name, stems in known.items() for stem in stems if stem not in live[name] for file in stems[stem]}
    return [output / file for file in sorted(gone - keep) if _is_inside(file) and (output / file).is_file()]


def remove(files: Sequence[Path]) -> None:
    """Deletes result files, and those of their folders that are empty afterwards.

    Args:
        files: result files on this machine, from :func:`find_stale`; missing ones are not an error.

    Example:
        >>> remove([])
    """
    for file in files:
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in files}:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def mismatch(image: Any, entry: Mapping[str, Any]) -> str | None:
    """Returns why a result was not made from the present version of a photo; None if it may have been.

    A result of a photo of the same name in another folder is accepted, because the photo may be a copy, for instance
    one of another size.

    Args:
        image: path of the photo.
        entry: value of the record's ``photos`` for the stem of the photo.

    Returns:
        Words that follow the name of the result in an error message, or None.

    Example:
        >>> mismatch(Path("/photos/1.jpg"), {"image": "/photos/2.jpg", "size": 1, "version": 1})
        'is made of /photos/2.jpg'
    """
    real, made = real_path(image), str(entry["image"])
    if real != made:
        same_folder = os.path.dirname(real) == os.path.dirname(made)  # noqa: PTH120
        return f"is made of {made}" if same_folder else None
    ((_, size, version),) = file_states([image])
    return (
        None if [size, version] == [entry["size"], entry["version"]] else "is made of an earlier version of this photo"
    )


def real_path(path: Any) -> str:
    """Returns the path by which records identify a photo: with links resolved, or the URL of an object in a store.

    Example:
        >>> real_path(Path("photos/../1.jpg")) == real_path(Path("1.jpg"))
        True
    """
    return str(path) if is_remote(path) else os.path.realpath(path)


def _records(output: Path) -> Iterable[tuple[str, dict]]:
    """Yields the name of the group and the content of each record in a folder."""
    folder = output / RECORDS
    for path in sorted(folder.rglob("*.json")):
        parts = path.relative_to(folder).with_suffix("").parts
        if parts[0] == "shards":
            continue
        parts = parts[1:] if parts[0].startswith("part ") and len(parts) > 1 else parts
        record = read_record(path)
        if isinstance(record.get("photos", {}), dict) and isinstance(record.get("earlier", {}), dict):
            yield "/".join(parts), record


def _relative(file: Any, output: Any) -> str:
    return str(file)[len(str(output)) :].lstrip("/\\")


def _is_inside(file: str) -> bool:
    """Returns whether a relative path from a record stays inside the output folder."""
    return not os.path.isabs(file) and ".." not in Path(file).parts  # noqa: PTH117


def _exists(image: str) -> bool:
    return "://" in image or os.path.exists(image)  # noqa: PTH110
