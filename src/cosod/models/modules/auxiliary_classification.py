"""Auxiliary classification (ACM of GCoNet, RACM of GCoNet+) of images by their training group."""

from torch import nn


def classifier(channels: int, groups: int) -> nn.Linear:
    """Creates the group classifier on the global average of the deepest feature (auxiliary classification, ACM)."""
    layer = nn.Linear(channels, groups)
    nn.init.kaiming_uniform_(layer.weight, a=1)
    nn.init.zeros_(layer.bias)
    return layer
