"""The total loss of GCoNet."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cosod.losses.group_losses import classification_loss, contrast_loss
from cosod.losses.map_losses import iou_loss
from cosod.models.base import Output


@dataclass(frozen=True)
class GCoNetWeights:
    """The factors of the terms of :func:`gconet_loss`; the defaults are those of the published code.

    Attributes:
        iou: the factor of the soft IoU loss of the maps.
        contrast: the factor of the loss of the group collaborating module (GCM).
        classification: the factor of the cross entropy of the group classifier.
    """

    iou: float = 1.0
    contrast: float = 250.0
    classification: float = 3.0


def gconet_loss(
    output: Output, masks: Tensor, classes: Tensor, weights: GCoNetWeights | None = None
) -> dict[str, Tensor]:
    """Computes GCoNet's loss (section 3.5, equation 5, with the factors of the published code).

    Args:
        output: the output of a network in training mode, for 2 n images of two groups. If the network does not have
            the training head of a term, the term is left out.
        masks: the masks, ``(2 n, 1, H, W)`` in {0, 1}.
        classes: the index of each image's group in the training set, int64, ``(2 n,)``.
        weights: the factors of the terms.

    Returns:
        The terms without their factors as scalars: ``iou``, which is summed over all supervised maps, ``contrast`` and
        ``classification``. The entry ``total`` is their sum weighted by the factors.

    Example:
        >>> maps, masks = torch.full((4, 1, 8, 8), 0.5), torch.ones(4, 1, 8, 8)
        >>> terms = gconet_loss(Output(maps, sides=(maps,)), masks, torch.tensor([0, 0, 1, 1]))
        >>> sorted(terms)
        ['iou', 'total']
    """
    weights = weights or GCoNetWeights()
    terms = {"iou": torch.stack([iou_loss(side, masks) for side in output.sides]).sum()}
    if output.contrast is not None:
        terms["contrast"] = contrast_loss(output.contrast, masks)
    if output.classes is not None:
        terms["classification"] = classification_loss(output.classes, classes)
    return terms | {"total": sum(getattr(weights, name) * term for name, term in terms.items())}
