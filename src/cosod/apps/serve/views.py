"""Pictures of a photo and its map, rendered on request, and a zip archive of all of them."""

import contextlib
import functools
import io
import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from PIL import Image, ImageColor

from cosod.apps import absence
from cosod.apps.cutout.backgrounds import Background, background
from cosod.apps.cutout.cutout import CutoutOptions, cut_out
from cosod.apps.serve.marks import corrected
from cosod.apps.serve.store import Photo, Unknown, UploadedGroup
from cosod.apps.thumbnails.thumbnails import Frame as Crop
from cosod.apps.thumbnails.thumbnails import ThumbnailOptions, crop, plan_crops
from cosod.errors import ImageError, InputError
from cosod.io.images import read_image
from cosod.io.photo_groups import unique_names
from cosod.postprocess.object_mask import Box, binary_mask, object_box, object_mask
from cosod.postprocess.render import encode, overlay, to_8bit

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

View = Literal["photo", "map", "mask", "cutout", "thumbnail", "overlay"]
#: Folder of each view in the zip archive.
FOLDERS: dict[View, str] = {
    "map": "maps",
    "mask": "masks",
    "cutout": "cut-outs",
    "thumbnail": "thumbnails",
    "overlay": "overlays",
}
ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg"}

#: Side of a thumbnail in pixels, and longer side of the maps with which the thumbnails of a group are planned.
THUMBNAIL, PLANNING_SIDE = 512, 320

#: Maximum side of a cut-out with a given size.
LARGEST = 4096

#: Lock by which full-size photos are processed one at a time, which bounds the memory.
_one = threading.Lock()


@dataclass(frozen=True)
class Frame:
    """Background, size and margin of cut-outs; see :class:`cosod.apps.cutout.cutout.CutoutOptions`.

    Attributes:
        background: a color, a gradient, or the blurred photo; None for transparency.
        size: ``(width, height)`` of the picture; None keeps the object at its size in the photo.
        padding: margin around the object, as a share.
        absent: treatment of photos without the object, also in thumbnails.
    """

    background: Background | None = None
    size: tuple[int, int] | None = None
    padding: float | None = None
    absent: str = absence.DEFAULT

    @classmethod
    def of(
        cls, background: str | None, size: str | None, padding: float | None, absent: str = absence.DEFAULT
    ) -> "Frame":
        """Returns the frame for the parameters of a query.

        Raises:
            InputError: the background is neither a color nor a gradient nor ``blur`` (files of the server are not
                accepted), or a side is longer than :data:`LARGEST` pixels.
        """
        behind = None if background in (None, "") else named_background(background)
        sides = [] if size is None else [int(side) for side in size.split("x")]
        if sides and max(sides) > LARGEST:
            raise InputError(f"size {size}: give at most {LARGEST} pixels a side")
        return cls(behind, (sides[0], sides[1]) if sides else None, padding, absent)

    def options(self, threshold: float, side: int | None) -> CutoutOptions:
        """Returns the options of the cut-out; ``side`` is the maximum side of a preview in pixels."""
        size = self.size
        if size and side and max(size) > side:
            width, height = (max(1, round(length * side / max(size))) for length in size)
            size = width, height
        return CutoutOptions(
            threshold=threshold, background=self.background, size=size, padding=self.padding, absent=self.absent
        )


def named_background(text: str) -> Background:
    """Returns a background by name: ``blur``, a color, or two colors with a colon between them.

    Raises:
        InputError: the text is anything else; it is never used as the path of a file.
    """
    for part in [] if text == "blur" else text.split(":"):
        try:
            ImageColor.getrgb(part)
        except ValueError:
            raise InputError(
                f"background {text!r} is no color; give one (white, #f4f4f4), two for a gradient (white:#ccc), or blur"
            ) from None
    if text.count(":") > 1:
        raise InputError(f"background {text!r}: a gradient has two colors, as white:#ccc")
    return background(text)


