"""Photos in folders of albums: links or copies, and which of them are an earlier run's."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO

from cosod.errors import ImageError, OutputError
from cosod.io.atomic_write import whole


def place(photo: Path, target: Path, copy: bool) -> None:
    """Links ``target`` relatively to the photo, or copies it where links are not wanted or not possible.

    Args:
        photo: the photo, which is not changed.
        target: its place in an album; left as it is where it is a link to the photo, or an unchanged copy, already.
        copy: copy it.

    Raises:
        ImageError: the photo is gone, or cannot be read any more.
        OutputError: another file stands there, or nothing can be written.
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
            pass  # a file system without links, or another drive
    with whole(target) as temporary:
        with temporary.open("wb") as file:
            shutil.copyfileobj(source, file)
        shutil.copystat(photo, temporary)


def _ours(target: Path, photo: Path) -> bool:
    """Whether ``target`` is a link to the photo, or a copy of it that nobody has changed."""
    try:
        if target.is_symlink():
            return target.resolve() == photo.resolve()
        one, other = target.stat(), photo.stat()
    except OSError:
        return False
    return target.is_file() and (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def remove(output: Path, written: dict[str, str]) -> None:
    """Deletes links and unchanged copies that an earlier run made; what has been changed since stays.

    Args:
        output: folder of the albums.
        written: their names in the folder -> the photos.
    """
    root = output.resolve()
    for name, photo in written.items():
        target = output / name
        inside = root in target.parent.resolve().parents
        dangling = target.is_symlink() and not target.exists()
        if inside and (dangling or _ours(target, Path(photo))):
            target.unlink()
