"""What is made of a photo and its map when somebody asks: pictures, and a zip of all of them."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from cosod.apps.cutout.cutout import CutoutOptions, cut_out
from cosod.apps.serve.store import Group, Photo, Unknown
from cosod.apps.thumbnails.thumbnails import Frame, ThumbnailOptions, crop, plan_crops
from cosod.errors import ImageError
from cosod.io.images import read_image
from cosod.io.photo_groups import unique_names
from cosod.postprocess.object_mask import Box, object_box, object_mask
from cosod.postprocess.render import encode, overlay, to_8bit
from cosod.postprocess.threshold import binarise

View = Literal["photo", "map", "mask", "cutout", "thumbnail", "overlay"]
#: Folder of each view in the zip.
FOLDERS: dict[View, str] = {
    "map": "maps",
    "mask": "masks",
    "cutout": "cut-outs",
    "thumbnail": "thumbnails",
    "overlay": "overlays",
}
ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg"}

#: Side of a thumbnail in pixels, and of the maps that the thumbnails of a group are planned on.
THUMBNAIL, PLANNING_SIDE = 512, 320

#: Full-size photos are worked on one at a time, whoever asks, so that memory stays bounded.
_one = threading.Lock()


def render(view: View, group: Group, photo: Photo, threshold: float, side: int | None = None) -> tuple[bytes, str]:
    """One picture of one photo.

    Args:
        view: what to show.
        group: the photo's, which thumbnails are made to look alike in.
        photo: with a map, unless ``view`` is the photo itself.
        threshold: of all views but photo and map, see :func:`cosod.postprocess.threshold.binarise`.
        side: longest side in pixels; by default the photo's own size, and :data:`THUMBNAIL` of thumbnails.

    Returns:
        The encoded picture and its media type.

    Raises:
        Unknown: there is no map yet, or the photo was removed.
        ImageError: the photo cannot be read.
    """
    if view != "photo" and not photo.found:
        raise Unknown("this photo has no map yet")
    with _one:
        try:
            return _render(view, group, photo, threshold, side)
        except (FileNotFoundError, ImageError) as error:
            if photo.id not in group.photos:
                raise Unknown("no such photo; it was removed") from None
            raise ImageError(photo.told(str(error))) from None


def zipped(group: Group, views: Sequence[View], threshold: float) -> Iterator[bytes]:
    """A zip of the views of all photos that have a map, piece by piece, each made when it is its turn.

    Beside a folder for each view it holds ``results.json``: names, sizes, presence and files of the photos.
    """
    photos = [photo for photo in group.photos.values() if photo.found]
    stems = unique_names([PurePosixPath(photo.name).stem for photo in photos])
    sink, told = _Sink(), []
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # pictures are compressed already
        for photo, stem in zip(photos, stems, strict=True):
            files = {}
            for view in views:
                try:
                    data, media = render(view, group, photo, threshold)
                except Unknown:  # removed while the zip was on its way
                    break
                files[view] = f"{FOLDERS[view]}/{stem}{ENDINGS[media]}"
                archive.writestr(files[view], data)
                yield sink.take()
            told.append(
                {
                    "name": photo.name,
                    "width": photo.width,
                    "height": photo.height,
                    "presence": photo.presence,
                    "files": files,
                }
            )
        archive.writestr("results.json", json.dumps({"threshold": threshold, "photos": told}, indent=2))
    yield sink.take()


def _render(view: View, group: Group, photo: Photo, threshold: float, side: int | None) -> tuple[bytes, str]:
    if view == "photo":
        return encode(_fit(read_image(photo.path), side), "image/jpeg"), "image/jpeg"
    if view == "thumbnail":
        size = (side or THUMBNAIL, side or THUMBNAIL)
        crops = _crops(group, threshold)
        if photo.id not in crops:
            raise FileNotFoundError(photo.map)  # removed while this waited for its turn
        frame, mask = crops[photo.id]
        return encode(crop(read_image(photo.path), frame, size, mask), "image/jpeg"), "image/jpeg"
    saliency = _map(photo, side)
    if view == "map":
        return encode(to_8bit(saliency)), "image/png"
    if view == "mask":
        return encode(binarise(saliency, threshold)), "image/png"
    image = _fit(read_image(photo.path), side)
    if view == "cutout":
        return encode(cut_out(image, saliency, CutoutOptions(threshold=threshold))), "image/png"
    return encode(overlay(image, binarise(saliency, threshold)), "image/jpeg"), "image/jpeg"


def _map(photo: Photo, side: int | None) -> np.ndarray:
    """The map in [0, 1], ``(H, W)``, shrunk to ``side``."""
    with Image.open(photo.map) as stored:
        return _fit(np.asarray(stored), side) / np.float32(255)


def _crops(group: Group, threshold: float) -> dict[str, tuple[Frame, np.ndarray]]:
    """Frame and reduced mask of every photo with a map, by id; planned once for all of a group's thumbnails."""
    photos = [photo for photo in list(group.photos.values()) if photo.found]
    key = (group.runs, threshold, *(photo.id for photo in photos))
    if group.crops is None or group.crops[0] != key:
        masks = [object_mask(_map(photo, PLANNING_SIDE), threshold) for photo in photos]
        boxes = [_enlarged(object_box(mask), mask.shape, photo) for photo, mask in zip(photos, masks, strict=True)]
        frames = plan_crops(
            boxes, [(photo.height, photo.width) for photo in photos], ThumbnailOptions(size=(THUMBNAIL, THUMBNAIL))
        )
        group.crops = (key, dict(zip((photo.id for photo in photos), zip(frames, masks, strict=True), strict=True)))
    return group.crops[1]


def _enlarged(box: Box | None, shape: tuple[int, int], photo: Photo) -> Box | None:
    """A box on the reduced mask as a box on the photo."""
    if box is None:
        return None
    across, down = photo.width / shape[1], photo.height / shape[0]
    return box[0] * across, box[1] * down, box[2] * across, box[3] * down


def _fit(image: np.ndarray, side: int | None) -> np.ndarray:
    """The image, shrunk so that its longest side is at most ``side``."""
    scale = 1.0 if side is None else side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


class _Sink(io.RawIOBase):
    """A file that cannot be rewound, from which what was written is taken away."""

    def __init__(self):
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        data, self._data = bytes(self._data), bytearray()
        return data
