"""Uploaded photos and their results: in a temporary folder, for a while."""

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from cosod.apps.serve.limits import Limits

PREFIX = "cosod-serve-"
#: A server touches its folder at every sweep; one untouched for so long was left behind by a killed server.
LEFT_BEHIND_SECONDS = 86400


class Unknown(Exception):
    """A group or photo that is not, or no longer, here."""


class Full(Exception):
    """The server has no room at present."""


class Conflict(Exception):
    """A request that contradicts what was said of a photo before."""


class Work(Protocol):
    """What the store knows of a job: whether it is still to be done, and how to end it."""

    @property
    def active(self) -> bool: ...

    def cancel(self) -> None: ...


@dataclass(eq=False)
class Photo:
    """One uploaded photo.

    Attributes:
        id: made by the server; the names of all files are made of it.
        name: as uploaded, made safe by :func:`safe_name`; shown and written into zips, never a path here.
        path: the upload as it came.
        height, width: height and width of the upright photo in pixels.
        marked: whether :attr:`mark` holds what a person painted to show the object.
        corrected: whether :attr:`correction` holds what a person changed of the result.
        negative: whether a person said that the photo shows what the object is *not*; then it is not marked.
        found: whether :attr:`map` holds the map of the last job.
        presence: probability that the photo holds the object at all; None where the network cannot tell.
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
        """White where a person showed the object, at the photo's size; see :mod:`cosod.apps.serve.marks`."""
        return self.path.with_suffix(".mark.png")

    @property
    def correction(self) -> Path:
        """White and black where a person changed the result, gray elsewhere, at the photo's size."""
        return self.path.with_suffix(".correction.png")

    @property
    def map(self) -> Path:
        return self.path.with_suffix(".map.png")

    @property
    def ready(self) -> bool:
        """Whether there is something to show: a map, or the empty one of a photo without the object."""
        return self.found or self.negative

    @property
    def known_presence(self) -> float | None:
        """Presence of the last job; 0 in a photo of which a person said that the object is not there."""
        return 0.0 if self.negative else self.presence

    def told(self, text: str) -> str:
        """Returns a message with the photo's own name in place of the server's path."""
        return text.replace(str(self.path), self.name)

    def delete(self) -> None:
        """Remove the upload and all that was made of it."""
        for path in (self.path, self.mark, self.correction, self.map):
            path.unlink(missing_ok=True)


@dataclass(eq=False)
class UploadedGroup:
    """Photos that belong together.

    Attributes:
        id: what a client needs to know to see the group.
        folder: folder of its uploads and results, flat.
        photos: photos by id, in the order they came.
        job: the latest one.
        runs: jobs so far.
        paintings: changes of marks, corrections and negatives so far.
        crops: how the thumbnails were last planned, kept by :mod:`cosod.apps.serve.views`.
        bytes: number of bytes of its uploads, those under way among them.
        touched: when somebody last asked about it.
        deleted: nothing may be written any more.
        lock: held by whoever writes into ``folder`` or changes ``photos``.
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
        """Raises Unknown if the group has no such photo."""
        try:
            return self.photos[photo_id]
        except KeyError:
            raise Unknown("no such photo; it was removed") from None

    def remove(self, photo_id: str) -> None:
        """Delete a photo and all that was made of it."""
        with self.lock:
            photo = self.photo(photo_id)
            del self.photos[photo_id]
            with contextlib.suppress(FileNotFoundError):
                self.bytes -= photo.path.stat().st_size
            photo.delete()


class Store:
    """All groups of one server.

    Args:
        limits: limits on what it holds.
        clock: seconds, for telling how long a group has not been used.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic):
        self.limits, self._clock = limits, clock
        _remove_left_behind()
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._groups: dict[str, UploadedGroup] = {}
        self._lock = threading.Lock()

    def create(self) -> UploadedGroup:
        """Creates an empty group; raises Full if there are too many."""
        with self._lock:
            if len(self._groups) >= self.limits.groups:
                raise Full(f"the server keeps {self.limits.groups} groups already; try again later")
            group = UploadedGroup(secrets.token_hex(12), Path(), touched=self._clock())
            group.folder = self.root / group.id
            group.folder.mkdir()
            self._groups[group.id] = group
            return group

    def get(self, group_id: str) -> UploadedGroup:
        """Returns the group, which counts as a use of it; raises Unknown."""
        with self._lock:
            group = self._groups.get(group_id)
            if group is None:
                raise Unknown("no such group; it was deleted, or not used for too long")
            group.touched = self._clock()
            return group

    def delete(self, group: UploadedGroup) -> None:
        """Forget the group, cancel its job and remove its folder."""
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
        """Bytes of all uploads."""
        return sum(group.bytes for group in list(self._groups.values()))

    def sweep(self) -> None:
        """Delete the groups that nobody has used for ``keep_seconds``, but none whose job is still to be done."""
        with contextlib.suppress(OSError):
            os.utime(self.root)
        oldest = self._clock() - self.limits.keep_seconds
        for group in list(self._groups.values()):
            if group.touched < oldest and not (group.job and group.job.active):
                self.delete(group)

    def close(self) -> None:
        """Delete everything."""
        for group in list(self._groups.values()):
            self.delete(group)
        shutil.rmtree(self.root, ignore_errors=True)


def safe_name(name: str) -> str:
    """Returns a file's name as it may be shown and put into a zip: no folders, nothing invisible, not too long."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(c for c in name if unicodedata.category(c)[0] != "C")
    name = re.sub(r'[<>:"|?*]', "_", name).strip(". ")
    path = PurePosixPath(name)
    return f"{path.stem[:80].rstrip('. ')}{path.suffix[:12]}" if name else "photo"


def _remove_left_behind() -> None:
    """Remove this user's folders of servers that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            state = folder.lstat()
            mine = not hasattr(os, "getuid") or state.st_uid == os.getuid()
            if mine and folder.is_dir() and not folder.is_symlink() and _age(state) > LEFT_BEHIND_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _age(state: os.stat_result) -> float:
    return time.time() - state.st_mtime
