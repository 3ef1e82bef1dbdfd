"""What is checked before any work: results must not replace inputs, nor lie among them."""

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
    """Refuse results that would overwrite an input, or be taken for photos by the next run.

    Args:
        targets: every file that is going to be written into the folder of the results.
        groups: the photos.
        read: other files that are read: weights, masks, consensuses, videos.
        named: whether the user gave the file itself, which may then lie beside the photo.

    Returns:
        The inputs, for further targets.

    Raises:
        InputError: a target is an input, or lies in a folder of the photos.

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
    """Raises OutputError if results cannot be written to ``folder``, before any work is done."""
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
    with contextlib.suppress(OSError):  # a store may let objects be written and not removed
        remove(probe)


def check_sheet(
    sheet: Path, output: Any, targets: Iterable[Any], paths: Iterable[Any], inputs: InputFiles, overwrite: bool
) -> None:
    """Checks the same for a contact sheet, whose file the user names.

    Args:
        sheet: the file.
        output: folder of the results; a sheet may lie there even where that is inside a folder of photos.
        targets: the other files that are written.
        paths: files and folders of photos; the folders are searched by the next run too.
        inputs: that :func:`check_places` returned.
        overwrite: whether a file that no command of this package wrote may be replaced.

    Raises:
        InputError: the sheet is an input or another result, lies where photos are searched for, has an ending that is
            not an image's, or exists and is not a sheet.
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
    """Returns what a folder is known by, whatever links lead to it."""
    return str(path) if is_remote(path) else os.path.normcase(os.path.realpath(path))
