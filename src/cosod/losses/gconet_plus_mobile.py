"""The sum of losses that trains the light network, and its loss on the attention."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from cosod.losses.group_losses import classification_loss, contrast_loss
from cosod.losses.map_losses import bce_loss, iou_loss
from cosod.models.base import Output


@dataclass(frozen=True)
class MobileWeights:
    """Factors of :func:`mobile_loss`."""

    bce: float = 2.0
    iou: float = 1.0
    side_bce: float = 0.5
    side_iou: float = 0.25
    classification: float = 0.1
    masked_classification: float = 0.1
    contrast: float = 2.0
    attention: float = 0.3


def mobile_loss(
    output: Output, masks: Tensor, classes: Tensor, weights: MobileWeights | None = None
) -> dict[str, Tensor]:
    """The loss that trains the light network: every term a mean, so that group sizes do not change its scale.

    Args:
        output: of a network in training mode, for 2 n images of two groups, with ``logits`` of the maps.
        masks: ``(2 n, 1, H, W)`` in {0, 1}.
        classes: ``(2 n,)``, index of each image's group in the training set.

    Returns:
        The terms without their factors, and ``total``, their weighted sum.
    """
    weights = weights or MobileWeights()
    n = len(masks)
    # Kept off 0 and 1, where the gradient of the entropy has no bound.
    coarse = output.sides[0].float().clamp(1e-6, 1 - 1e-6)
    terms = {
        "bce": F.binary_cross_entropy_with_logits(output.logits.float(), masks),
        "iou": iou_loss(output.maps, masks) / n,
        "side_bce": bce_loss(coarse, masks),
        "side_iou": iou_loss(coarse, masks) / n,
        "classification": classification_loss(output.classes, classes),
        "masked_classification": classification_loss(output.masked_classes, classes),
        "contrast": contrast_loss(output.contrast, masks),
        "attention": attention_loss(output.attention, masks),
    }
    return terms | {"total": sum(getattr(weights, name) * term for name, term in terms.items())}


def attention_loss(attention: Tensor, masks: Tensor) -> Tensor:
    """How little of the attention lies on the object: ``-log`` of its share there, mean over images that have one.

    Args:
        attention: ``(N, 1, h, w)``, every image summing to one.
        masks: ``(N, 1, H, W)`` in {0, 1}.
    """
    inside = F.adaptive_avg_pool2d(masks, attention.shape[-2:])
    share = (attention.float() * inside).sum(dim=(1, 2, 3))
    present = masks.flatten(1).amax(dim=1)
    return -(present * share.clamp_min(1e-4).log()).sum() / present.sum().clamp_min(1)
