"""Small pieces that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError

#: The one common ancestor of all kinds of batch normalization, the synchronized one included.
BATCH_NORM = nn.modules.batchnorm._BatchNorm


def keep_statistics(module: nn.Module) -> None:
    """Sets all batch normalization of ``module`` to evaluation mode: its statistics stay."""
    for part in module.modules():
        if isinstance(part, BATCH_NORM):
            part.eval()


def resize(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Resizes ``(N, C, H, W)`` to ``(N, C, *size)``, bilinear with aligned corners, as this family of networks does."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x  # with aligned corners this is the identity
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def enlarge(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Resizes ``(N, C, h, w)`` to ``(N, C, *size)``, bilinear without aligned corners, as F3Net and the light networks
    do.
    """
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def peak(values: Tensor, where: Tensor) -> Tensor:
    """Computes the mean of each image's values ``(N, 1, H, W)`` by the softmax of ``where``, ``(N, 1, 1, 1)``."""
    n = values.shape[0]  # not len(), which graphs take for a constant
    return (where.flatten(1).softmax(dim=1) * values.flatten(1)).sum(dim=1).view(n, 1, 1, 1)


def halves(images: Tensor, groups: int = 2) -> int:
    """Returns the numbers of images in the groups of a training batch; there are two groups unless said otherwise.

    Raises:
        InputError: the batch is empty, or cannot be so many groups of one size.
    """
    if len(images) == 0 or len(images) % groups:
        many, number = ("two", "an even number") if groups == 2 else (groups, f"a multiple of {groups}")
        raise InputError(f"a training batch is {many} groups of one size, not {len(images)} images; give {number}")
    return len(images) // groups
