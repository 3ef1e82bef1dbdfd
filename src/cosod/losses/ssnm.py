"""The losses that train SSNM."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.models.base import Output

#: Maps are kept this far from 0 and 1, so that neither the entropy nor its gradient leaves the range of float32.
MARGIN = 1e-6


@dataclass(frozen=True)
class SSNMWeights:
    """Factors of :func:`ssnm_loss`; the defaults are the published code's.

    Attributes:
        bce: factor of the weighted binary cross entropy of the maps.
        classification: factor of the cross entropy of the image's class.
        smooth: factor of the smooth L1 loss of the maps.
        balanced: whether foreground and background count the same in the first (see :func:`weighted_bce_loss`).
    """

    bce: float = 1.0
    classification: float = 1.0
    smooth: float = 1.0
    balanced: bool = False


def weighted_bce_loss(maps: Tensor, masks: Tensor, balanced: bool = False) -> Tensor:
    """Computes the binary cross entropy weighted by the share p of foreground in the batch, mean over all pixels.

    The published code weights foreground by p and background by 1 - p, which favors the background where it
    is the larger part: the opposite of balancing.

    Args:
        maps: in [0, 1], any shape.
        masks: the same shape, in {0, 1}.
        balanced: weight foreground by 1 - p and background by p instead; both then count the same.

    Returns:
        A scalar, finite also where a batch is all foreground or all background.

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
    """Computes the binary cross entropy of the co-categories, mean over images and categories.

    Args:
        scores: logits, ``(N, categories)``.
        labels: ``(N, categories)`` in {0, 1}, as a group may share several categories; or the index of its one
            category, ``(N,)``.

    Raises:
        InputError: labels of another shape.

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
    """Computes Huber's loss with beta 1, half the squared difference for values in [0, 1]; mean over all pixels.

    Example:
        >>> smooth_l1_loss(torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2)).item()
        0.125
    """
    return F.smooth_l1_loss(maps.float(), masks.float())


def ssnm_loss(output: Output, masks: Tensor, labels: Tensor, weights: SSNMWeights | None = None) -> dict[str, Tensor]:
    """Computes SSNM's loss as in the published code; the last term is not in the paper.

    Args:
        output: output of a network in training mode, for N images; without ``classes`` that term is left out.
        masks: ``(N, 1, H, W)`` in {0, 1}.
        labels: see :func:`category_loss`.

    Returns:
        The terms without their factors, ``bce``, ``classification`` and ``smooth``; and ``total``, their weighted
        sum.

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