def render(
    view: View,
    group: UploadedGroup,
    photo: Photo,
    threshold: float,
    side: int | None = None,
    frame: Frame = Frame(),
    as_found: bool = False,
) -> tuple[bytes, str]:
    """Renders one picture of one photo.

    Args:
        view: kind of the picture.
        group: group of the photo, within which thumbnails are framed alike.
        photo: photo with a map, unless ``view`` is the photo itself.
        threshold: threshold of all views except photo and map, see :func:`cosod.postprocess.threshold.binarize`.
        side: maximum side in pixels; by default the size of the photo, and :data:`THUMBNAIL` for thumbnails.
        frame: frame of cut-outs; its ``absent`` applies to thumbnails too.
        as_found: whether to ignore the correction of the photo.

    Returns:
        The encoded picture and its media type.

    Raises:
        Unknown: there is no map yet, or the photo was removed.
        ImageError: the photo cannot be read.
    """
    return _rendered([view], group, _Opened(photo, threshold, side, as_found), frame)[0]


def zipped(
    group: UploadedGroup,
    views: Sequence[View],
    threshold: float,
    frame: Frame = Frame(),
) -> Iterator[bytes]:
    """Yields a zip archive of the views of all photos with a map in pieces, which are rendered one after the other.

    Beside a folder for each view, it contains ``results.json`` with the names, sizes, presence and files of the photos,
    and which of them are negative.
    """
    photos = [photo for photo in group.photos.values() if photo.ready]
    stems = unique_names([PurePosixPath(photo.name).stem for photo in photos])
    sink, told = _Sink(), []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # pictures are already compressed
        for photo, stem in zip(photos, stems, strict=True):
            files, pictures = {}, []
            with contextlib.suppress(Unknown):  # removed while the archive was sent
                pictures = _rendered(views, group, _Opened(photo, threshold), frame)
            for view, (data, media) in zip(views, pictures, strict=False):
                files[view] = f"{FOLDERS[view]}/{stem}{ENDINGS[media]}"
                archive.writestr(files[view], data)
                yield sink.take()
            told.append(
                {
                    "name": photo.name,
                    "width": photo.width,
                    "height": photo.height,
                    "presence": photo.known_presence,
                    "negative": photo.negative,
                    "files": files,
                }
            )
        archive.writestr("results.json", json.dumps({"threshold": threshold, "photos": told}, indent=2))
    yield sink.take()


@dataclass(frozen=True)
class _Opened:
    """A photo and what several pictures of it are made from, each of which is read and computed once.

    Attributes:
        photo, threshold, side, as_found: as for :func:`render`.
    """

    photo: Photo
    threshold: float
    side: int | None = None
    as_found: bool = False

    @functools.cached_property
    def whole(self) -> np.ndarray:
        """The photo at its size."""
        return read_image(self.photo.path)

    @functools.cached_property
    def image(self) -> np.ndarray:
        """The photo, reduced to ``side``."""
        return _fit(self.whole, self.side)

    @functools.cached_property
    def saliency(self) -> np.ndarray:
        """The map, reduced to ``side``."""
        return _map(self.photo, self.side, self.as_found)

    @functools.cached_property
    def mask(self) -> np.ndarray:
        """The mask, reduced to ``side``."""
        return binary_mask(self.saliency, self.threshold)


def _rendered(views: Sequence[View], group: UploadedGroup, opened: _Opened, frame: Frame) -> list[tuple[bytes, str]]:
    """Renders several pictures of one photo; see :func:`render`."""
    photo = opened.photo
    if not photo.ready and any(view != "photo" for view in views):
        raise Unknown("this photo has no map yet")
    with _one:
        try:
            return [_render(view, group, opened, frame) for view in views]
        except (FileNotFoundError, ImageError) as error:
            if photo.id not in group.photos:
                raise Unknown("no such photo; it was removed") from None
            raise ImageError(photo.told(str(error))) from None


