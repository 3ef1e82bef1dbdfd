"""The total loss of SSNM and its terms."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.models.base import Output

#: Maps are clamped to be at least this far from 0 and 1, so that the cross entropy and its gradient stay finite.
MARGIN = 1e-6


@dataclass(frozen=True)
class SSNMWeights:
    """The factors of the terms of :func:`ssnm_loss`; the defaults are those of the published code.

    Attributes:
        bce: the factor of the weighted binary cross entropy of the maps.
        classification: the factor of the binary cross entropy of the co-categories.
        smooth: the factor of the smooth L1 loss of the maps.
        balanced: whether foreground and background have the same total weight in the cross entropy of the maps; see
            :func:`weighted_bce_loss`.
    """

    bce: float = 1.0
    classification: float = 1.0
    smooth: float = 1.0
    balanced: bool = False


def weighted_bce_loss(maps: Tensor, masks: Tensor, balanced: bool = False) -> Tensor:
    """Computes the binary cross entropy, weighted by the share p of foreground pixels in the batch.

    The published code weights the foreground by p and the background by 1 - p. This is the opposite of balancing: it
    favors the background if that is the larger part.

    Args:
        maps: the maps, any shape, in [0, 1].
        masks: the masks, the same shape, in {0, 1}.
        balanced: whether to weight the foreground by 1 - p and the background by p instead, so that both have the same
            total weight.

    Returns:
        The mean over all pixels, a scalar. It is finite even if the batch has only foreground or only background.

    Example:
        >>> masks = torch.zeros(1, 1, 4, 4)
        >>> masks[..., :2, :] = 1
        >>> near, even = masks.clamp(0.1, 0.9), torch.full_like(masks, 0.5)
        >>> bool(weighted_bce_loss(near, masks) < weighted_bce_loss(even, masks))
        True
    """
    # PyTorch refuses this function under autocast, where the maps are float32 already.
    with torch.autocast(maps.device.type, enabled=False):
        maps, masks = maps.float().clamp(MARGIN, 1 - MARGIN), masks.float()
        share = masks.mean()
        foreground, background = (1 - share, share) if balanced else (share, 1 - share)
        weight = torch.where(masks > 0.5, foreground, background)
        return F.binary_cross_entropy(maps, masks, weight)


def category_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Computes the binary cross entropy of the co-categories, averaged over images and categories.

    Args:
        scores: the logits of the classifier, ``(N, number of categories)``.
        labels: the categories that the group of each image shares, ``(N, number of categories)`` in {0, 1}; or the
            index of the only shared category, ``(N,)``.

    Raises:
        InputError: ``labels`` has another shape.

    Example:
        >>> round(category_loss(torch.zeros(2, 5), torch.zeros(2, 5)).item(), 4)
        0.6931
    """
    if labels.ndim == 1 and len(labels) == len(scores):
        labels = F.one_hot(labels.long(), scores.shape[1])
    if labels.shape != scores.shape:
        raise InputError(f"labels {tuple(labels.shape)} do not fit the scores {tuple(scores.shape)}; give one a score")
    return F.binary_cross_entropy_with_logits(scores.float(), labels.float())


def smooth_l1_loss(maps: Tensor, masks: Tensor) -> Tensor:
    """Computes the smooth L1 loss with beta 1, averaged over all pixels.

    For maps and masks in [0, 1], this is half of the squared difference.

    Args:
        maps: the maps, any shape, in [0, 1].
        masks: the masks, the same shape, in [0, 1].

    Example:
        >>> smooth_l1_loss(torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)).item()
        0.125
    """
    return F.smooth_l1_loss(maps.float(), masks.float())


def ssnm_loss(output: Output, masks: Tensor, labels: Tensor, weights: SSNMWeights | None = None) -> dict[str, Tensor]:
    """Computes SSNM's loss as in the published code, whose term ``smooth`` is not in the paper.

    Args:
        output: the output of a network in training mode, for N images. If it has no ``classes``, the term
            ``classification`` is left out.
        masks: the masks, ``(N, 1, H, W)`` in {0, 1}.
        labels: the categories; see :func:`category_loss`.
        weights: the factors of the terms.

    Returns:
        The terms without their factors as scalars: ``bce``, ``classification`` and ``smooth``. The entry ``total`` is
        their sum weighted by the factors.

    Raises:
        InputError: ``labels`` does not have a shape that :func:`category_loss` accepts.

    Example:
        >>> terms = ssnm_loss(network(images, 4), masks, labels)  # doctest: +SKIP
    """
    weights = weights or SSNMWeights()
    terms = {
        "bce": weighted_bce_loss(output.maps, masks, weights.balanced),
        "smooth": smooth_l1_loss(output.maps, masks),
    }
    if output.classes is not None:
        terms["classification"] = category_loss(output.classes, labels)
    return terms | {"total": sum(getattr(weights, name) * term for name, term in terms.items())}
