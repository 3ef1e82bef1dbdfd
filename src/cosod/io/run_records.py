"""Records of finished groups in an output folder, by which a stopped run is resumed and commands are kept apart.

The complete record of a group is written after all of its results. Its fingerprint identifies the inputs and options
from which the results were made, and its verb the command that made them.
"""

import glob
import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cosod.errors import InputError
from cosod.io.atomic_write import write_text
from cosod.io.storage import Entry, entries, is_remote, open_binary

#: Name of the folder of records in an output folder.
RECORDS = ".cosod"


def record_of(output: Path, name: str) -> Path:
    """Returns the path of the record of a group.

    Example:
        >>> record_of(Path("out"), "mugs").as_posix()
        'out/.cosod/mugs.json'
    """
    return output / RECORDS / f"{name}.json"


def read_record(path: Path) -> dict:
    """Reads a record; returns an empty dictionary if the record does not exist or is damaged.

    Raises:
        InputError: the record lies in an object store that does not answer.

    Example:
        >>> read_record(Path("out/.cosod/none.json"))
        {}
    """
    try:
        with open_binary(path) as file:
            stored = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def refuse_foreign(output: Path, name: str, verb: str, files: Iterable[Path] = ()) -> None:
    """Refuses to overwrite results of another command, and files that this package has not written.

    Args:
        output: folder of the results.
        name: name of the group.
        verb: verb of the command.
        files: the files on this machine that are going to be written and must not be replaced unless the group has a
            record; empty if existing files may be replaced.

    Raises:
        InputError: another command made the results of the group in ``output``; or the group has no record there, and
            one of ``files`` exists.

    Example:
        >>> refuse_foreign(Path("out"), "mugs", "segment", [Path("out/mugs/1.png")])  # doctest: +SKIP
    """
    record = record_of(output, name)
    made = read_record(record).get("verb", verb)
    if made != verb:
        raise InputError(f"{output} holds results of cosod {made}; give another folder with -o")
    found = next((file for file in files if os.path.lexists(file)), None)
    if found is None or record.exists() or any((output / RECORDS).glob(f"part */{glob.escape(name)}.json")):
        return
    raise InputError(
        f"{found} exists and was not written by cosod {verb}; give another folder with -o, or --overwrite to replace it"
    )


def begin(record: Path, verb: str, **facts: object) -> None:
    """Writes a preliminary record of a group, which marks its results as those of this command before it is finished.

    Args:
        record: path of the record.
        verb: verb of the command.
        facts: further values of the record, which JSON can hold.

    Raises:
        OutputError: the record cannot be written.

    Example:
        >>> begin(record_of(output, "mugs"), "segment")  # doctest: +SKIP
    """
    write_text(record, json.dumps({"verb": verb, **facts}))


def fingerprint(*facts: object) -> str:
    """Returns a hash of values that JSON can hold; different values have different hashes.

    Example:
        >>> fingerprint("mugs", 3) == fingerprint("mugs", 4)
        False
    """
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def file_states(paths: Iterable[Path]) -> list[tuple[str, int | None, int | str | None]]:
    """Returns the state of each file, by which a later run notices that the file has changed.

    In an object store, each folder is listed only once.

    Returns:
        For each file its name, its size in bytes, and the time of its last modification in nanoseconds. For an object
        in a store, its version takes the place of the time. Values that are not known, as those of a missing file, are
        None.

    Raises:
        InputError: a folder in an object store cannot be listed.

    Example:
        >>> file_states([Path("photos/none.jpg")])
        [('none.jpg', None, None)]
    """
    states: list[tuple[str, int | None, int | str | None]] = []
    listed: dict[Any, dict[str, Entry]] = {}
    for path in paths:
        if is_remote(path):
            folder = path.parent
            if folder not in listed:
                listed[folder] = {entry.name: entry for entry in entries(folder)}
            found = listed[folder].get(path.name)
            states.append((path.name, found and found.size, found and found.version))
            continue
        try:
            state = path.stat()
            states.append((path.name, state.st_size, state.st_mtime_ns))
        except OSError:
            states.append((path.name, None, None))
    return states
