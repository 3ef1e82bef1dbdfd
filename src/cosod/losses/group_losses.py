"""Losses that depend on groups: contrast, classification, metric learning, and the adversarial loss."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import InputError


def focal_loss(logits: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """Computes the focal loss without class weights, mean over pixels: ``(1 - p_t)^gamma * BCE`` (Lin et al., ICCV
    2017).

    Args:
        logits: any shape.
        targets: the same shape, in [0, 1].

    Example:
        >>> logits, masks = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
        >>> round(focal_loss(logits, masks).item(), 4)
        0.1733
    """
    entropy = F.binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction="none")
    return ((1 - torch.exp(-entropy)) ** gamma * entropy).mean()


def contrast_loss(contrast: Tensor, masks: Tensor) -> Tensor:
    """Computes the loss of the GCM: masks are the target for the own consensus, empty maps for the other (equation 3).

    Args:
        contrast: logits ``(4 n, 1, H, W)``: of 2 n images with the own consensus, then of the same with the other's.
        masks: ``(2 n, 1, H, W)`` in {0, 1}.

    Example:
        >>> masks = torch.ones(2, 1, 4, 4)
        >>> own, other = torch.full((2, 1, 4, 4), 9.0), torch.full((2, 1, 4, 4), -9.0)
        >>> bool(contrast_loss(torch.cat([own, other]), masks) < contrast_loss(torch.cat([other, own]), masks))
        True
    """
    return focal_loss(contrast, torch.cat([masks, torch.zeros_like(masks)]))


def classification_loss(scores: Tensor, classes: Tensor, smoothing: float = 0.0) -> Tensor:
    """Computes the cross entropy of the group classifier, mean over images.

    Args:
        scores: ``(N, groups)``.
        classes: ``(N,)``, index of each image's group in the training set.
        smoothing: share of the target that is spread over all groups.

    Example:
        >>> round(classification_loss(torch.zeros(4, 10), torch.tensor([3, 3, 7, 7])).item(), 4)
        2.3026
    """
    return F.cross_entropy(scores.float(), classes, label_smoothing=smoothing)


def symmetric_triplet_loss(features: Tensor, margin: float = 0.1) -> Tensor:
    """Computes the group-based symmetric triplet loss (GST, GCoNet+ section 3.5).

    Each group is cut in two halves; ``triplet(A1, A2, B1) + triplet(B1, B2, A1)`` with Euclidean distances,
    each the mean over pairs.

    Args:
        features: ``(2 n, C)``: n images of one group, then n of another; n is at least 2. Where n is odd,
            the middle image of each group is left out.
        margin: 0.1 in the published code, 1.0 in the paper.

    Example:
        >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> symmetric_triplet_loss(features).item() >= 0
        True
    """
    n = len(features) // 2
    half = n // 2
    if half == 0:
        raise InputError(f"the triplet loss needs two images or more in each group, not {n}")
    a, b = features.float().split(n)
    a1, a2, b1, b2 = a[:half], a[-half:], b[:half], b[-half:]
    return F.triplet_margin_loss(a1, a2, b1, margin=margin) + F.triplet_margin_loss(b1, b2, a1, margin=margin)


def semi_hard_triplet_loss(features: Tensor, classes: Tensor, margin: float = 0.1) -> Tensor:
    """Computes the triplet loss with semi-hard negatives (Schroff et al., CVPR 2015, section 3.2), on squared
    distances.

    Each pair of one class is compared with the nearest image of another class that is farther than the pair,
    or with the farthest one where none is.

    Args:
        features: ``(N, C)``.
        classes: ``(N,)``, with two classes at least.
        margin: by which a negative should be farther than the pair.

    Returns:
        Mean over all ordered pairs of one class; 0 where no class has two images.

    Example:
        >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> semi_hard_triplet_loss(features, torch.tensor([0, 0, 1, 1])).item() >= 0
        True
    """
    features = features.float()
    distance = (features.unsqueeze(1) - features.unsqueeze(0)).square().sum(dim=2)
    same = classes.unsqueeze(1) == classes.unsqueeze(0)
    pairs = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    # Entry (anchor, positive, negative); infinity stands for "not a candidate".
    negative = distance.unsqueeze(1).expand(-1, len(distance), -1)
    other = ~same.unsqueeze(1)
    semi_hard = negative.masked_fill(~(other & (negative > distance.unsqueeze(2))), torch.inf).amin(dim=2)
    farthest = distance.masked_fill(same, -torch.inf).amax(dim=1, keepdim=True)
    chosen = torch.where(semi_hard.isinf(), farthest, semi_hard)
    loss = F.relu(margin + distance - chosen)[pairs]
    return loss.sum() / max(1, len(loss))


def adversarial_loss(judged: Tensor, real: bool) -> Tensor:
    """Computes the binary cross entropy of a discriminator's logits, mean over images.

    Args:
        judged: ``(N, 1)``, see :class:`cosod.models.modules.discriminator.Discriminator`.
        real: what they should say: ``True`` for ground truth, and for the network's maps when the network
            is trained; ``False`` for its maps when the discriminator is.

    Example:
        >>> logits = torch.full((2, 1), 5.0)
        >>> bool(adversarial_loss(logits, real=True) < adversarial_loss(logits, real=False))
        True
    """
    return F.binary_cross_entropy_with_logits(judged.float(), torch.full_like(judged, float(real), dtype=torch.float32))
