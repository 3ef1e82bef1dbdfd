"""The sum of losses that trains GCoNet."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cosod.losses.group_losses import classification_loss, contrast_loss
from cosod.losses.map_losses import iou_loss
from cosod.models.base import Output


@dataclass(frozen=True)
class GCoNetWeights:
    """Factors of :func:`gconet_loss`; the defaults are the published code's.

    Attributes:
        iou: factor of the soft IoU loss of the maps.
        contrast: factor of the group collaborating module's loss, which sets apart the maps of the two groups.
        classification: factor of the cross entropy of the group's class.
    """

    iou: float = 1.0
    contrast: float = 250.0
    classification: float = 3.0


def gconet_loss(
    output: Output, masks: Tensor, classes: Tensor, weights: GCoNetWeights | None = None
) -> dict[str, Tensor]:
    """Computes GCoNet's loss (section 3.5, equation 5, with the factors of the published code).

    Args:
        output: output of a network in training mode, for 2 n images of two groups; terms whose training head the
            network does not have are left out.
        masks: ``(2 n, 1, H, W)`` in {0, 1}.
        classes: ``(2 n,)``, index of each image's group in the training set.

    Returns:
        The terms without their factors, ``iou`` (over the four supervised maps), ``contrast`` and
        ``classification``; and ``total``, their weighted sum.

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
