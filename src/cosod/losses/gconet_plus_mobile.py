"""The total loss of the light network, and its loss on the attention."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.losses.map_losses import iou_loss
from cosod.models.base import Output
from cosod.models.modules.layers import height_and_width


@dataclass(frozen=True)
class MobileWeights:
    """The factors of the terms of :func:`mobile_loss`.

    Each map has two losses, whose factors are multiplied by the factor of the map.

    Attributes:
        bce: the factor of the binary cross entropy of every map.
        iou: the factor of the soft IoU loss of every map.
        map: the factor of the final co-saliency map.
        side: the factor of the coarse co-saliency map.
        objects: the factor of the map of all objects, shared or not.
        objects_side: the factor of the coarse map of all objects.
        attention: the factor of the loss on the attention, which is summed over the two rounds.
    """

    bce: float = 2.0
    iou: float = 1.0
    map: float = 1.0
    side: float = 0.5
    objects: float = 1.0
    objects_side: float = 0.5
    attention: float = 0.1


def mobile_loss(
    output: Output, masks: Tensor, classes: Tensor, weights: MobileWeights | None = None, objects: Tensor | None = None
) -> dict[str, Tensor]:
    """Computes the loss of the light network.

    Every term is a mean over images, so that the scale of the loss does not depend on the sizes of the groups.

    Args:
        output: the output of the network in training mode, for N images of any number of groups.
        masks: the masks of the shared object, ``(N, 1, H, W)`` in {0, 1}.
        classes: not used, because the network has no classifier.
        weights: the factors of the terms.
        objects: the masks of all objects, shared or not, ``(N, 1, H, W)`` in {0, 1}; ``masks`` by default.

    Returns:
        The terms without their factors as scalars: ``map_bce``, ``map_iou`` and likewise for ``side``, ``objects`` and
        ``objects_side``, and ``attention``. The entry ``total`` is their sum weighted by the factors.

    Raises:
        InputError: the output is of another network, which computes no coarse map or no maps of all objects.

    Example:
        >>> terms = mobile_loss(network(images, (8, 8)), masks, classes, objects=objects)  # doctest: +SKIP
    """
    weights = weights or MobileWeights()
    if output.logits is None or output.side_logits is None or not output.objects:
        raise InputError("the loss 'mobile' needs maps that only gconet_plus_mobile computes; choose another loss")
    objects = masks if objects is None else objects
    pairs = {
        "map": (output.logits, masks),
        "side": (output.side_logits, masks),
        "objects": (output.objects[0], objects),
        "objects_side": (output.objects[1], objects),
    }
    terms: dict[str, Tensor] = {}
    total = torch.zeros((), device=masks.device)
    for name, (logits, truth) in pairs.items():
        logits = logits.float()
        bce = F.binary_cross_entropy_with_logits(logits, truth)
        iou = iou_loss(logits.sigmoid(), truth) / len(truth)
        terms |= {f"{name}_bce": bce, f"{name}_iou": iou}
        total = total + getattr(weights, name) * (weights.bce * bce + weights.iou * iou)
    terms["attention"] = torch.stack([attention_loss(each, masks) for each in output.attentions]).sum()
    return terms | {"total": total + weights.attention * terms["attention"]}


def attention_loss(attention: Tensor, masks: Tensor) -> Tensor:
    """Computes ``-log`` of the share of the attention that lies on the object, averaged over images with an object.

    Shares below 1e-4 count as 1e-4, and the loss is 0 if no image has an object.

    Args:
        attention: the attention maps, ``(N, 1, h, w)``, each of which sums to one.
        masks: the masks, ``(N, 1, H, W)`` in {0, 1}, which are averaged to the size of the attention maps.

    Example:
        >>> attention = torch.full((1, 1, 4, 4), 1 / 16)
        >>> masks = torch.zeros(1, 1, 64, 64)
        >>> masks[..., :32] = 1
        >>> round(attention_loss(attention, masks).item(), 4)
        0.6931
    """
    inside = F.adaptive_avg_pool2d(masks, height_and_width(attention))
    share = (attention.float() * inside).sum(dim=(1, 2, 3))
    present = masks.flatten(1).amax(dim=1)
    return -(present * share.clamp_min(1e-4).log()).sum() / present.sum().clamp_min(1)
