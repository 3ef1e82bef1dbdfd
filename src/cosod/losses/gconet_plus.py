"""The sum of losses that trains GCoNet+."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.losses.group_losses import classification_loss, contrast_loss, semi_hard_triplet_loss, symmetric_triplet_loss
from cosod.losses.map_losses import bce_loss, binary_loss, iou_loss, mse_loss, smooth_masks, ssim_loss
from cosod.models.base import Output


@dataclass(frozen=True)
class MapWeights:
    """Factors of the losses on one map; a term of factor 0 is not computed.

    Attributes:
        bce: factor of the binary cross entropy.
        iou: factor of the soft IoU loss.
        ssim: factor of the loss of structural similarity.
        mse: factor of the mean squared error.
        binary: factor of the loss that draws values to 0 or 1.
    """

    bce: float = 0.0
    iou: float = 0.0
    ssim: float = 0.0
    mse: float = 0.0
    binary: float = 0.0


@dataclass(frozen=True)
class GCoNetPlusWeights:
    """Factors and options of :func:`gconet_plus_loss`; the defaults are the published code's, after its rescaling.

    Attributes:
        last: factors of the losses on the result.
        others: factors of the losses on each of the other supervised maps.
        triplet: factor of the triplet loss.
        classification: factor of the cross entropy of the group's class, predicted from F.
        masked_classification: factor of the same, predicted from F under the mask (recurrent auxiliary classification).
        contrast: factor of the group collaborating module's loss.
        triplet_on: what the triplet loss is of: F (``deep``), F under the mask (``masked``), or ``both`` by half.
        triplet_kind: form of the triplet loss: ``symmetric`` (the paper's) or ``semi_hard``.
        margin: margin of the triplet loss: 0.1 in the code, 1.0 in the paper.
        smoothing: epsilon of label smoothing: where it is not 0, half of the loss on the maps is against smoothed
            masks (1e-3 in the code, where it is off).
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
        output: output of a network in training mode, for 2 n images of two groups; terms whose training head the
            network does not have are left out.
        masks: ``(2 n, 1, H, W)`` in {0, 1}.
        classes: ``(2 n,)``, index of each image's group in the training set.
        weights: factors; a term of factor 0 is not computed.

    Returns:
        The terms without their factors: of the maps ``bce``, ``iou``, ... for the result and ``side0_bce``, ...
        for the others, coarsest first; ``triplet``, ``classification``, ``masked_classification``, ``contrast``.
        And ``total``, their weighted sum.

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
            add(prefix + name, getattr(chosen, name), lambda s=side, f=loss: _smoothed(f, s, masks, weights.smoothing))
    features = _triplet_features(output, weights)
    if features:
        add("triplet", weights.triplet, lambda: _triplet(features, classes, weights))
    if output.classes is not None:
        add("classification", weights.classification, lambda: classification_loss(output.classes, classes))
    if output.masked_classes is not None:
        factor = weights.masked_classification
        add("masked_classification", factor, lambda: classification_loss(output.masked_classes, classes))
    if output.contrast is not None:
        add("contrast", weights.contrast, lambda: contrast_loss(output.contrast, masks))
    return terms | {"total": sum(factors[name] * term for name, term in terms.items())}


def _smoothed(loss: Callable[[Tensor, Tensor], Tensor], maps: Tensor, masks: Tensor, epsilon: float) -> Tensor:
    if not epsilon:
        return loss(maps, masks)
    return 0.5 * (loss(maps, masks) + loss(maps, smooth_masks(masks, epsilon)))


def _triplet_features(output: Output, weights: GCoNetPlusWeights) -> list[Tensor]:
    """Averages the features that the triplet loss is on, ``(2 n, C)`` each."""
    chosen = {"deep": [output.deep], "masked": [output.masked_deep], "both": [output.deep, output.masked_deep]}
    return [deep.float().mean(dim=(2, 3)) for deep in chosen[weights.triplet_on] if deep is not None]


def _triplet(features: list[Tensor], classes: Tensor, weights: GCoNetPlusWeights) -> Tensor:
    if weights.triplet_kind == "semi_hard":
        losses = [semi_hard_triplet_loss(f, classes, weights.margin) for f in features]
    else:
        losses = [symmetric_triplet_loss(f, weights.margin) for f in features]
    return torch.stack(losses).mean()
