"""Drawn images, which are the same on every machine, for comparing maps."""

from typing import TYPE_CHECKING

import numpy as np

from cosod.io.resizing import shrink

if TYPE_CHECKING:
    from torch import Tensor

    from cosod.models.base import CoSaliencyNetwork


def drawn_group(size: int = 128) -> list[np.ndarray]:
    """Draws three images of a red disc on different backgrounds, with the same bytes on every machine."""
    y, x = np.mgrid[:size, :size].astype(np.int64)
    images = []
    for number, (cx, cy) in enumerate([(40, 44), (80, 60), (60, 88)]):
        ground = [x * 2 % 256, (x + y) % 256, (x * 3 + y * 5) // 4 % 256]
        image = np.stack([ground[number] // 2, ground[number - 1] // 3 + 60, ground[number - 2] // 4 + 90], axis=2)
        disc = (x - cx) ** 2 + (y - cy) ** 2 <= 26**2
        image[disc] = (200, 30, 40)
        images.append(image.astype(np.uint8))
    return images


def drawn_batch(network: "CoSaliencyNetwork", shape: int | tuple[int, int]) -> "Tensor":
    """Returns the images of :func:`drawn_group` as input of a network, ``(3, 3, H, W)``.

    Args:
        network: the network, for whose mean and standard deviation the images are normalized.
        shape: height and width of the images, or the side of a square.

    Example:
        >>> drawn_batch(cosod.models.create("gconet_plus_mobile"), (64, 96)).shape
        torch.Size([3, 3, 64, 96])
    """
    from cosod.io.tensors import to_batch

    return to_batch([shrink(image, shape) for image in drawn_group()], network.mean, network.std)
