"""Placing photos in the folders of albums as links or copies, and removing those of an earlier run."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO

from cosod.errors import ImageError, OutputError
from cosod.io.atomic_write import whole


def place(photo: Path, target: Path, copy: bool) -> None:
    """Creates a relative symbolic link to a photo, or a copy of the photo.

    The photo is copied if ``copy`` is set or the file system does not support links. If a link to the photo or an
    unchanged copy already exists at the target, it is kept.

    Args:
        photo: the photo, which is not changed.
        target: path of the link or copy.
        copy: whether to copy the photo.

    Raises:
        ImageError: the photo does not exist or cannot be read any more.
        OutputError: another file exists at the target, or the target cannot be written.

    Example:
        >>> place(Path("photos/1.jpg"), Path("albums/album-001/1.jpg"), copy=False)  # doctest: +SKIP
    """
    if _ours(target, photo):
        return
    try:
        source = photo.open("rb")
    except OSError as error:
        why = error.strerror or error
        raise ImageError(f"{photo}: cannot be read any more ({why}); put it back and run again") from error
    with source:
        _place_from(source, photo, target, copy)


def _place_from(source: BinaryIO, photo: Path, target: Path, copy: bool) -> None:
    if target.exists() or target.is_symlink():
        raise OutputError(f"{target} exists and is not of this run; move it away or give another folder")
    if not copy:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(os.path.relpath(photo.resolve(), target.parent.resolve()))
            return
        except OSError:
            pass  # the file system does not support links, or the photo lies on another drive
    with whole(target) as temporary:
        with temporary.open("wb") as file:
            shutil.copyfileobj(source, file)
        shutil.copystat(photo, temporary)


def _ours(target: Path, photo: Path) -> bool:
    """Returns whether ``target`` is a link to the photo, or a copy of it with the same size and modification time."""
    try:
        if target.is_symlink():
            return target.resolve() == photo.resolve()
        one, other = target.stat(), photo.stat()
    except OSError:
        return False
    return target.is_file() and (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def remove(output: Path, written: dict[str, str]) -> None:
    """Deletes the links and unchanged copies that an earlier run has made; files that were changed since are kept.

    Args:
        output: folder of the albums.
        written: path of each link or copy, relative to the folder -> path of its photo.

    Example:
        >>> remove(Path("albums"), {"album-001/1.jpg": "photos/1.jpg"})  # doctest: +SKIP
    """
    root = output.resolve()
    for name, photo in written.items():
        target = output / name
        inside = root in target.parent.resolve().parents
        dangling = target.is_symlink() and not target.exists()
        if inside and (dangling or _ours(target, Path(photo))):
            target.unlink()
