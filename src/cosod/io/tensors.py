"""Converting images to the input tensors of a network, and its outputs to maps at the sizes of the images."""

import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Smallest and largest number of pixels of a rectangular network input, relative to the square that it replaces.
PIXELS = (0.8, 1.12)
#: Smallest side of such a rectangle, relative to the side of the square. Images that are more elongated than the
#: rectangles that this allows are squeezed.
LEAST_SIDE = 0.375


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
    # PyTorch has a fast version of Pillow's filter for uint8 with the channels last. The results differ from Pillow's
    # by at most one level of 255, and take an eighth of the time.
    pixels = torch.from_numpy(np.require(image, requirements=["C", "W"]))[None].permute(0, 3, 1, 2)
    return F.interpolate(pixels, shape, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def to_batch(
    images: Sequence[np.ndarray], mean: Sequence[float], std: Sequence[float], device: str | torch.device = "cpu"
) -> Tensor:
    """Converts images to a normalized batch.

    Args:
        images: N images ``(H, W, 3)`` uint8 of the same shape.
        mean: mean of each channel, for values in [0, 1]; it is subtracted.
        std: standard deviation of each channel; the values are divided by it.
        device: device of the batch.

    Returns:
        float32 ``(N, 3, H, W)``, with the channels last in memory.

    Example:
        >>> images = [np.zeros((64, 64, 3), np.uint8)] * 2
        >>> tuple(to_batch(images, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), torch.device("cpu")).shape)
        (2, 3, 64, 64)
    """
    pixels = torch.from_numpy(np.stack(images))
    if torch.device(device).type == "cuda":
        pixels = pixels.pin_memory()  # so that the copy runs while the network still works on the previous batch
    batch = pixels.to(device, non_blocking=True).float().div_(255)
    batch.sub_(_by_channel(mean, batch.device)).div_(_by_channel(std, batch.device))
    return batch.permute(0, 3, 1, 2)


def _by_channel(values: Sequence[float], device: torch.device) -> Tensor | float:
    """Returns the values as a tensor that broadcasts over the channels, the last dimension.

    If all values are equal, the function returns a plain number, with which the operation is eight times as fast.
    """
    return values[0] if len(set(values)) == 1 else torch.tensor(values, device=device)


def to_own_size(saliency: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Resizes a map to the size of its image, by bilinear interpolation with aligned corners.

    Args:
        saliency: ``(1, H, W)`` in [0, 1].
        size: height and width of the image in pixels.

    Returns:
        float32 ``(height, width)`` in [0, 1].

    Example:
        >>> to_own_size(torch.rand(1, 64, 64), (480, 640)).shape
        (480, 640)
    """
    columns = _more_rows(saliency[0].float().cpu().T.contiguous(), size[1])
    return _more_rows(columns.T.contiguous(), size[0]).clamp_(0, 1).numpy()


def _more_rows(rows: Tensor, number: int) -> Tensor:
    """Interpolates ``(N, C)`` linearly to ``(number, C)``; the first and the last row stay as they are.

    Interpolating rows and columns one after the other, with the other dimension as channels, gives the same numbers as
    one two-dimensional interpolation in a third of the time, because PyTorch vectorizes over channels only.
    """
    pixels = rows[None, :, None].permute(0, 3, 1, 2)
    found = F.interpolate(pixels, (number, 1), mode="bilinear", align_corners=True)
    return found.permute(0, 2, 3, 1)[0, :, 0]
