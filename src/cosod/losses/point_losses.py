"""Losses of single-image saliency: at clicks, and against whole masks."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.modules.layers import enlarge
from cosod.models.saliency_base import Saliency


def partial_cross_entropy(logits: Tensor, xy: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy at labeled points, mean over all of the batch (section 4 of the method); 0 without any.

    The logits are read at the points by bilinear interpolation: clicks that share a cell of the map both count.

    Args:
        logits: ``(N, C, h, w)``, C = 2 or 1, see :class:`cosod.models.saliency_base.Saliency`.
        xy: points ``(N, K, 2)``, the images spanning -1 to 1.
        labels: ``(N, K)``, 1 salient, 0 background, below 0 ignored.
    """
    values = F.grid_sample(logits.float(), xy[:, None], padding_mode="border", align_corners=False)[:, :, 0]
    if values.shape[1] == 1:
        values = torch.cat([torch.zeros_like(values), values], dim=1)
    known = labels >= 0
    each = F.cross_entropy(values, labels.clamp_min(0).long(), reduction="none")
    return (each * known).sum() / known.sum().clamp_min(1)


def structure_loss(logits: Tensor, masks: Tensor, bug_compatible: bool = False) -> Tensor:
    """F3Net's weighted cross entropy and weighted IoU (F3Net equations 4 to 6), mean over the images.

    Args:
        logits: ``(N, 1, H, W)``.
        masks: ``(N, 1, H, W)`` in [0, 1].
        bug_compatible: the published code passes an argument that makes its cross entropy a plain mean, so that
            only the IoU is weighted there; as there.
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
    """How much maps differ between neighbors that look alike: what clicks say spreads as far as the color goes.

    For every pair of positions at most ``radius`` rows and columns apart, the difference of the map weighs
    ``exp(-d^2 / 2 reach^2 - c^2 / 2 color^2)``, d their distance and c that of their colors: the local saliency
    coherence loss of weakly supervised saliency from scribbles (Yu et al., AAAI 2021, equations 3 to 5). Summed over
    the neighbors, mean over positions and images.

    Args:
        maps: ``(N, 1, h, w)`` in [0, 1].
        images: ``(N, 3, H, W)`` in [0, 1]; averaged to the size of the maps.
        radius: of the neighborhood.
        color: distance of colors that still count as alike.
        reach: distance in positions at which neighbors count less.
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
    """The weighted sum of ``loss`` over all of a network's maps."""
    return sum(weight * loss(logits) for weight, logits in zip(output.weights, output.logits, strict=True))


def mask_loss(output: Saliency, masks: Tensor, bug_compatible: bool = False) -> Tensor:
    """Deep supervision by the structure loss, every map enlarged to its masks ``(N, 1, H, W)``."""
    size = masks.shape[-2:]
    return deep_supervision(output, lambda z: structure_loss(enlarge(z.float(), size), masks, bug_compatible))


def point_loss(output: Saliency, xy: Tensor, labels: Tensor) -> Tensor:
    """Deep supervision by the partial cross entropy."""
    return deep_supervision(output, lambda z: partial_cross_entropy(z, xy, labels))


def _neighborhood(masks: Tensor) -> Tensor:
    """Means over 31 x 31 pixels, zeros beyond the border; by columns, then by rows: the same, 15 times faster."""
    return F.avg_pool2d(F.avg_pool2d(masks, (31, 1), 1, (15, 0)), (1, 31), 1, (0, 15))
