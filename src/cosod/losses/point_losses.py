"""Losses of single-image saliency: from clicks, and from whole masks."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.modules.layers import enlarge
from cosod.models.saliency_base import Saliency


def partial_cross_entropy(logits: Tensor, xy: Tensor, labels: Tensor) -> Tensor:
    """Computes the cross entropy at labeled points, mean over the batch (section 4 of the method); 0 without any.

    The logits are read at the points by bilinear interpolation: clicks that share a cell of the map both count.

    Args:
        logits: ``(N, C, h, w)``, C = 2 or 1, see :class:`cosod.models.saliency_base.Saliency`.
        xy: points ``(N, K, 2)``, the images spanning -1 to 1.
        labels: ``(N, K)``, 1 salient, 0 background, below 0 ignored.

    Example:
        >>> logits, xy = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2)
        >>> round(partial_cross_entropy(logits, xy, torch.ones(1, 1, dtype=torch.long)).item(), 4)
        0.6931
    """
    values = F.grid_sample(logits.float(), xy[:, None], padding_mode="border", align_corners=False)[:, :, 0]
    if values.shape[1] == 1:
        values = torch.cat([torch.zeros_like(values), values], dim=1)
    known = labels >= 0
    each = F.cross_entropy(values, labels.clamp_min(0).long(), reduction="none")
    return (each * known).sum() / known.sum().clamp_min(1)


def structure_loss(logits: Tensor, masks: Tensor, bug_compatible: bool = False) -> Tensor:
    """Computes F3Net's weighted cross entropy and weighted IoU (F3Net equations 4 to 6), mean over the images.

    Args:
        logits: ``(N, 1, H, W)``.
        masks: ``(N, 1, H, W)`` in [0, 1].
        bug_compatible: whether only the IoU is weighted, as in the published code, which passes an argument that turns
            its cross entropy into an unweighted mean.

    Example:
        >>> masks = torch.zeros(1, 1, 64, 64)
        >>> masks[..., 16:48, 16:48] = 1
        >>> bool(structure_loss(20 * masks - 10, masks) < structure_loss(10 - 20 * masks, masks))
        True
    """
    weight = 1 + 5 * (_neighborhood(masks) - masks).abs()
    entropy = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    if bug_compatible:
        entropy = entropy.mean()
    else:
        entropy = (weight * entropy).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    maps = logits.sigmoid()
    both = (maps * masks * weight).sum(dim=(1, 2, 3))
    either = ((maps + masks) * weight).sum(dim=(1, 2, 3)) - both
    return (entropy + 1 - (both + 1) / (either + 1)).mean()


def local_coherence(maps: Tensor, images: Tensor, radius: int = 2, color: float = 0.1, reach: float = 6.0) -> Tensor:
    """Computes the local saliency coherence loss, which penalizes differences between neighbors of similar color.

    For every pair of positions at most ``radius`` rows and columns apart, the difference of the map weighs
    ``exp(-d^2 / 2 reach^2 - c^2 / 2 color^2)``, d their distance and c that of their colors: the local saliency
    coherence loss of weakly supervised saliency from scribbles (Yu et al., AAAI 2021, equations 3 to 5). Summed over
    the neighbors, mean over positions and images.

    Args:
        maps: ``(N, 1, h, w)`` in [0, 1].
        images: ``(N, 3, H, W)`` in [0, 1]; averaged to the size of the maps.
        radius: radius of the neighborhood.
        color: distance of colors that still count as alike.
        reach: distance in positions at which neighbors count less.

    Example:
        >>> local_coherence(torch.full((1, 1, 8, 8), 0.5), torch.zeros(1, 3, 8, 8)).item()
        0.0
    """
    n, _, height, width = maps.shape
    images = F.adaptive_avg_pool2d(images, (height, width))
    total = maps.new_zeros(())
    for dy in range(radius + 1):
        for dx in range(-radius if dy else 1, radius + 1):  # every pair once
            one = (..., slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
            other = (..., slice(dy, height), slice(max(0, dx), width - max(0, -dx)))
            unlike = (images[one] - images[other]).square().sum(dim=1, keepdim=True)
            weight = torch.exp(-unlike / (2 * color**2) - (dx * dx + dy * dy) / (2 * reach**2))
            total = total + 2 * (weight * (maps[one] - maps[other]).abs()).sum()
    return total / (n * height * width)


def deep_supervision(output: Saliency, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """Computes the weighted sum of ``loss`` over all of a network's maps.

    Example:
        >>> loss = deep_supervision(output, lambda logits: structure_loss(logits, masks))  # doctest: +SKIP
    """
    return sum(weight * loss(logits) for weight, logits in zip(output.weights, output.logits, strict=True))


def mask_loss(output: Saliency, masks: Tensor, bug_compatible: bool = False) -> Tensor:
    """Computes the structure loss under deep supervision, every map enlarged to its masks ``(N, 1, H, W)``.

    Example:
        >>> loss = mask_loss(network.saliency(images), masks)  # doctest: +SKIP
    """
    size = masks.shape[-2:]
    return deep_supervision(output, lambda z: structure_loss(enlarge(z.float(), size), masks, bug_compatible))


def point_loss(output: Saliency, xy: Tensor, labels: Tensor) -> Tensor:
    """Computes the partial cross entropy under deep supervision.

    Example:
        >>> loss = point_loss(network.saliency(images), xy, labels)  # doctest: +SKIP
    """
    return deep_supervision(output, lambda z: partial_cross_entropy(z, xy, labels))


def _neighborhood(masks: Tensor) -> Tensor:
    """Computes means over 31 x 31 pixels, by columns, then by rows: the same, 15 times faster."""
    return F.avg_pool2d(F.avg_pool2d(masks, (31, 1), 1, (15, 0)), (1, 31), 1, (0, 15))
