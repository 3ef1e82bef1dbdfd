"""How to find the module of a network that computes the attention of a group."""

from torch import nn

from cosod.models.modules.group_affinity import GroupAffinity
from cosod.models.modules.part_matching import PartMatching


def affinity_of(network: nn.Module) -> GroupAffinity | PartMatching | None:
    """Returns the module of a network that compares all images of a group with each other; None if there is none."""
    return next((m for m in network.modules() if isinstance(m, GroupAffinity | PartMatching)), None)
