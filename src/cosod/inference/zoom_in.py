"""Segmentation of small objects in enlarged crops.

The input of a network has a few hundred pixels along each side for photos of any size, and of these about thirty for an
object whose width is a tenth of the photo's.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import ImageError
from cosod.io.images import read_image
from cosod.io.prefetch import Inputs, batched_by
from cosod.io.resizing import shrink, to_own_size

#: Margin of the crop on each side, as a share of the side of the object. With a smaller margin, the network lacks
#: context: on held-out groups of DUTS_class, .35 makes the maps worse by as much as .75 makes them better.
MARGIN = 0.75
#: Objects whose box is larger than this share of the photo are not cropped.
LARGE = 0.5
#: Share of the pixels of the object outside its box on each side, so that specks do not determine the box.
BEYOND = 0.01
#: Share of the side of the box over which its map is blended with the map of the whole photo.
FADE = 0.15


class Box(NamedTuple):
    """A box in an image, in shares of its width and height."""

    left: float
    top: float
    right: float
    bottom: float

    def pixels(self, height: int, width: int) -> tuple[slice, slice]:
        """Returns rows and columns, at least one of each."""
        top, left = int(self.top * height), int(self.left * width)
        bottom, right = round(self.bottom * height), round(self.right * width)
        return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


class Look(NamedTuple):
    """A map ``(1, H, W)`` of the content of a box."""

    box: Box
    map: Tensor

    def blended(self, saliency: np.ndarray) -> np.ndarray:
        """Averages the map of the whole image ``(H, W)``, in place, with that of the crop within its box."""
        rows, columns = self.box.pixels(*saliency.shape)
        part = saliency[rows, columns]
        closer = to_own_size(self.map, part.shape)
        open_sides = (self.box.top > 0, self.box.bottom < 1), (self.box.left > 0, self.box.right < 1)
        weight = 0.5 * np.multiply.outer(*(_ramp(n, *sides) for n, sides in zip(part.shape, open_sides, strict=True)))
        part += weight * (closer - part)
        return saliency


def box_around(saliency: np.ndarray) -> Box | None:
    """Returns the box to crop; None if the map is empty or the object is large enough.

    Args:
        saliency: map ``(H, W)`` in [0, 1].
    """
    places = np.nonzero(saliency > 0.5)
    if not len(places[0]):
        return None
    sides = []
    for where, length in zip(places, saliency.shape, strict=True):
        first, last = np.quantile(where, (BEYOND, 1 - BEYOND))
        sides.append((first / length, (last + 1) / length))
    (top, bottom), (left, right) = sides
    if (bottom - top) * (right - left) > LARGE:
        return None
    y, x = MARGIN * (bottom - top), MARGIN * (right - left)
    return Box(max(0.0, left - x), max(0.0, top - y), min(1.0, right + x), min(1.0, bottom + y))


def look_closer(
    indices: Sequence[int],
    maps: Tensor,
    factors: Tensor | None,
    inputs: Inputs,
    look: Callable[[Sequence[int], list[np.ndarray]], Tensor],
) -> dict[int, Look]:
    """Segments enlarged crops of images with small objects; returns them by the index of the image.

    Images without a small object, and images that can no longer be read, are left out.

    Args:
        indices: indices of the images in ``inputs``.
        maps: maps of the images, ``(n, 1, H, W)``.
        factors: factors of the region filter, ``(n, 1, H, W)`` (see :func:`cosod.inference.region_filter.kept`), which
            are applied to the crops too, so that faded regions do not come back.
        inputs: the images, which are read again at their full size.
        look: function from indices of images, and crops ``(H, W, 3)`` of them of the same shape, to maps.
    """
    around = map(box_around, maps[:, 0].float().cpu().numpy())
    boxes = {index: box for index, box in zip(indices, around, strict=True) if box}
    if not boxes:
        return {}

    def cut(index: int) -> np.ndarray | None:
        try:
            image = read_image(inputs.source(index), inputs.max_pixels)
        except ImageError:  # no longer readable, or too large for the memory; the map does not change
            return None
        part = np.ascontiguousarray(image[boxes[index].pixels(*image.shape[:2])])
        return shrink(part, inputs.shape(*part.shape[:2]))

    with ThreadPoolExecutor(2, thread_name_prefix="cosod-closer") as pool:
        parts = {index: part for index, part in zip(boxes, pool.map(cut, boxes), strict=True) if part is not None}
    if not parts:
        return {}
    found: dict[int, Tensor] = {}
    for alike in batched_by(parts.items(), len(parts), lambda item: item[1].shape):
        wanted = [index for index, _ in alike]
        found |= zip(wanted, look(wanted, [part for _, part in alike]), strict=True)
    if factors is not None:
        for index, factor in zip(indices, factors, strict=True):
            if index in found:
                rows, columns = boxes[index].pixels(*factor.shape[1:])
                found[index] = found[index] * F.interpolate(factor[None, :, rows, columns], found[index].shape[1:])[0]
    return {index: Look(boxes[index], map_) for index, map_ in found.items()}


def _ramp(length: int, first: bool, last: bool) -> np.ndarray:
    """Returns weights that are one, and fade to zero toward the ends that are not at the border of the image."""
    inner = (np.arange(length, dtype=np.float32) + 0.5) / (FADE * length)
    ramp = np.ones(length, np.float32)
    if first:
        ramp = np.minimum(ramp, inner)
    if last:
        ramp = np.minimum(ramp, inner[::-1])
    return ramp
