"""Uploaded photos and their results, in a temporary folder for a limited time."""

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from cosod.apps.serve.limits import Limits

PREFIX = "cosod-serve-"
#: A server touches its folder at every sweep. A folder untouched for this number of seconds belongs to a server that
#: was killed.
LEFT_BEHIND_SECONDS = 86400


class Unknown(Exception):
    """Raised for a group or a photo that does not exist, or no longer exists."""


class Full(Exception):
    """Raised if the server has no room at present."""


class Conflict(Exception):
    """Raised for a request that contradicts the state of a photo."""


class Work(Protocol):
    """The part of a job that the store uses: whether it is unfinished, and how to cancel it."""

    @property
    def active(self) -> bool: ...

    def cancel(self) -> None: ...


@dataclass(eq=False)
class Photo:
    """One uploaded photo.

    Attributes:
        id: identifier, which the server chooses; the names of all files are derived from it.
        name: name of the uploaded file, made safe by :func:`safe_name`; shown and used in zip archives, never as a
            path.
        path: the uploaded file.
        height, width: height and width of the upright photo in pixels.
        marked: whether :attr:`mark` contains a mark of the object by the user.
        corrected: whether :attr:`correction` contains a correction of the result by the user.
        negative: whether the user declared that the photo shows what the object is *not*; then it is not marked.
        found: whether :attr:`map` contains the map of the last job.
        presence: probability that the photo shows the object; None if the network has no calibration.
    """

    id: str
    name: str
    path: Path
    height: int = 0
    width: int = 0
    marked: bool = False
    corrected: bool = False
    negative: bool = False
    found: bool = False
    presence: float | None = None

    @property
    def mark(self) -> Path:
        """File of the mark, white on the object, at the size of the photo; see :mod:`cosod.apps.serve.marks`."""
        return self.path.with_suffix(".mark.png")

    @property
    def correction(self) -> Path:
        """File of the correction at the size of the photo: white and black where the result changes, gray elsewhere."""
        return self.path.with_suffix(".correction.png")

    @property
    def map(self) -> Path:
        return self.path.with_suffix(".map.png")

    @property
    def ready(self) -> bool:
        """Whether there is a map, or the photo is negative, so that its map is empty."""
        return self.found or self.negative

    @property
    def known_presence(self) -> float | None:
        """Presence of the last job; 0 for a negative photo."""
        return 0.0 if self.negative else self.presence

    def told(self, text: str) -> str:
        """Returns a message with the path on the server replaced by the name of the photo."""
        return text.replace(str(self.path), self.name)

    def delete(self) -> None:
        """Removes the upload and all files derived from it."""
        for path in (self.path, self.mark, self.correction, self.map):
            path.unlink(missing_ok=True)


@dataclass(eq=False)
class UploadedGroup:
    """A group of uploaded photos.

    Attributes:
        id: secret identifier, which clients need for all requests about the group.
        folder: folder of its uploads and results, without subfolders.
        photos: photos by id, in the order of their upload.
        job: the latest job.
        runs: number of jobs so far.
        paintings: number of changes of marks, corrections and negatives so far.
        crops: the last plan of the thumbnails, kept by :mod:`cosod.apps.serve.views`.
        bytes: number of bytes of its uploads, including those in progress.
        touched: time of the last request for the group.
        deleted: whether the group was deleted, so that nothing may be written.
        lock: lock for writing into ``folder`` and changing ``photos``.
    """

    id: str
    folder: Path
    photos: dict[str, Photo] = field(default_factory=dict)
    job: Work | None = None
    runs: int = 0
    paintings: int = 0
    crops: tuple | None = None
    bytes: int = 0
    touched: float = 0.0
    deleted: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    def photo(self, photo_id: str) -> Photo:
        """Returns a photo; raises Unknown if the group has no such photo."""
        try:
            return self.photos[photo_id]
        except KeyError:
            raise Unknown("no such photo; it was removed") from None

    def remove(self, photo_id: str) -> None:
        """Deletes a photo and all files derived from it."""
        with self.lock:
            photo = self.photo(photo_id)
            del self.photos[photo_id]
            with contextlib.suppress(FileNotFoundError):
                self.bytes -= photo.path.stat().st_size
            photo.delete()


class Store:
    """All groups of one server.

    Args:
        limits: limits of the server.
    """

    def __init__(self, limits: Limits):
        self.limits, self._clock = limits, time.monotonic
        _remove_left_behind()
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._groups: dict[str, UploadedGroup] = {}
        self._lock = threading.Lock()

    def create(self) -> UploadedGroup:
        """Creates an empty group; raises Full if there are too many groups."""
        with self._lock:
            if len(self._groups) >= self.limits.groups:
                raise Full(f"the server keeps {self.limits.groups} groups already; try again later")
            group = UploadedGroup(secrets.token_hex(12), Path(), touched=self._clock())
            group.folder = self.root / group.id
            group.folder.mkdir()
            self._groups[group.id] = group
            return group

    def get(self, group_id: str) -> UploadedGroup:
        """Returns a group and records that it is in use; raises Unknown if there is no such group."""
        with self._lock:
            group = self._groups.get(group_id)
            if group is None:
                raise Unknown("no such group; it was deleted, or not used for too long")
            group.touched = self._clock()
            return group

    def delete(self, group: UploadedGroup) -> None:
        """Deletes the group, cancels its job and removes its folder."""
        with self._lock:
            self._groups.pop(group.id, None)
        with group.lock:
            group.deleted = True
            if group.job:
                group.job.cancel()
            group.photos.clear()
            shutil.rmtree(group.folder, ignore_errors=True)

    @property
    def bytes(self) -> int:
        """Number of bytes of all uploads."""
        return sum(group.bytes for group in list(self._groups.values()))

    def sweep(self) -> None:
        """Deletes the groups that were not used for ``keep_seconds`` and have no unfinished job."""
        with contextlib.suppress(OSError):
            os.utime(self.root)
        oldest = self._clock() - self.limits.keep_seconds
        for group in list(self._groups.values()):
            if group.touched < oldest and not (group.job and group.job.active):
                self.delete(group)

    def close(self) -> None:
        """Deletes all groups and the folder."""
        for group in list(self._groups.values()):
            self.delete(group)
        shutil.rmtree(self.root, ignore_errors=True)


def safe_name(name: str) -> str:
    """Returns the name of a file without folders and invisible characters, limited in length, for display and zips."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    name = re.sub(r'[<>:"|?*]', "_", name).strip(". ")
    path = PurePosixPath(name)
    return f"{path.stem[:80].rstrip('. ')}{path.suffix[:12]}" if name else "photo"


def _remove_left_behind() -> None:
    """Removes the folders of servers of this user that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            state = folder.lstat()
            mine = not hasattr(os, "getuid") or state.st_uid == os.getuid()
            if mine and folder.is_dir() and not folder.is_symlink() and _age(state) > LEFT_BEHIND_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _age(state: os.stat_result) -> float:
    return time.time() - state.st_mtime
