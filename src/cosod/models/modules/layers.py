"""Small pieces that several networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError

#: The one common ancestor of all kinds of batch normalisation, the synchronised one included.
BATCH_NORM = nn.modules.batchnorm._BatchNorm


def keep_statistics(module: nn.Module) -> None:
    """All batch normalisation of ``module`` in evaluation mode: its statistics stay."""
    for part in module.modules():
        if isinstance(part, BATCH_NORM):
            part.eval()


def resize(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """``(N, C, H, W)`` to ``(N, C, *size)``, bilinear with aligned corners, as all networks of this family do."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x  # with aligned corners this is the identity
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def contrast_head(channels: int) -> nn.Sequential:
    """Head of the group collaborating module: ``(N, C, H, W)`` -> logits ``(N, 1, H, W)``.

    GCoNet section 3.3 (GCM). Training only.
    """
    hidden = channels // 4
    return nn.Sequential(nn.Conv2d(channels, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, 1, 1))


def classifier(channels: int, groups: int) -> nn.Linear:
    """Group classifier on the global average of the deepest feature (auxiliary classification, ACM)."""
    layer = nn.Linear(channels, groups)
    nn.init.kaiming_uniform_(layer.weight, a=1)
    nn.init.zeros_(layer.bias)
    return layer


def halves(images: Tensor, groups: int = 2) -> int:
    """Images in each of the groups of a training batch, which are two unless said otherwise.

    Raises:
        InputError: the batch is empty, or cannot be so many groups of one size.
    """
    if len(images) == 0 or len(images) % groups:
        many, number = ("two", "an even number") if groups == 2 else (groups, f"a multiple of {groups}")
        raise InputError(f"a training batch is {many} groups of one size, not {len(images)} images; give {number}")
    return len(images) // groups


def own_and_other(deep: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """F times the consensus of its own group, and F times that of the other group (GCoNet section 3.3).

    Args:
        deep: ``(2 n, C, H, W)``: n images of one group, then n of another.
        first, second: the two consensus vectors, ``(1, C, 1, 1)``.

    Returns:
        Two tensors shaped like ``deep``.
    """
    n = len(deep) // 2
    one, two = deep.split(n)
    own = torch.cat([one * first, two * second])
    other = torch.cat([one * second, two * first])
    return own, other
