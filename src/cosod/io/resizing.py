"""Resizing images for a network, and its maps to the sizes of the images.

PyTorch has the fastest filters, but takes longer to import than a few images take to be resized. It is used where it
has been imported already; otherwise Pillow and NumPy do the same.
"""

import functools
import math
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from cosod.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

#: Smallest and largest number of pixels of a rectangular network input, relative to the square that it replaces.
PIXELS = (0.8, 1.12)
#: Smallest side of such a rectangle, relative to the side of the square. Images that are more elongated than the
#: rectangles that this allows are squeezed.
LEAST_SIDE = 0.375


def check_size(size: int, stride: int) -> None:
    """Checks the side of the square to which images are resized for a network.

    Args:
        size: side in pixels.
        stride: the sides of images are multiples of this number.

    Raises:
        InputError: the side is no multiple of the stride, or below 32.

    Example:
        >>> check_size(256, 32)
    """
    if size < 32 or size % stride:
        raise InputError(f"size {size}: give a multiple of {stride}, at least 32")


@functools.lru_cache(maxsize=4096)
def input_shape(height: int, width: int, size: int, stride: int | None) -> tuple[int, int]:
    """Returns the height and width to which an image is resized for a network.

    Without a stride, the shape is a square. With a stride, it is a rectangle that approximately keeps the proportions
    of the objects: among the rectangles whose sides are multiples of the stride and that have about as many pixels as
    the square, the one whose aspect ratio is closest to that of the image and whose number of pixels is closest to
    that of the square. (A photo of two things side by side that is squeezed into a square shows each of them half as
    wide as in the photos on which backbones are trained.) An image that already has this shape is not resized.

    Args:
        height, width: height and width of the image in pixels.
        size: side of the square in pixels.
        stride: both sides of a rectangle are multiples of this number, and ``size`` should be one too; None for
            squares.

    Returns:
        ``(height, width)`` in pixels.

    Example:
        >>> input_shape(1000, 1000, 256, 32), input_shape(480, 640, 256, 32), input_shape(1920, 1080, 256, 32)
        ((256, 256), (224, 288), (352, 192))
    """
    if stride is None:
        return size, size
    if height > width:
        return input_shape(width, height, size, stride)[::-1]

    def distance(shape: tuple[int, int]) -> tuple[float, float]:
        aspect = abs(math.log(shape[1] / shape[0] * height / width))
        both = aspect + abs(math.log(shape[0] * shape[1] / size**2))
        return round(both, 6), aspect  # of two shapes with the same sum, the one with the closer aspect ratio wins

    least = max(stride, math.ceil(LEAST_SIDE * size / stride) * stride)
    sides = range(least, int(PIXELS[1] * size**2 / least) + 1, stride)
    low, high = (share * size**2 for share in PIXELS)
    return min(((h, w) for h in sides for w in sides if low <= h * w <= high), key=distance)


def shrink(image: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Resizes an image by bilinear interpolation with antialiasing.

    The published code resizes its input in the same way (GCoNet section 4.1: images are resized to a fixed square).

    Args:
        image: ``(H, W, 3)`` uint8.
        size: side of the square in pixels, or height and width of the rectangle.

    Returns:
        uint8 ``(height, width, 3)``; ``image`` itself if it already has this shape.

    Example:
        >>> shrink(np.zeros((480, 640, 3), np.uint8), 224).shape
        (224, 224, 3)
    """
    shape = (size, size) if isinstance(size, int) else size
    if image.shape[:2] == shape:
        return image
    height, width = image.shape[:2]
    if max(height, width) > 16 * max(shape):
        # On very large images, averaging over areas first takes a tenth of the time of the filter alone, whose support
        # would average over as many pixels.
        bounded = (min(width, 8 * shape[1]), min(height, 8 * shape[0]))
        image = cv2.resize(image, bounded, interpolation=cv2.INTER_AREA)
    if (torch := sys.modules.get("torch")) is None:
        return np.array(Image.fromarray(image).resize(shape[::-1], Image.Resampling.BILINEAR))
    # PyTorch has a fast version of Pillow's filter for uint8 with the channels last. The results differ from Pillow's
    # by at most one level of 255, and take an eighth of the time.
    pixels = torch.from_numpy(np.require(image, requirements=["C", "W"]))[None].permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(pixels, shape, mode="bilinear", antialias=True)
    return resized[0].permute(1, 2, 0).numpy()


def to_own_size(saliency: "Tensor | np.ndarray", size: tuple[int, int]) -> np.ndarray:
    """Resizes a map to the size of its image, by bilinear interpolation with aligned corners.

    Args:
        saliency: ``(1, H, W)`` in [0, 1]; a tensor on any device, or an array.
        size: height and width of the image in pixels.

    Returns:
        float32 ``(height, width)`` in [0, 1].

    Example:
        >>> to_own_size(np.zeros((1, 64, 64), np.float32), (480, 640)).shape
        (480, 640)
    """
    if isinstance(saliency, np.ndarray):
        return np.clip(_more_rows(_more_rows(saliency[0].T, size[1]).T, size[0]), 0, 1)
    columns = _more_rows_of_tensor(saliency[0].float().cpu().T.contiguous(), size[1])
    return _more_rows_of_tensor(columns.T.contiguous(), size[0]).clamp_(0, 1).numpy()


def _more_rows(rows: np.ndarray, number: int) -> np.ndarray:
    """Interpolates ``(N, C)`` linearly to ``(number, C)``; the first and the last row stay as they are."""
    places = np.linspace(0, len(rows) - 1, number)
    before = places.astype(np.intp)
    after = np.minimum(before + 1, len(rows) - 1)
    rows = np.ascontiguousarray(rows)
    start = rows[before]
    return start + (places - before).astype(np.float32)[:, None] * (rows[after] - start)


def _more_rows_of_tensor(rows: "Tensor", number: int) -> "Tensor":
    """Does the same as :func:`_more_rows`, in a tenth of the time.

    Interpolating rows and columns one after the other, with the other dimension as channels, gives the same numbers as
    one two-dimensional interpolation in a third of the time, because PyTorch vectorizes over channels only.
    """
    from torch.nn import functional as F

    pixels = rows[None, :, None].permute(0, 3, 1, 2)
    found = F.interpolate(pixels, (number, 1), mode="bilinear", align_corners=True)
    return found.permute(0, 2, 3, 1)[0, :, 0]
