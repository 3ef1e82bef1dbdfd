"""What a search for photos leaves out: folders of operating systems, and the results of this package."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cosod.io.run_records import RECORDS

#: Names, in lower case, of folders in which network storage, operating systems and archivers keep previews, deleted
#: files and copies. Folders whose names begin with a dot are hidden and need not be listed.
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
#: Suffixes of folders in which photo programs keep previews.
SYSTEM_SUFFIXES = (".lrdata", ".cocatalogdb")
#: Text in the metadata of a contact sheet, by which a later run knows a sheet that it may replace.
SHEET_MARK = "cosod contact sheet"


def is_system_folder(name: str) -> bool:
    """Returns whether a folder with this name belongs to the operating system or a program, not to the user's photos.

    Example:
        >>> is_system_folder("@eaDir"), is_system_folder("holiday")
        (True, False)
    """
    name = name.casefold()
    return name in SYSTEM_FOLDERS or name.endswith(SYSTEM_SUFFIXES)


def is_sheet(path: Path) -> bool:
    """Returns whether a file is a contact sheet that this package drew.

    Example:
        >>> is_sheet(Path("out/sheet.png"))  # doctest: +SKIP
        True
    """
    try:
        with Image.open(path) as image:
            found = image.info.get("Software", image.info.get("comment", b""))
    except Exception:  # Pillow's decoders raise errors of many kinds
        return False
    return (found if isinstance(found, bytes) else str(found).encode()) == SHEET_MARK.encode()


class Results(NamedTuple):
    """The results in a folder that the user gives as a folder of photos.

    Attributes:
        verbs: verbs of the commands that wrote the results.
        folders: names of the subfolders that hold results.
        files: names of the files in the folder itself that are results. Contact sheets with names that the user chose
            are not listed; :func:`is_sheet` recognizes them.
    """

    verbs: tuple[str, ...]
    folders: Collection[str]
    files: Collection[str]


def results_in(folder: Path) -> Results | None:
    """Returns which entries of a folder are results, according to the records in it; None if it has no records.

    In an output folder of ``cosod group``, the albums count as photos, and everything else that the command writes
    counts as results.

    Example:
        >>> results_in(Path("photos")) is None
        True
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
