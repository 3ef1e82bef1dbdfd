"""Checks of the places of results before any work: results must not replace inputs, nor lie among them."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cosod.errors import InputError, OutputError
from cosod.io.atomic_write import write_text
from cosod.io.passed_over import is_sheet
from cosod.io.photo_groups import Group
from cosod.io.run_records import RECORDS
from cosod.io.storage import is_remote, remove
from cosod.io.write_guard import InputFiles
from cosod.postprocess.render import SHEET_SUFFIXES


def check_places(
    targets: Iterable[Any], groups: Iterable[Group], read: Iterable[Any] = (), named: bool = False
) -> InputFiles:
    """Refuses results that would overwrite an input, or that the next run would take for photos.

    Args:
        targets: all files that are going to be written into the folder of the results.
        groups: the photos.
        read: other files that are read, such as weights, masks, consensuses and videos.
        named: whether the user named the result file itself, which may then lie beside the photo.

    Returns:
        The inputs, against which further targets can be checked.

    Raises:
        InputError: a target is an input, or lies in a folder of photos.

    Example:
        >>> check_places(targets(job, groups), groups, [weights])  # doctest: +SKIP
    """
    photos = [image for group in groups for image in group.images]
    inputs = InputFiles([*photos, *read])
    folders = {} if named else {real_folder(folder): folder for folder in {photo.parent for photo in photos}}
    seen: set[Any] = set()
    for target in targets:
        inputs.refuse([target])
        if target.parent not in seen:
            seen.add(target.parent)
            if (among := folders.get(real_folder(target.parent))) is not None:
                raise InputError(
                    f"results would be written into {among}, among the photos, and be taken for photos later; give "
                    "another folder with -o"
                )
    return inputs


def check_output(folder: Path) -> None:
    """Checks that results can be written to a folder, by writing and removing a small file.

    Args:
        folder: folder of the results, on this machine or in an object store; it is created if it is missing.

    Raises:
        OutputError: results cannot be written to the folder.

    Example:
        >>> check_output(Path("out"))  # doctest: +SKIP
    """
    if not is_remote(folder):
        place = next((place for place in (folder, *folder.parents) if place.is_symlink() or place.exists()), None)
        if place and not place.exists():
            raise OutputError(
                f"cannot write to {folder}: {place} is a link to a folder that does not exist; make it, or give "
                "another one"
            )
        if place and not place.is_dir():
            raise OutputError(f"cannot write to {folder}: {place} is no folder; give another one for the results")
    probe = folder / RECORDS / "writable"
    write_text(probe, "")
    with contextlib.suppress(OSError):  # an object store may allow writing objects, but not removing them
        remove(probe)


def check_sheet(
    sheet: Path, output: Any, targets: Iterable[Any], paths: Iterable[Any], inputs: InputFiles, overwrite: bool
) -> None:
    """Checks the place of a contact sheet, whose file the user names.

    Args:
        sheet: path of the contact sheet.
        output: folder of the results, in which the sheet may lie even if the folder is inside a folder of photos.
        targets: the other files that are written.
        paths: the files and folders of photos that the user gave; the next run searches these folders too.
        inputs: the inputs, from :func:`check_places`.
        overwrite: whether a file that is not a contact sheet of this package may be replaced.

    Raises:
        InputError: the sheet is a folder, an input or another result; lies in a folder that is searched for photos; has
            a suffix for which sheets cannot be saved; or exists and is not a contact sheet.

    Example:
        >>> inputs = check_places(files, groups)  # doctest: +SKIP
        >>> check_sheet(Path("sheet.png"), Path("out"), files, [Path("photos")], inputs, False)  # doctest: +SKIP
    """
    if sheet.is_dir():
        raise InputError(f"--sheet {sheet}: is a folder; give a file, as {sheet / 'sheet.png'}")
    if sheet.suffix.lower() not in SHEET_SUFFIXES:
        raise InputError(f"--sheet {sheet}: give a name that ends in {' or '.join(SHEET_SUFFIXES)}")
    inputs.refuse([sheet])
    if InputFiles(targets).find(sheet) is not None:
        raise InputError(f"--sheet {sheet}: is the file of another result of this run; give another name")
    if not _inside(sheet, output):
        for path in paths:
            if _inside(sheet, path) and not path.is_file():
                raise InputError(
                    f"--sheet {sheet}: lies in {path}, where it would be taken for a photo later; give a place outside"
                )
    if os.path.lexists(sheet) and not overwrite and not is_sheet(sheet):
        raise InputError(
            f"--sheet {sheet}: exists and is not a contact sheet of cosod; give another name, or --overwrite to "
            "replace it"
        )


def _inside(file: Any, folder: Any) -> bool:
    if is_remote(file) or is_remote(folder):
        return False
    parent, root = real_folder(file.parent), real_folder(folder)
    return parent == root or parent.startswith(root.rstrip(os.sep) + os.sep)


def real_folder(path: Path) -> str:
    """Returns the path of a folder with all links resolved, which identifies it; of a folder in a store, its URL.

    Example:
        >>> real_folder(Path("photos/../out")) == real_folder(Path("out"))
        True
    """
    return str(path) if is_remote(path) else os.path.normcase(os.path.realpath(path))
