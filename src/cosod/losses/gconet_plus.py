"""The total loss of GCoNet+."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.losses.group_losses import classification_loss, contrast_loss, semi_hard_triplet_loss, symmetric_triplet_loss
from cosod.losses.map_losses import bce_loss, binary_loss, iou_loss, mse_loss, smooth_masks, ssim_loss
from cosod.models.base import Output


@dataclass(frozen=True)
class MapWeights:
    """The factors of the losses on one map; a term whose factor is 0 is not computed.

    Attributes:
        bce: the factor of the binary cross entropy.
        iou: the factor of the soft IoU loss.
        ssim: the factor of the structural similarity loss.
        mse: the factor of the mean squared error.
        binary: the factor of the loss that pushes values to 0 or 1.
    """

    bce: float = 0.0
    iou: float = 0.0
    ssim: float = 0.0
    mse: float = 0.0
    binary: float = 0.0


@dataclass(frozen=True)
class GCoNetPlusWeights:
    """The factors and options of :func:`gconet_plus_loss`.

    The defaults are those of the published code after it has rescaled its factors.

    Attributes:
        last: the factors of the losses on the final map.
        others: the factors of the losses on each of the other supervised maps.
        triplet: the factor of the triplet loss.
        classification: the factor of the cross entropy of the group class predicted from the deepest feature F.
        masked_classification: the factor of the cross entropy of the group class predicted from the masked images or
            features (recurrent auxiliary classification).
        contrast: the factor of the loss of the group collaborating module (GCM).
        triplet_on: the features for the triplet loss: ``deep`` for F, ``masked`` for F of the masked images, or
            ``both`` for the mean of the two losses.
        triplet_kind: the form of the triplet loss: ``symmetric`` as in the paper, or ``semi_hard``.
        margin: the margin of the triplet loss, which is 0.1 in the published code and 1.0 in the paper.
        smoothing: the epsilon of label smoothing. If it is not 0, each loss on a map is the mean of the losses against
            the masks and against the smoothed masks. The published code has 1e-3, but does not use it.

    Raises:
        InputError: ``triplet_on`` or ``triplet_kind`` has another value.
    """

    last: MapWeights = field(default_factory=lambda: MapWeights(bce=120.0, iou=2.0))
    others: MapWeights = field(default_factory=MapWeights)
    triplet: float = 12.0
    classification: float = 3.0
    masked_classification: float = 10.0
    contrast: float = 250.0
    triplet_on: str = "deep"
    triplet_kind: str = "symmetric"
    margin: float = 0.1
    smoothing: float = 0.0

    def __post_init__(self):
        if self.triplet_on not in ("deep", "masked", "both"):
            raise InputError(f"triplet_on cannot be {self.triplet_on!r}; choose deep, masked or both")
        if self.triplet_kind not in ("symmetric", "semi_hard"):
            raise InputError(f"triplet_kind cannot be {self.triplet_kind!r}; choose symmetric or semi_hard")


_MAP_LOSSES = {
    "bce": bce_loss,
    "iou": iou_loss,
    "ssim": ssim_loss,
    "mse": mse_loss,
    "binary": lambda maps, masks: binary_loss(maps),
}


def gconet_plus_loss(
    output: Output, masks: Tensor, classes: Tensor, weights: GCoNetPlusWeights | None = None
) -> dict[str, Tensor]:
    """Computes GCoNet+'s loss (section 3.7, equation 11, with the factors of the published code).

    Args:
        output: the output of a network in training mode, for 2 n images of two groups. If the network does not have
            the training head of a term, the term is left out.
        masks: the masks, ``(2 n, 1, H, W)`` in {0, 1}.
        classes: the index of each image's group in the training set, int64, ``(2 n,)``.
        weights: the factors of the terms; a term whose factor is 0 is not computed.

    Returns:
        The terms without their factors as scalars: ``bce``, ``iou``, ... of the final map, ``side0_bce``, ... of the
        other supervised maps, coarsest first, and ``triplet``, ``classification``, ``masked_classification`` and
        ``contrast``. The entry ``total`` is their sum weighted by the factors.

    Raises:
        InputError: a group has fewer than two images, so that the symmetric triplet loss is not defined.

    Example:
        >>> terms = gconet_plus_loss(network(images), masks, classes)  # doctest: +SKIP
    """
    weights = weights or GCoNetPlusWeights()
    terms: dict[str, Tensor] = {}
    factors: dict[str, float] = {}

    def add(name: str, factor: float, compute: Callable[[], Tensor]) -> None:
        if factor:
            terms[name] = compute()
            factors[name] = factor

    for index, side in enumerate(output.sides):
        last = index == len(output.sides) - 1
        chosen, prefix = (weights.last, "") if last else (weights.others, f"side{index}_")
        for name, loss in _MAP_LOSSES.items():
            add(prefix + name, getattr(chosen, name), partial(_smoothed, loss, side, masks, weights.smoothing))
    features = _triplet_features(output, weights)
    if features:
        add("triplet", weights.triplet, partial(_triplet, features, classes, weights))
    if output.classes is not None:
        add("classification", weights.classification, partial(classification_loss, output.classes, classes))
    if output.masked_classes is not None:
        factor = weights.masked_classification
        add("masked_classification", factor, partial(classification_loss, output.masked_classes, classes))
    if output.contrast is not None:
        add("contrast", weights.contrast, partial(contrast_loss, output.contrast, masks))
    zero = torch.zeros((), device=masks.device)
    return terms | {"total": sum((factors[name] * term for name, term in terms.items()), start=zero)}


def _smoothed(loss: Callable[[Tensor, Tensor], Tensor], maps: Tensor, masks: Tensor, epsilon: float) -> Tensor:
    if not epsilon:
        return loss(maps, masks)
    return 0.5 * (loss(maps, masks) + loss(maps, smooth_masks(masks, epsilon)))


def _triplet_features(output: Output, weights: GCoNetPlusWeights) -> list[Tensor]:
    """Computes the spatial means of the features for the triplet loss, ``(2 n, C)`` each."""
    chosen = {"deep": [output.deep], "masked": [output.masked_deep], "both": [output.deep, output.masked_deep]}
    return [deep.float().mean(dim=(2, 3)) for deep in chosen[weights.triplet_on] if deep is not None]


def _triplet(features: list[Tensor], classes: Tensor, weights: GCoNetPlusWeights) -> Tensor:
    if weights.triplet_kind == "semi_hard":
        losses = [semi_hard_triplet_loss(f, classes, weights.margin) for f in features]
    else:
        losses = [symmetric_triplet_loss(f, weights.margin) for f in features]
    return torch.stack(losses).mean()
