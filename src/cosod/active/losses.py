"""Losses of single-image saliency: at clicks, and against whole masks."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.saliency import Saliency, enlarge


def partial_cross_entropy(logits: Tensor, xy: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy at labelled points, mean over all of the batch (section 4 of the method); 0 without any.

    The logits are read at the points by bilinear interpolation: clicks that share a cell of the map both count.

    Args:
        logits: ``(N, C, h, w)``, C = 2 or 1, see :class:`cosod.models.saliency.Saliency`.
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
    weight = 1 + 5 * (_neighbourhood(masks) - masks).abs()
    entropy = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    if bug_compatible:
        entropy = entropy.mean()
    else:
        entropy = (weight * entropy).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    maps = logits.sigmoid()
    both = (maps * masks * weight).sum(dim=(1, 2, 3))
    either = ((maps + masks) * weight).sum(dim=(1, 2, 3)) - both
    return (entropy + 1 - (both + 1) / (either + 1)).mean()


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


def _neighbourhood(masks: Tensor) -> Tensor:
    """Means over 31 x 31 pixels, zeros beyond the border; by columns, then by rows: the same, 15 times faster."""
    return F.avg_pool2d(F.avg_pool2d(masks, (31, 1), 1, (15, 0)), (1, 31), 1, (0, 15))