def _render(view: View, group: UploadedGroup, opened: _Opened, frame: Frame) -> tuple[bytes, str]:
    photo, threshold, side = opened.photo, opened.threshold, opened.side
    if view == "photo":
        return encode(opened.image, "image/jpeg"), "image/jpeg"
    if view == "thumbnail":
        crops = _crops(group, threshold, frame.absent)
        if photo.id not in crops:
            raise FileNotFoundError(photo.map)  # removed while this request waited
        window, mask = crops[photo.id]
        size = (side or THUMBNAIL, side or THUMBNAIL)
        return encode(crop(opened.whole, window, size, mask), "image/jpeg"), "image/jpeg"
    if view == "map":
        return encode(to_8bit(opened.saliency)), "image/png"
    if view == "mask":
        return encode(opened.mask), "image/png"
    if view == "cutout":
        options = frame.options(threshold, side)
        return encode(cut_out(opened.image, opened.saliency, options, _presence(photo))), "image/png"
    return encode(overlay(opened.image, opened.mask), "image/jpeg"), "image/jpeg"


def _map(photo: Photo, side: int | None, as_found: bool = False) -> np.ndarray:
    """Returns the corrected map in [0, 1], ``(H, W)``, reduced to ``side``; that of a negative photo is empty."""
    if photo.negative:
        return _fit(np.zeros((photo.height, photo.width), np.float32), side)
    with Image.open(photo.map) as stored:
        saliency = np.asarray(stored)
    if photo.corrected and not as_found:
        with Image.open(photo.correction) as painting:
            saliency = corrected(saliency, np.asarray(painting))
    return _fit(saliency, side) / np.float32(255)


def _presence(photo: Photo) -> float | None:
    """Returns the presence; None if the user marked or added the object by hand."""
    shown = (photo.marked or photo.corrected) and not photo.negative
    return None if shown else photo.known_presence


def _crops(group: UploadedGroup, threshold: float, absent: str) -> dict[str, tuple[Crop, np.ndarray]]:
    """Returns crop and reduced mask of each photo with a map, by id; they are planned once for a group."""
    photos = [photo for photo in list(group.photos.values()) if photo.ready]
    key = (group.runs, group.paintings, threshold, absent, *(photo.id for photo in photos))
    if group.crops is None or group.crops[0] != key:
        masks = [object_mask(_map(photo, PLANNING_SIDE), threshold) for photo in photos]
        missing = [absence.is_absent(_presence(photo), absent) for photo in photos]
        if absent == "blank":
            masks = [np.zeros_like(mask) if gone else mask for mask, gone in zip(masks, missing, strict=True)]
        boxes = [_enlarged(object_box(mask), mask.shape, photo) for photo, mask in zip(photos, masks, strict=True)]
        sizes = [(photo.height, photo.width) for photo in photos]
        options = ThumbnailOptions(size=(THUMBNAIL, THUMBNAIL))
        frames = plan_crops(boxes, sizes, options, [not gone for gone in missing])
        group.crops = (key, dict(zip((photo.id for photo in photos), zip(frames, masks, strict=True), strict=True)))
    return group.crops[1]


def _enlarged(box: Box | None, shape: tuple[int, int], photo: Photo) -> Crop | None:
    """Converts a box on the reduced mask to a box on the photo."""
    if box is None:
        return None
    across, down = photo.width / shape[1], photo.height / shape[0]
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down


def _fit(image: np.ndarray, side: int | None) -> np.ndarray:
    """Reduces an image to a maximum side of ``side``."""
    scale = 1.0 if side is None else side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class _Sink(io.RawIOBase):
    """A file without seeking, from which the written bytes are taken away."""

    def __init__(self):
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        self._data += data
        return memoryview(data).nbytes

    def take(self) -> bytes:
        """Returns the bytes written since the last call."""
        data, self._data = bytes(self._data), bytearray()
        return data
