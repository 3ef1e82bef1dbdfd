"""Albums: an unsorted folder of photos, sorted into groups that share an object."""

from cosod.albums.clustering import Grouping, cluster
from cosod.albums.descriptors import Background, describe, embed
from cosod.albums.grouping import Albums, group

__all__ = ["Albums", "Background", "Grouping", "cluster", "describe", "embed", "group"]
