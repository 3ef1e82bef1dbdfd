"""The module of a network that forms a group's consensus under an attention."""

from torch import nn

from cosod.models.modules.group_affinity import GroupAffinity
from cosod.models.modules.part_matching import PartMatching


def affinity_of(network: nn.Module) -> GroupAffinity | PartMatching | None:
    """Returns the module of a network that compares every image of a group with every other, if there is one."""
    return next((m for m in network.modules() if isinstance(m, GroupAffinity | PartMatching)), None)
