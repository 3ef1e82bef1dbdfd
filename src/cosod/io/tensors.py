"""From images to the tensors that networks take, and back to maps at the images' own sizes."""

import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Range of the pixels of a rectangle that is taken in place of a square, relative to the square's.
PIXELS = (0.8, 1.12)
#: Least side of such a rectangle, relative to the square's: what is still longer is squeezed.
LEAST_SIDE = 0.375


@functools.lru_cache(maxsize=4096)
def input_shape(height: int, width: int, size: int, stride: int | None) -> tuple[int, int]:
    """Returns height and width that an image is resized to for a network.

    Without a stride it is a square. Else objects keep their proportions: of the rectangles with sides that the network
    takes and about as many pixels as the square, it is the one that is nearest to the image in aspect and to the square
    in pixels. (Squeezed into a square, a photo of two things side by side shows each of them half as wide as features
    of ordinary photos know it.) An image of this shape keeps it.

    Args:
        height, width: height and width of the image.
        size: side of the square.
        stride: sides are multiples of it, as ``size`` is.

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
        return round(both, 6), aspect  # ties, where more of one is less of the other, go to the aspect

    least = max(stride, math.ceil(LEAST_SIDE * size / stride) * stride)
    sides = range(least, int(PIXELS[1] * size**2 / least) + 1, stride)
    low, high = (share * size**2 for share in PIXELS)
    return min(((h, w) for h in sides for w in sides if low <= h * w <= high), key=distance)


def shrink(image: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Resizes an image ``(H, W, 3)`` uint8, bilinear with antialiasing.

    What the papers' code does to its input (GCoNet section 4.1: images are resized to a fixed square).

    Args:
        image: the image.
        size: side of the square that it becomes, or height and width of the rectangle.

    Example:
        >>> shrink(np.zeros((480, 640, 3), np.uint8), 224).shape
        (224, 224, 3)
    """
    shape = (size, size) if isinstance(size, int) else size
    if image.shape[:2] == shape:
        return image
    height, width = image.shape[:2]
    if max(height, width) > 16 * max(shape):
        # Averaging first costs a tenth of the filter on very large images, which would span it anyway.
        bounded = (min(width, 8 * shape[1]), min(height, 8 * shape[0]))
        image = cv2.resize(image, bounded, interpolation=cv2.INTER_AREA)
    # Pillow's filter, to one level of 255, in an eighth of its time: PyTorch has it for bytes with the channels last.
    pixels = torch.from_numpy(np.require(image, requirements="CW"))[None].permute(0, 3, 1, 2)
    return F.interpolate(pixels, shape, mode="bilinear", antialias=True)[0].permute(1, 2, 0).numpy()


def to_batch(
    images: Sequence[np.ndarray], mean: Sequence[float], std: Sequence[float], device: str | torch.device = "cpu"
) -> Tensor:
    """Normalizes n images ``(H, W, 3)`` uint8 to a batch ``(N, 3, H, W)`` float32, channels last in memory.

    Example:
        >>> images = [np.zeros((64, 64, 3), np.uint8)] * 2
        >>> tuple(to_batch(images, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), torch.device("cpu")).shape)
        (2, 3, 64, 64)
    """
    pixels = torch.from_numpy(np.stack(images))
    if torch.device(device).type == "cuda":
        pixels = pixels.pin_memory()  # from there the copy runs beside the network's work on the batch before
    batch = pixels.to(device, non_blocking=True).float().div_(255)
    batch.sub_(_by_channel(mean, batch.device)).div_(_by_channel(std, batch.device))
    return batch.permute(0, 3, 1, 2)


def _by_channel(values: Sequence[float], device: torch.device) -> Tensor | float:
    """Returns one number for each channel, the last dimension; a plain one, which is eight times as fast, if all are
    alike.
    """
    return values[0] if len(set(values)) == 1 else torch.tensor(values, device=device)


def to_own_size(saliency: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Resizes a map ``(1, H, W)`` in [0, 1] to float32 ``(height, width)``, bilinear with aligned corners.

    Example:
        >>> to_own_size(torch.rand(1, 64, 64), (480, 640)).shape
        (480, 640)
    """
    columns = _more_rows(saliency[0].float().cpu().T.contiguous(), size[1])
    return _more_rows(columns.T.contiguous(), size[0]).clamp_(0, 1).numpy()


def _more_rows(rows: Tensor, number: int) -> Tensor:
    """Interpolates ``(N, C)`` linearly to ``(number, C)``, first and last row as they are.

    One side after the other, with the other's values as channels, takes a third of the time of both at once, to the
    same numbers: only channels go through vector instructions.
    """
    pixels = rows[None, :, None].permute(0, 3, 1, 2)
    found = F.interpolate(pixels, (number, 1), mode="bilinear", align_corners=True)
    return found.permute(0, 2, 3, 1)[0, :, 0]
