"""Losses that depend on groups (contrast, classification, triplet losses), the focal loss and the adversarial loss."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import InputError


def focal_loss(logits: Tensor, targets: Tensor, gamma: float = 2.0) -> Tensor:
    """Computes the focal loss ``(1 - p_t)^gamma * BCE`` without class weights (Lin et al., ICCV 2017).

    Args:
        logits: logits of any shape.
        targets: the targets, the same shape, in [0, 1].
        gamma: the exponent; larger values reduce the loss of well-classified pixels more.

    Returns:
        The mean over all pixels, a scalar.

    Example:
        >>> logits, masks = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
        >>> round(focal_loss(logits, masks).item(), 4)
        0.1733
    """
    entropy = F.binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction="none")
    return ((1 - torch.exp(-entropy)) ** gamma * entropy).mean()


def contrast_loss(contrast: Tensor, masks: Tensor) -> Tensor:
    """Computes the loss of the group collaborating module (GCM, GCoNet equation 3).

    It is the focal loss whose targets are the masks for maps made with the consensus of an image's own group, and empty
    maps for maps made with the consensus of the other group.

    Args:
        contrast: logits, ``(4 n, 1, H, W)``: first those of the 2 n images with the consensus of their own group, then
            those of the same images with the consensus of the other group.
        masks: the masks, ``(2 n, 1, H, W)`` in {0, 1}.

    Returns:
        The mean over all pixels, a scalar.

    Example:
        >>> masks = torch.ones(2, 1, 4, 4)
        >>> own, other = torch.full((2, 1, 4, 4), 9.0), torch.full((2, 1, 4, 4), -9.0)
        >>> bool(contrast_loss(torch.cat([own, other]), masks) < contrast_loss(torch.cat([other, own]), masks))
        True
    """
    return focal_loss(contrast, torch.cat([masks, torch.zeros_like(masks)]))


def classification_loss(scores: Tensor, classes: Tensor, smoothing: float = 0.0) -> Tensor:
    """Computes the cross entropy of the group classifier, averaged over images.

    Args:
        scores: the logits of the classifier, ``(N, number of groups)``.
        classes: the index of each image's group in the training set, int64, ``(N,)``.
        smoothing: the share of the target in [0, 1] that is spread evenly over all groups (label smoothing).

    Example:
        >>> round(classification_loss(torch.zeros(4, 10), torch.tensor([3, 3, 7, 7])).item(), 4)
        2.3026
    """
    return F.cross_entropy(scores.float(), classes, label_smoothing=smoothing)


def symmetric_triplet_loss(features: Tensor, margin: float = 0.1) -> Tensor:
    """Computes the group-based symmetric triplet loss (GST, GCoNet+ section 3.5).

    Each of the two groups is divided into halves, A1 and A2, and B1 and B2. The loss is
    ``triplet(A1, A2, B1) + triplet(B1, B2, A1)``, where the arguments are anchors, positives and negatives, the
    distance is Euclidean, and each term is averaged over the triplets.

    Args:
        features: the features of n images of one group, followed by those of n images of another, ``(2 n, C)``, where n
            is at least 2. If n is odd, the middle image of each group is left out.
        margin: the margin, which is 0.1 in the published code and 1.0 in the paper.

    Raises:
        InputError: n is below 2.

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
    """Computes the triplet loss with semi-hard negatives on squared distances (Schroff et al., CVPR 2015, section 3.2).

    For each anchor and each positive of its class, the negative is the image of another class that is nearest to the
    anchor among those farther away than the positive. If no such image is farther away, the farthest one is taken.

    Args:
        features: the features, ``(N, C)``.
        classes: the class of each image, ``(N,)``, at least two different ones.
        margin: how much farther a negative should be than the positive, as a squared distance.

    Returns:
        The mean over all ordered pairs of images of one class, a scalar; 0 if no class has two images.

    Example:
        >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> semi_hard_triplet_loss(features, torch.tensor([0, 0, 1, 1])).item() >= 0
        True
    """
    features = features.float()
    distance = (features.unsqueeze(1) - features.unsqueeze(0)).square().sum(dim=2)
    same = classes.unsqueeze(1) == classes.unsqueeze(0)
    pairs = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    # The axes are anchor, positive and negative; infinity marks images that are not candidates.
    negative = distance.unsqueeze(1).expand(-1, len(distance), -1)
    other = ~same.unsqueeze(1)
    semi_hard = negative.masked_fill(~(other & (negative > distance.unsqueeze(2))), torch.inf).amin(dim=2)
    farthest = distance.masked_fill(same, -torch.inf).amax(dim=1, keepdim=True)
    chosen = torch.where(semi_hard.isinf(), farthest, semi_hard)
    loss = F.relu(margin + distance - chosen)[pairs]
    return loss.sum() / max(1, len(loss))


def adversarial_loss(judged: Tensor, real: bool) -> Tensor:
    """Computes the binary cross entropy of a discriminator's logits, averaged over images.

    Args:
        judged: the logits of :class:`cosod.models.modules.discriminator.Discriminator`, ``(N, 1)``.
        real: whether the target is "ground truth". When the discriminator is trained, this is ``True`` for masks and
            ``False`` for maps of the network; when the network is trained, it is ``True`` for its maps.

    Example:
        >>> logits = torch.full((2, 1), 5.0)
        >>> bool(adversarial_loss(logits, real=True) < adversarial_loss(logits, real=False))
        True
    """
    return F.binary_cross_entropy_with_logits(judged.float(), torch.full_like(judged, float(real), dtype=torch.float32))
