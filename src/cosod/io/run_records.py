"""Records of finished groups in an output folder: what makes a stopped run go on, and keeps commands apart.

A record is written last, so that its presence says that the group's results are all there; its fingerprint says of
what they were made, and its verb by which command.
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

#: Folder of the records in an output folder.
RECORDS = ".cosod"


def record_of(output: Path, name: str) -> Path:
    """Returns the file of a group's record."""
    return output / RECORDS / f"{name}.json"


def read_record(path: Path) -> dict:
    """Reads a record; returns an empty one if there is none, or it is damaged.

    Raises:
        InputError: the store that it is in does not answer.
    """
    try:
        with open_binary(path) as file:
            stored = json.loads(file.read())
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def refuse_foreign(output: Path, name: str, verb: str, files: Iterable[Path] = ()) -> None:
    """Refuse to write over what this command has not made.

    Args:
        output: folder of the results.
        name: name of the group.
        verb: verb of the command.
        files: that are going to be written, on this machine; may be left out where they may be replaced.

    Raises:
        InputError: the group's results in ``output`` are another command's; or it has no record there, and one of
            ``files`` exists: somebody else's then.
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
    """Write the record of a group that is not finished, so that its results are known for this command's."""
    write_text(record, json.dumps({"verb": verb, **facts}))


def fingerprint(*facts: object) -> str:
    """Returns a hash of values that JSON can hold; it changes whenever they do."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def file_states(paths: Iterable[Path]) -> list[tuple[str, int | None, int | str | None]]:
    """Returns the name, size and time of files, by which a changed one is known; of a missing one the name alone.

    Of an object in a store its version, where the store has one, stands for the time; a store is asked once for each
    folder.
    """
    states = []
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
