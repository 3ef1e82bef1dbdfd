"""From folders to tensors: finding groups, reading images of any kind, preparing them for a network."""

from cosod.data.groups import Group, find_groups
from cosod.data.images import read_image

__all__ = ["Group", "find_groups", "read_image"]
