"""Losses between maps and masks. All maps and masks are ``(N, 1, H, W)`` in [0, 1]; all results are scalars."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F


def iou_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Computes soft intersection over union, ``sum_i (1 - I_i / U_i)``: summed over the images, as published, not
    averaged.

    The soft IoU loss of GCoNet equation 2. Between 0 and N. An image where both map and mask are empty counts 0.

    Example:
        >>> mask = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2)
        >>> iou_loss(mask, mask).item(), iou_loss(1 - mask, mask).item()
        (0.0, 1.0)
    """
    maps, masks = maps.float(), masks.float()
    intersection = (maps * masks).sum(dim=(1, 2, 3))
    union = maps.sum(dim=(1, 2, 3)) + masks.sum(dim=(1, 2, 3)) - intersection
    # With an empty union 0 / 0 would turn every weight into NaN.
    ratio = torch.where(union > 0, intersection / union.clamp_min(torch.finfo(union.dtype).tiny), 1.0)
    return (1 - ratio).sum()


def bce_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Computes the binary cross entropy, mean over all pixels; a single pixel counts 100 at most.

    Example:
        >>> mask = torch.tensor([[1.0, 1.0], [0.0, 0.0]]).view(1, 1, 2, 2)
        >>> round(bce_loss(torch.full_like(mask, 0.5), mask).item(), 4)
        0.6931
    """
    # PyTorch refuses this function under autocast, where the maps are float32 already.
    with torch.autocast(maps.device.type, enabled=False):
        return F.binary_cross_entropy(maps.float(), masks.float())


def mse_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Computes the mean squared difference.

    Example:
        >>> mse_loss(torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)).item()
        0.25
    """
    return F.mse_loss(maps, masks)


def binary_loss(maps: Tensor) -> Tensor:
    """Computes the mean of ``1 - p^2 - (1 - p)^2``, which pushes values to 0 or 1 (the "reg" term of the GCoNet+ code).

    0 where all values are 0 or 1, at most 0.5.

    Example:
        >>> binary_loss(torch.ones(1, 1, 2, 2)).item(), binary_loss(torch.full((1, 1, 2, 2), 0.5)).item()
        (0.0, 0.5)
    """
    return (1 - maps**2 - (1 - maps) ** 2).mean()


def ssim_loss(maps: Tensor, masks: Tensor, window: int = 11, sigma: float = 1.5) -> Tensor:
    """Computes one minus the structural similarity (Wang et al., 2004, equation 13) in a Gaussian window, mean over
    pixels.

    The border is padded with zeros. Between 0 and 2.

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
    """Compares the map of the shrunk image with the shrunk map of the image (self-supervision by scale).

    Mean over pixels of ``(1 - SSIM) / 2`` in a 3 x 3 window, between 0 and 1; the GCoNet+ code adds it with
    factor 0.3, for images at a quarter of their size.

    Args:
        small: maps that the network made of the shrunk images, ``(N, 1, h, w)``.
        maps: maps of the same images at full size, ``(N, 1, H, W)``.

    Example:
        >>> maps = torch.full((1, 1, 16, 16), 0.5)
        >>> scale_consistency_loss(torch.full((1, 1, 4, 4), 0.5), maps).item() < 1e-6
        True
    """
    shrunk = F.interpolate(maps, size=small.shape[-2:], mode="bilinear", align_corners=True)
    similarity = _similarity(small, shrunk, lambda x: F.avg_pool2d(x, 3, 1, 1))
    return ((1 - similarity) / 2).clamp(0, 1).mean()


def smooth_masks(masks: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Smooths the labels of masks: 0 and 1 move to ``epsilon / 2`` and ``1 - epsilon / 2``.

    Example:
        >>> smooth_masks(torch.tensor([0.0, 1.0]), 0.1)
        tensor([0.0500, 0.9500])
    """
    return masks * (1 - epsilon) + epsilon / 2


def _similarity(a: Tensor, b: Tensor, average: Callable[[Tensor], Tensor]) -> Tensor:
    """Computes SSIM at each pixel, for values in [0, 1]; ``average`` is the mean over a window."""
    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = average(a), average(b)
    variance_a = average(a * a) - mean_a**2
    variance_b = average(b * b) - mean_b**2
    covariance = average(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return top / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
