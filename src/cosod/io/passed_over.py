"""What a search for photos does not enter: folders of systems, and results of this package."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cosod.io.run_records import RECORDS

#: Folders in which network storage, operating systems and archivers keep previews, deleted files and copies, in small
#: letters. Those whose names begin with a dot are hidden anyway.
SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",
        "@tmp",
        "@sharebin",
        "#recycle",
        "#snapshot",
        "@recycle",
        "@recently-snapshot",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "found.000",
        "lost+found",
        "network trash folder",
        "temporary items",
        "__macosx",
    }
)
#: Endings of folders of previews.
SYSTEM_SUFFIXES = (".lrdata", ".cocatalogdb")
#: Mark in the metadata of a contact sheet, so that a later run may replace it and nothing else.
SHEET_MARK = "cosod contact sheet"


def is_system_folder(name: str) -> bool:
    """Whether a folder of this name holds nothing that the user put there as a photo.

    Example:
        >>> is_system_folder("@eaDir"), is_system_folder("holiday")
        (True, False)
    """
    name = name.casefold()
    return name in SYSTEM_FOLDERS or name.endswith(SYSTEM_SUFFIXES)


def is_sheet(path: Path) -> bool:
    """Whether a file is a contact sheet that this package drew."""
    try:
        with Image.open(path) as image:
            found = image.info.get("Software", image.info.get("comment", b""))
    except Exception:  # Pillow's decoders raise many kinds
        return False
    return (found if isinstance(found, bytes) else str(found).encode()) == SHEET_MARK.encode()


class Results(NamedTuple):
    """What in a folder are results, where the folder itself was given as one of photos.

    Attributes:
        verbs: verbs of the commands that wrote them.
        folders: names of the folders of results in it.
        files: names of the pictures among the results in it, but contact sheets, which :func:`is_sheet` knows.
    """

    verbs: tuple[str, ...]
    folders: Collection[str]
    files: Collection[str]


def results_in(folder: Path) -> Results | None:
    """Returns what the records in a folder say of its results; None where it has no records.

    Folders of albums are photos, what else ``cosod group`` writes beside them is not.
    """
    records = folder / RECORDS
    if not records.is_dir():
        return None
    verbs: dict[str, None] = {}
    folders: dict[str, None] = {}
    for record in sorted(records.rglob("*.json")):
        *parents, name = record.relative_to(records).with_suffix("").parts
        if parents[:1] == ["shards"]:
            continue
        if parents and parents[0].startswith("part "):
            parents = parents[1:]
        folders[(*parents, name)[0]] = None
        verbs[_verb(record)] = None
    files = []
    if (folder / "albums.json").is_file():
        files = ["albums.jpg", "albums.json"]
        verbs["group"] = None
        folders |= dict.fromkeys(("leftovers", "results"))
    if "segment" in verbs:
        folders |= dict.fromkeys(("masks", "overlays"))
        files.append("manifest.json")
    if "thumbnails" in verbs:
        folders["labels"] = None
        files.append("coco.json")
    return Results(tuple(verbs), folders, files)


def _verb(record: Path) -> str:
    try:
        return str(json.loads(record.read_text(encoding="utf-8")).get("verb", "segment"))
    except (OSError, ValueError, AttributeError):
        return "segment"
