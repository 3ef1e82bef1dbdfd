"""The pool in memory: every image and mask as a small square of bytes, cut and mirrored when a batch is made."""

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
from cosod.io.tensors import shrink

Item = TypeVar("Item")


class View(NamedTuple):
    """Which windows of N images are looked at, in coordinates where an image spans -1 to 1.

    Attributes:
        center: ``(N, 2)``, x and y of the windows' centers.
        extent: ``(N, 2)``, half their sides; a negative x mirrors the window.
    """

    center: Tensor
    extent: Tensor

    def of_points(self, xy: Tensor) -> Tensor:
        """Maps points ``(N, K, 2)`` of the whole images into the windows, where these span -1 to 1."""
        return (xy - self.center[:, None]) / self.extent[:, None]

    def of_images(self, images: Tensor, size: int) -> Tensor:
        """Cuts the windows ``(N, C, size, size)`` out of ``(N, C, S, S)`` float, bilinear."""
        theta = torch.cat([torch.diag_embed(self.extent), self.center[:, :, None]], dim=2)
        grid = F.affine_grid(theta, [len(images), images.shape[1], size, size], align_corners=False)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def draw_view(keep: Tensor, known: Tensor, crop: float, generator: torch.Generator) -> View:
    """Draws a random window of each image: up to a share ``crop`` of each side is cut off; one in two is mirrored.

    A window is widened where it would leave out a point, so that no click is lost to cropping.

    Args:
        keep: points ``(N, K, 2)`` of the whole images that must stay inside.
        known: which of them count, ``(N, K)`` bool.
        crop: 0 to 1; F3Net's code has 1/8.
        generator: the source of chance.
    """
    n = len(keep)
    cut, place = torch.rand(n, 2, generator=generator) * crop * 2, torch.rand(n, 2, generator=generator)
    low, high = -1 + cut * place, 1 - cut * (1 - place)
    if keep.shape[1]:
        away = ~known[:, :, None]
        # Half a cell of the coarsest map lies around a click, so that its neighborhood stays too.
        low = torch.minimum(low, keep.masked_fill(away, 1).amin(dim=1) - 0.02).clamp_min(-1)
        high = torch.maximum(high, keep.masked_fill(away, -1).amax(dim=1) + 0.02).clamp_max(1)
    mirror = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    extent = (high - low) / 2
    return View((low + high) / 2, torch.stack([extent[:, 0] * mirror, extent[:, 1]], dim=1))


def load_images(pool: Pool, side: int) -> Tensor:
    """Loads all images as ``(N, side, side, 3)`` uint8, in the order of ``pool.names``: 0.2 MB each at 256.

    Raises:
        ImageError: an image that cannot be read any more.
    """
    return _stacked(pool.names, lambda name: shrink(read_image(pool.path(name)), side))


def load_masks(pool: Pool, side: int) -> Tensor:
    """Loads all masks as ``(N, side, side)`` uint8, 0 to 255: the share of each cell that is salient.

    Raises:
        InputError: an image without a mask.
        ImageError: a mask that cannot be read, or of another size than its image.
    """
    masks = pool.masks()

    def load(name: str) -> np.ndarray:
        return cv2.resize(read_mask(masks[name], pool.sizes[name]), (side, side), interpolation=cv2.INTER_AREA)

    return _stacked(pool.names, load)


def read_mask(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Reads a mask as uint8 ``(H, W)`` of 0 and 255, salient from 128 on.

    Raises:
        ImageError: it cannot be read, or is not of the ``size`` (height, width) of its image.
    """
    mask, _ = read_truth(path)
    if mask.shape != size:
        raise ImageError(
            f"{path}: is {mask.shape[1]} x {mask.shape[0]}, its image {size[1]} x {size[0]}; give the mask of the image"
        )
    return np.where(mask >= 128, 255, 0).astype(np.uint8)


def normalized(images: Tensor, network: torch.nn.Module) -> Tensor:
    """Normalizes ``(N, 3, H, W)`` in [0, 1] for the network, channels last in memory."""
    mean, std = (torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (network.mean, network.std))
    return ((images - mean) / std).contiguous(memory_format=torch.channels_last)


def _stacked(items: Iterable[Item], load: Callable[[Item], np.ndarray]) -> Tensor:
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        return torch.from_numpy(np.stack(list(threads.map(load, items))))
