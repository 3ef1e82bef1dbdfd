"""Losses of single-image saliency detection, for training on clicks or on whole masks."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.modules.layers import enlarge
from cosod.models.saliency_base import Saliency


def partial_cross_entropy(logits: Tensor, xy: Tensor, labels: Tensor) -> Tensor:
    """Computes the cross entropy at labeled points, averaged over all labeled points of the batch (ASTE-AL section 4).

    The logits are interpolated bilinearly at the points, so that two clicks in the same cell of the map both count. The
    loss is 0 if there are no labeled points.

    Args:
        logits: ``(N, C, h, w)``, where C is 2 or 1; see :class:`cosod.models.saliency_base.Saliency`.
        xy: the x and y coordinates of K points in each image, ``(N, K, 2)``. They range from -1 at the left or upper
            edge of the image to 1 at the right or lower edge.
        labels: ``(N, K)``; 1 for salient points, 0 for the background, and negative for points to ignore.

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
    """Computes the sum of F3Net's weighted cross entropy and weighted IoU loss (F3Net equations 4 to 6).

    Pixels near the edges of objects have larger weights.

    Args:
        logits: ``(N, 1, H, W)``.
        masks: the masks, ``(N, 1, H, W)`` in [0, 1].
        bug_compatible: whether to weight only the IoU loss, as in the published code, which passes an argument that
            turns its cross entropy into an unweighted mean.

    Returns:
        The mean over the images, a scalar.

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

    It comes from weakly supervised saliency detection with scribbles (Yu et al., AAAI 2021, equations 3 to 5). The
    absolute difference of the map between two positions at most ``radius`` rows and columns apart has the weight
    ``exp(-d^2 / (2 reach^2) - c^2 / (2 color^2))``, where d is the distance of the positions and c that of their
    colors. The loss is summed over the neighbors of a position and averaged over positions and images.

    Args:
        maps: the maps, ``(N, 1, h, w)`` in [0, 1].
        images: the images, ``(N, 3, H, W)`` in [0, 1], which are averaged to the size of the maps.
        radius: the radius of the neighborhood in positions of the map.
        color: the standard deviation of the Gaussian weight of color distances.
        reach: the standard deviation of the Gaussian weight of distances, in positions of the map.

    Example:
        >>> local_coherence(torch.full((1, 1, 8, 8), 0.5), torch.zeros(1, 3, 8, 8)).item()
        0.0
    """
    n, _, height, width = maps.shape
    images = F.adaptive_avg_pool2d(images, (height, width))
    total = maps.new_zeros(())
    for dy in range(radius + 1):
        for dx in range(-radius if dy else 1, radius + 1):  # visits every pair of positions once
            one = (..., slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
            other = (..., slice(dy, height), slice(max(0, dx), width - max(0, -dx)))
            unlike = (images[one] - images[other]).square().sum(dim=1, keepdim=True)
            weight = torch.exp(-unlike / (2 * color**2) - (dx * dx + dy * dy) / (2 * reach**2))
            total = total + 2 * (weight * (maps[one] - maps[other]).abs()).sum()
    return total / (n * height * width)


def deep_supervision(output: Saliency, loss: Callable[[Tensor], Tensor]) -> Tensor:
    """Computes the weighted sum of a loss over all supervised maps of a network.

    Args:
        output: the output of the network, whose ``weights`` are the factors of the maps.
        loss: a function from the logits of one map, ``(N, C, h, w)``, to a scalar.

    Example:
        >>> loss = deep_supervision(output, lambda logits: structure_loss(logits, masks))  # doctest: +SKIP
    """
    terms = (weight * loss(logits) for weight, logits in zip(output.weights, output.logits, strict=True))
    return sum(terms, start=output.logits[0].new_zeros(()))


def mask_loss(output: Saliency, masks: Tensor, bug_compatible: bool = False) -> Tensor:
    """Computes :func:`structure_loss`, summed over all supervised maps as in :func:`deep_supervision`.

    Args:
        output: the output of the network; each map is enlarged to the size of the masks.
        masks: the masks, ``(N, 1, H, W)`` in [0, 1].
        bug_compatible: see :func:`structure_loss`.

    Example:
        >>> loss = mask_loss(network.saliency(images), masks)  # doctest: +SKIP
    """
    size = masks.shape[-2:]
    return deep_supervision(output, lambda z: structure_loss(enlarge(z.float(), size), masks, bug_compatible))


def point_loss(output: Saliency, xy: Tensor, labels: Tensor) -> Tensor:
    """Computes :func:`partial_cross_entropy`, summed over all supervised maps as in :func:`deep_supervision`.

    Args:
        output: the output of the network.
        xy: the coordinates of the points, ``(N, K, 2)``; see :func:`partial_cross_entropy`.
        labels: the labels of the points, ``(N, K)``; see :func:`partial_cross_entropy`.

    Example:
        >>> loss = point_loss(network.saliency(images), xy, labels)  # doctest: +SKIP
    """
    return deep_supervision(output, lambda z: partial_cross_entropy(z, xy, labels))


def _neighborhood(masks: Tensor) -> Tensor:
    """Computes means over 31 x 31 pixels; averaging columns and then rows is 15 times faster than a square window."""
    return F.avg_pool2d(F.avg_pool2d(masks, (31, 1), 1, (15, 0)), (1, 31), 1, (0, 15))
