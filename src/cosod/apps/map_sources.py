"""Where the maps of a group come from: a detector, given beside the images, or files of an earlier run."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from cosod.errors import ImageError, InputError
from cosod.inference.detector import Detector, load
from cosod.io.images import MAX_PIXELS, ImageSource, image_size, read_image
from cosod.io.photo_groups import Group
from cosod.postprocess.object_mask import check_map

OnError = Callable[[int, ImageError], None]


def images_and_maps(
    images: Sequence[ImageSource], detector: Detector | None, maps: Sequence[np.ndarray] | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each image as ``(H, W, 3)`` uint8 with its map ``(H, W)`` float32.

    Args:
        images: as for :meth:`cosod.Detector.segment`.
        detector: finds the maps; the default one if there are no ``maps`` either.
        maps: made earlier, one for each image.

    Raises:
        InputError: maps that do not fit the images.
        ImageError: an image that cannot be read.
    """
    if maps is None:
        maps = (detector or load()).segment(images)
    if len(maps) != len(images):
        raise InputError(f"{len(maps)} maps for {len(images)} images; give one map for each image")
    pairs = []
    for number, (source, saliency) in enumerate(zip(images, maps, strict=True)):
        image = read_image(source)
        pairs.append((image, check_map(saliency, image.shape[:2], f"map {number}")))
    return pairs


class MapSource(Protocol):
    """Gives the maps of a group, one after the other."""

    #: Images of more pixels are refused.
    max_pixels: int

    def identity(self, group: Group) -> object:
        """Changes, as JSON, whenever the group's maps might."""

    def stream(self, group: Group, on_error: OnError) -> Iterator[tuple[int, np.ndarray]]:
        """Index of the image and its map, float32 at its size; images without one go to ``on_error``."""


class DetectedMaps:
    """Maps made by a detector; ``model`` names its network and weights."""

    def __init__(self, detector: Detector, model: str):
        self.detector, self.model, self.max_pixels = detector, model, detector.max_pixels

    def identity(self, group: Group) -> object:
        return [self.model, *self.detector.views.values()]

    def stream(self, group: Group, on_error: OnError) -> Iterator[tuple[int, np.ndarray]]:
        return self.detector.stream(group.images, on_error)


class StoredMaps:
    """Maps that ``cosod segment`` wrote: ``folder/<group>/<stem>.png``.

    A map of another size but its image's proportions is resized, so that maps of reduced copies serve as well.
    """

    def __init__(self, folder: Path, max_pixels: int = MAX_PIXELS):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; --maps takes the output folder of `cosod segment`")
        self.folder, self.max_pixels = folder, max_pixels

    def file(self, group: Group, index: int) -> Path:
        return self.folder / group.name / f"{group.stems[index]}.png"

    def identity(self, group: Group) -> object:
        states = []
        for index in range(len(group.images)):
            file = self.file(group, index)
            states.append([file.stat().st_size, file.stat().st_mtime_ns] if file.exists() else None)
        return states

    def stream(self, group: Group, on_error: OnError) -> Iterator[tuple[int, np.ndarray]]:
        for index in range(len(group.images)):
            try:
                yield index, self._read(group, index)
            except ImageError as error:
                on_error(index, error)

    def _read(self, group: Group, index: int) -> np.ndarray:
        file, image = self.file(group, index), group.images[index]
        height, width = image_size(image, self.max_pixels)
        if not file.exists():
            raise ImageError(f"{image}: has no map {file}; run `cosod segment` on the same paths first")
        saliency = read_image(file, self.max_pixels)[..., 0]
        if saliency.shape != (height, width):
            if abs(saliency.shape[0] * width - saliency.shape[1] * height) > max(height, width, *saliency.shape):
                size = f"{saliency.shape[1]} x {saliency.shape[0]}"
                raise ImageError(f"{file}: is {size}, its image {width} x {height}; it is the map of another image")
            saliency = cv2.resize(saliency, (width, height), interpolation=cv2.INTER_LINEAR)
        return saliency / np.float32(255)
