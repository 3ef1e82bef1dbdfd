"""The sum of losses that trains the light network, and its loss on the attention."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.losses.map_losses import iou_loss
from cosod.models.base import Output


@dataclass(frozen=True)
class MobileWeights:
    """Factors of :func:`mobile_loss`.

    Attributes:
        bce: factor of the binary cross entropy of every map.
        iou: factor of the soft IoU loss of every map.
        map: factor of both losses of the result.
        side: factor of both losses of the result's coarse form.
        objects: factor of both losses of the map of any object.
        objects_side: factor of both losses of that map's coarse form.
        attention: factor of the loss on the attention of each of the two rounds.
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
    """Computes the loss that trains the light network: every term a mean, so that group sizes do not change its scale.

    Args:
        output: output of the network in training mode, for N images of any groups.
        masks: masks of the shared object, ``(N, 1, H, W)`` in {0, 1}.
        classes: not used: the network knows none.
        objects: masks of all objects, shared or not, ``(N, 1, H, W)`` in {0, 1}; ``masks`` by default.

    Returns:
        The terms without their factors, and ``total``, their weighted sum.

    Example:
        >>> terms = mobile_loss(network(images, (8, 8)), masks, classes, objects=objects)  # doctest: +SKIP
    """
    weights = weights or MobileWeights()
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
    """Computes ``-log`` of the attention's share on the object, mean over images that have one.

    Args:
        attention: ``(N, 1, h, w)``, every image summing to one.
        masks: ``(N, 1, H, W)`` in {0, 1}.

    Example:
        >>> attention = torch.full((1, 1, 4, 4), 1 / 16)
        >>> masks = torch.zeros(1, 1, 64, 64)
        >>> masks[..., :32] = 1
        >>> round(attention_loss(attention, masks).item(), 4)
        0.6931
    """
    inside = F.adaptive_avg_pool2d(masks, attention.shape[-2:])
    share = (attention.float() * inside).sum(dim=(1, 2, 3))
    present = masks.flatten(1).amax(dim=1)
    return -(present * share.clamp_min(1e-4).log()).sum() / present.sum().clamp_min(1)
