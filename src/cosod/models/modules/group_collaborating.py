"""Group collaborating module (GCM) of GCoNet, section 3.3, which uses the consensus of another group in training."""

import torch
from torch import Tensor, nn


def contrast_head(channels: int) -> nn.Sequential:
    """Creates the head of the group collaborating module: ``(N, C, H, W)`` to logits ``(N, 1, H, W)``.

    It is used in training only.
    """
    hidden = channels // 4
    return nn.Sequential(nn.Conv2d(channels, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, 1, 1))


def own_and_other(deep: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Computes F times the consensus of its own group, and F times that of the other group (GCoNet section 3.3).

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
