"""From folders to tensors: finding groups, reading images of any kind, preparing them for a network."""

from cosod.io.images import read_image
from cosod.io.photo_groups import Group, find_groups

__all__ = ["Group", "find_groups", "read_image"]
