"""Confidence enhancement module (CEM) of GCoNet+, section 3.4: a map from its probability P and its threshold T."""

from typing import Literal

from torch import Tensor, nn

#: Below this value of P - T, exp(-300 (P - T)) of the published code overflows float32.
RELEASED_LIMIT = -88.72 / 300
#: The k with which the published code then computes the whole batch again.
RELEASED_FALLBACK = 50.0
RELEASED_K = 300.0


def confidence_branch(channels: int, bn: bool) -> nn.Sequential:
    """Creates a branch of the confidence module, which returns logits."""
    layers: list[nn.Module] = []
    for _ in range(2):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), *([nn.BatchNorm2d(channels)] if bn else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 1))


def confidence_logits(probability: Tensor, threshold: Tensor, k: float | Literal["released"]) -> Tensor:
    """Computes ``k (P - T)``, whose sigmoid is the map.

    Args:
        probability, threshold: P and T, ``(N, 1, H, W)`` in [0, 1].
        k: a number, or ``"released"`` for the k of the published code, which is chosen once for all maps.
    """
    difference = probability - threshold
    if isinstance(k, str):
        # Tensor operations choose k, so that the choice is part of a trace and does not wait for the device.
        low = difference.detach().min() < RELEASED_LIMIT
        return (RELEASED_K + (RELEASED_FALLBACK - RELEASED_K) * low.to(difference.dtype)) * difference
    return k * difference
