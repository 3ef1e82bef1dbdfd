"""Uploads: writing the photos of a multipart body to disk while it is read."""

import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from anyio import CapacityLimiter, to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException

from cosod.apps.serve.store import Photo, Store, Unknown, UploadedGroup, safe_name
from cosod.errors import ImageError
from cosod.io.images import read_image

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

#: Maximum number of refused files of a request that are listed by name.
NAMED = 1000


@dataclass
class Received:
    """Result of one request: the new photos of the group, and the refused files with the reasons."""

    photos: list[Photo] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


async def receive(
    body: AsyncIterator[bytes], content_type: str, group: UploadedGroup, store: Store, decoding: CapacityLimiter
) -> Received:
    """Writes the files of a multipart body to the folder of the group, and adds those that are photos.

    A file that is not a photo, or exceeds a limit, is refused, and the others are kept; of more photos than a group may
    have, these are the first ones. If the request does not end regularly, nothing of it is kept.

    Args:
        body: the body of the request, in pieces.
        content_type: header of the request, with the boundary.
        group: the group.
        store: the store, which has the limits.
        decoding: limiter of the number of photos that are decoded at once.

    Raises:
        HTTPException: the body is not a multipart form, or ends too early.
        Unknown: the group was deleted in the meantime.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise HTTPException(415, "send the photos as multipart/form-data")
    parts = _Parts(group, store)
    try:
        try:
            parser = MultipartParser(options[b"boundary"], parts.callbacks())
            async for chunk in body:
                parser.write(chunk)
                await _decode(parts, decoding)  # immediately, so that files that are not photos do not count
            parser.finalize()
        except FormParserError as error:
            raise HTTPException(400, "the body is not a well-formed multipart form") from error
        except OSError as error:
            raise HTTPException(507, "the server cannot store the photos") from error
        if not parts.ended:
            raise HTTPException(400, "the body ends before the form does")
    except BaseException:  # this task is cancelled if the client disconnects
        parts.discard_all()
        raise
    with group.lock:
        if group.deleted:
            raise Unknown("the group was deleted while photos came in")
        room = max(0, store.limits.photos - len(group.photos))  # another request may have added photos in the meantime
        late = parts.photos[room:]
        group.photos |= {photo.id: photo for photo in parts.photos[:room]}
    parts.discard(late)
    for photo in late:
        parts.refuse(photo.name, parts.too_many)
    return Received(parts.photos[:room], parts.failed)


async def _decode(parts: "_Parts", decoding: CapacityLimiter) -> None:
    """Adds the photos among the files written so far, and removes the other files."""
    while parts.written:
        photo = parts.written[0]
        try:
            reason = parts.too_many if parts.full else None
            if reason is None:
                pixels = parts.limits.pixels
                photo.height, photo.width = await to_thread.run_sync(partial(_size, photo, pixels), limiter=decoding)
        except FileNotFoundError:  # the group was deleted
            raise Unknown("the group was deleted while photos came in") from None
        except ImageError as error:
            reason = photo.told(str(error)).removeprefix(f"{photo.name}: ")
        parts.written.pop(0)
        if reason is None:
            parts.photos.append(photo)
        else:
            parts.discard([photo])
            parts.refuse(photo.name, reason)


def _size(photo: Photo, max_pixels: int) -> tuple[int, int]:
    """Decodes the photo completely, and returns its height and width."""
    return read_image(photo.path, max_pixels).shape[:2]


class _Parts:
    """The callbacks of the parser: each part with a file name is written to a file, and its bytes are counted."""

    def __init__(self, group: UploadedGroup, store: Store):
        self.group, self.store, self.limits = group, store, store.limits
        self.written: list[Photo] = []  # completely written, not decoded yet
        self.photos: list[Photo] = []
        self.ended = False
        self._refused: list[dict[str, str]] = []
        self._unnamed = 0
        self._field, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._open: tuple[Photo, BinaryIO] | None = None  # the photo that is being written, and its file
        self._written = 0

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._create,
            "on_part_data": self._data,
            "on_part_end": self._close,
            "on_end": self._end,
        }

    def discard_all(self) -> None:
        """Removes all uploads of the request, including the one that is being written."""
        if self._open:
            self._drop(*self._open)
        self.discard([*self.written, *self.photos])

    def discard(self, photos: list[Photo]) -> None:
        """Removes these uploads."""
        for photo in photos:
            with contextlib.suppress(FileNotFoundError):
                self.group.bytes -= photo.path.stat().st_size
            photo.delete()

    @property
    def full(self) -> bool:
        """Whether the group has its maximum number of photos."""
        return len(self.group.photos) + len(self.photos) >= self.limits.photos

    @property
    def too_many(self) -> str:
        """The reason for refusing a file if the group has its maximum number of photos."""
        return f"a group has at most {self.limits.photos} photos"

    def refuse(self, name: str, reason: str) -> None:
        """Records a refused file; files beyond :data:`NAMED` are only counted."""
        if len(self._refused) < NAMED:
            self._refused.append({"name": name, "error": f"{name}: {reason}"})
        else:
            self._unnamed += 1

    @property
    def failed(self) -> list[dict[str, str]]:
        """The files that were refused, with the reasons."""
        if not self._unnamed:
            return self._refused
        more = f"{self._unnamed} more files were left out; {self.too_many}"
        return [*self._refused, {"name": "", "error": more}]

    def _begin(self) -> None:
        self._field, self._value, self._headers = b"", b"", {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field, self._value = b"", b""

    def _create(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if b"filename" not in options:
            return  # a field of the form without a file, which is ignored
        name = safe_name(options[b"filename"].decode("utf-8", "replace"))
        if self.full:
            self.refuse(name, self.too_many)
            return
        photo_id = secrets.token_hex(6)
        photo = Photo(photo_id, name, self.group.folder / f"{photo_id}.upload")
        try:
            self._open = photo, photo.path.open("xb")
        except FileNotFoundError:
            raise Unknown("the group was deleted while photos came in") from None
        self._written = 0

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._open is None:
            return
        photo, file = self._open
        self._written += end - start
        self.group.bytes += end - start
        over = self._over()
        if over:
            self.refuse(photo.name, over)
            self._drop(photo, file)
        else:
            file.write(memoryview(data)[start:end])

    def _over(self) -> str | None:
        if self._written > self.limits.file_bytes:
            return f"over the limit of {_megabytes(self.limits.file_bytes)} a photo"
        if self.group.bytes > self.limits.group_bytes:
            return f"over the limit of {_megabytes(self.limits.group_bytes)} a group"
        if self.store.bytes > self.limits.total_bytes:
            return "the server has no room for it at present"
        return None

    def _drop(self, photo: Photo, file: BinaryIO) -> None:
        file.close()
        self._open = None
        photo.path.unlink(missing_ok=True)
        self.group.bytes -= self._written

    def _close(self) -> None:
        if self._open is not None:
            photo, file = self._open
            file.close()
            self._open = None
            self.written.append(photo)

    def _end(self) -> None:
        self.ended = True


def _megabytes(count: int) -> str:
    return f"{count / (1 << 20):.3g} MB"
