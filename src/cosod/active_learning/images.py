"""The images and masks of the pool in memory, as small squares of bytes, and random views (crops and flips) of them."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.active_learning.pool import Pool
from cosod.errors import ImageError
from cosod.evaluation.reading import read_truth
from cosod.io.images import read_image
from cosod.io.resizing import shrink

Item = TypeVar("Item")


class View(NamedTuple):
    """Windows of N images, one for each image, in coordinates in which an image spans -1 to 1.

    Attributes:
        center: x and y of the centers of the windows, ``(N, 2)``.
        extent: half of the width and of the height of the windows, ``(N, 2)``; a window with a negative width is
            mirrored.
    """

    center: Tensor
    extent: Tensor

    def of_points(self, xy: Tensor) -> Tensor:
        """Converts points ``(N, K, 2)`` from coordinates of the images to those of the windows, each from -1 to 1."""
        return (xy - self.center[:, None]) / self.extent[:, None]

    def of_images(self, images: Tensor, size: int) -> Tensor:
        """Samples the windows, ``(N, C, size, size)``, bilinearly from float images ``(N, C, S, S)``."""
        theta = torch.cat([torch.diag_embed(self.extent), self.center[:, :, None]], dim=2)
        grid = F.affine_grid(theta, [len(images), images.shape[1], size, size], align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def draw_view(keep: Tensor, known: Tensor, crop: float, generator: torch.Generator) -> View:
    """Draws a random window of each image, which is mirrored with probability one half.

    A window is enlarged if it would not contain a point, so that no click is lost by cropping.

    Args:
        keep: points that must be inside the windows, ``(N, K, 2)``, in coordinates of the images from -1 to 1.
        known: which of these points are considered, ``(N, K)`` bool.
        crop: maximum share of each side that is cut off, in [0, 1); 1/8 in F3Net's code.
        generator: source of all random choices.

    Example:
        >>> nothing = torch.zeros(1, 0, 2)
        >>> view = draw_view(nothing, nothing[..., 0].bool(), crop=0.0, generator=torch.Generator().manual_seed(0))
        >>> view.center.tolist(), view.extent.abs().tolist()
        ([[0.0, 0.0]], [[1.0, 1.0]])
    """
    n = len(keep)
    cut, place = torch.rand(n, 2, generator=generator) * crop * 2, torch.rand(n, 2, generator=generator)
    low, high = -1 + cut * place, 1 - cut * (1 - place)
    if keep.shape[1]:
        away = ~known[:, :, None]
        # There is a margin of half a cell of the coarsest map around each click, so that its neighborhood is kept, too.
        low = torch.minimum(low, keep.masked_fill(away, 1).amin(dim=1) - 0.02).clamp_min(-1)
        high = torch.maximum(high, keep.masked_fill(away, -1).amax(dim=1) + 0.02).clamp_max(1)
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    extent = (high - low) / 2
    return View((low + high) / 2, torch.stack([extent[:, 0] * mirror, extent[:, 1]], dim=1))


def load_images(pool: Pool, side: int) -> Tensor:
    """Loads all images of a pool into memory, resized to squares; an image takes 0.2 MB for a side of 256.

    Args:
        pool: the images.
        side: side of the squares in pixels.

    Returns:
        ``(N, side, side, 3)`` uint8, in the order of ``pool.names``.

    Raises:
        ImageError: an image cannot be read.

    Example:
        >>> images = load_images(Pool.scan("photos"), side=224)  # doctest: +SKIP
    """
    return _stacked(pool.names, lambda name: shrink(read_image(pool.path(name)), side))


def load_masks(pool: Pool, side: int) -> Tensor:
    """Loads all masks of a pool into memory, resized to squares by averaging.

    Args:
        pool: the images.
        side: side of the squares in pixels.

    Returns:
        ``(N, side, side)`` uint8: the salient share of each cell, scaled to 0 to 255.

    Raises:
        InputError: an image has no mask.
        ImageError: a mask cannot be read, or has another size than its image.

    Example:
        >>> masks = load_masks(Pool.scan("photos"), side=224)  # doctest: +SKIP
    """
    masks = pool.masks()

    def load(name: str) -> np.ndarray:
        return cv2.resize(read_mask(masks[name], pool.sizes[name]), (side, side), interpolation=cv2.INTER_AREA)

    return _stacked(pool.names, load)


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Reads a mask, and binarizes it: pixels with a value of at least 128 are salient.

    Args:
        path: file of the mask.
        size: height H and width W of the image.

    Returns:
        The mask ``(H, W)``, uint8, 0 or 255.

    Raises:
        ImageError: the mask cannot be read, or has another size than the image.

    Example:
        >>> mask = read_mask(Path("gts/cat/1.png"), (480, 640))  # doctest: +SKIP
    """
    mask, _ = read_truth(path)
    if mask.shape != size:
        raise ImageError(
            f"{path}: is {mask.shape[1]} x {mask.shape[0]}, its image {size[1]} x {size[0]}; give the mask of the image"
        )
    return np.where(mask >= 128, 255, 0).astype(np.uint8)


def normalized(images: Tensor, network: torch.nn.Module) -> Tensor:
    """Normalizes images ``(N, 3, H, W)`` in [0, 1] by the mean and standard deviation of a network's input.

    The result has the memory format ``channels_last``.

    Example:
        >>> inputs = normalized(torch.rand(2, 3, 64, 64), network)  # doctest: +SKIP
    """
    mean, std = (torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (network.mean, network.std))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def _stacked(items: Iterable[Item], load: Callable[[Item], np.ndarray]) -> Tensor:
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return torch.from_numpy(np.stack(list(threads.map(load, items))))
