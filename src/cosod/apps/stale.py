"""Results of photos that are gone: what records know of the photos, and what is left of those that were removed.

Each record of a group has ``photos``: stem -> ``image`` (the real path), ``size`` and ``version`` of its file, and
``files``, its results relative to the output folder; and ``earlier``, the same of photos of earlier runs.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosod.io.photo_groups import Group
from cosod.io.run_records import RECORDS, file_states, read_record
from cosod.io.storage import is_remote


def photos_of(group: Group, output: Any, files: Callable[[int], Iterable[Any]]) -> dict[str, dict]:
    """Returns the ``photos`` of a group's record.

    Args:
        group: the photos.
        output: folder of the results.
        files: the results of the image at an index.

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
    """Returns the ``earlier`` of the record that replaces ``record``: the files of all photos that it knew, by stem."""
    known = {stem: list(entry["files"]) for stem, entry in record.get("photos", {}).items()}
    for stem, files in record.get("earlier", {}).items():
        known[stem] = sorted({*known.get(stem, ()), *files})
    return known


def find_stale(output: Any, groups: Iterable[Group]) -> list[Path]:
    """Finds results in a folder whose photos are gone: those that an earlier run had in these groups and this one has
    not, and those of other groups whose photos do not exist any more.

    Only files that the records name are found, and of an object store none.

    Args:
        output: folder of the results.
        groups: groups of the whole run.
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
    """Delete results, and the folders that are empty then."""
    for file in files:
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in files}:
        if not any(folder.iterdir()):
            folder.rmdir()


def mismatch(image: Any, entry: Mapping[str, Any]) -> str | None:
    """Returns why a result is not of the image that is there now; None where it may be.

    A copy in another folder, as a reduced one, may have other bytes.

    Args:
        image: the photo.
        entry: what ``photos`` says of its stem.
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
    """Returns what a photo is known by in records."""
    return str(path) if is_remote(path) else os.path.realpath(path)


def _records(output: Path) -> Iterable[tuple[str, dict]]:
    """Returns the name of the group, and record, of all records in a folder."""
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
    """Whether a relative path, which a record says, stays in its folder."""
    return not os.path.isabs(file) and ".." not in Path(file).parts  # noqa: PTH117


def _exists(image: str) -> bool:
    return "://" in image or os.path.exists(image)  # noqa: PTH110
