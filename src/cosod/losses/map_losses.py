"""Losses between maps and masks, which are ``(N, 1, H, W)`` in [0, 1]. All losses are scalars."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def iou_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Computes the soft IoU loss ``sum_i (1 - I_i / U_i)`` (GCoNet equation 2).

    I and U are the soft intersection and union of the map and the mask of image i. As in the published code, the loss
    is summed over the N images, not averaged, and lies between 0 and N. An image whose map and mask are both empty
    contributes 0.

    Args:
        maps: the maps, ``(N, 1, H, W)`` in [0, 1].
        masks: the masks, the same shape, in [0, 1].

    Example:
        >>> mask = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2)
        >>> iou_loss(mask, mask).item(), iou_loss(1 - mask, mask).item()
        (0.0, 1.0)
    """
    maps, masks = maps.float(), masks.float()
    intersection = (maps * masks).sum(dim=(1, 2, 3))
    union = maps.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3)) - intersection
    # For an empty union, 0 / 0 would turn all weights of the network into NaN.
    ratio = torch.where(union > 0, intersection / union.clamp_min(torch.finfo(union.dtype).tiny), 1.0)
    return (1 - ratio).sum()


def bce_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Computes the binary cross entropy, averaged over all pixels. A single pixel contributes at most 100.

    Args:
        maps: the maps, ``(N, 1, H, W)`` in [0, 1].
        masks: the masks, the same shape, in [0, 1].

    Example:
        >>> mask = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2)
        >>> round(bce_loss(torch.full_like(mask, 0.5), mask).item(), 4)
        0.6931
    """
    # PyTorch refuses this function under autocast, where the maps are float32 already.
    with torch.autocast(maps.device.type, enabled=False):
        return F.binary_cross_entropy(maps.float(), masks.float())


def mse_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Computes the mean squared error over all pixels, between 0 and 1.

    Args:
        maps: the maps, ``(N, 1, H, W)`` in [0, 1].
        masks: the masks, the same shape, in [0, 1].

    Example:
        >>> mse_loss(torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)).item()
        0.25
    """
    return F.mse_loss(maps, masks)


def binary_loss(maps: Tensor) -> Tensor:
    """Computes the mean of ``1 - p^2 - (1 - p)^2`` over all pixels, which pushes values to 0 or 1.

    This is the "reg" term of the GCoNet+ code. It is 0 if all values are 0 or 1, and at most 0.5.

    Args:
        maps: the maps, ``(N, 1, H, W)`` in [0, 1].

    Example:
        >>> binary_loss(torch.ones(1, 1, 2, 2)).item(), binary_loss(torch.full((1, 1, 2, 2), 0.5)).item()
        (0.0, 0.5)
    """
    return (1 - maps**2 - (1 - maps) ** 2).mean()


def ssim_loss(maps: Tensor, masks: Tensor, window: int = 11, sigma: float = 1.5) -> Tensor:
    """Computes one minus the mean structural similarity in a Gaussian window (Wang et al., 2004, equation 13).

    The images are padded with zeros. The loss lies between 0 and 2.

    Args:
        maps: the maps, ``(N, 1, H, W)`` in [0, 1].
        masks: the masks, the same shape, in [0, 1].
        window: the side of the window in pixels, an odd number.
        sigma: the standard deviation of the Gaussian in pixels.

    Example:
        >>> mask = torch.zeros(1, 1, 16, 16)
        >>> mask[..., 4:12, 4:12] = 1
        >>> ssim_loss(mask, mask).item() < 1e-6, ssim_loss(1 - mask, mask).item() > 0.5
        (True, True)
    """
    offsets = torch.arange(window, device=maps.device, dtype=maps.dtype) - window // 2
    line = torch.exp(-(offsets**2) / (2 * sigma**2))
    line = line / line.sum()
    kernel = torch.outer(line, line)[None, None]

    def average(x: Tensor) -> Tensor:
        return F.conv2d(x, kernel, padding=window // 2)

    return 1 - _similarity(maps, masks, average).mean()


def scale_consistency_loss(small: Tensor, maps: Tensor) -> Tensor:
    """Computes how much the maps of downscaled images differ from the downscaled maps of the images.

    This self-supervised loss is the mean of ``(1 - SSIM) / 2`` over the pixels, with SSIM in a 3 x 3 window, and lies
    between 0 and 1. The GCoNet+ code adds it with the factor 0.3, for images at a quarter of their size.

    Args:
        small: the maps that the network computes for the downscaled images, ``(N, 1, h, w)``.
        maps: the maps of the same images at full size, ``(N, 1, H, W)``.

    Example:
        >>> maps = torch.full((1, 1, 16, 16), 0.5)
        >>> scale_consistency_loss(torch.full((1, 1, 4, 4), 0.5), maps).item() < 1e-6
        True
    """
    shrunk = F.interpolate(maps, size=small.shape[-2:], mode="bilinear", align_corners=True)
    similarity = _similarity(small, shrunk, lambda x: F.avg_pool2d(x, 3, 1, 1))
    return ((1 - similarity) / 2).clamp(0, 1).mean()


def smooth_masks(masks: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Smooths the labels of masks, which turns 0 into ``epsilon / 2`` and 1 into ``1 - epsilon / 2``.

    Args:
        masks: the masks, any shape, in [0, 1].
        epsilon: the strength of the smoothing, in [0, 1].

    Example:
        >>> smooth_masks(torch.tensor([0.0, 1.0]), 0.1)
        tensor([0.0500, 0.9500])
    """
    return masks * (1 - epsilon) + epsilon / 2


def _similarity(a: Tensor, b: Tensor, average: Callable[[Tensor], Tensor]) -> Tensor:
    """Computes SSIM at each pixel for values in [0, 1]; ``average`` computes means over a window around each pixel."""
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = average(a), average(b)
    variance_a = average(a * a) - mean_a**2
    variance_b = average(b * b) - mean_b**2
    covariance = average(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
