"""Albums: sorting an unsorted folder of photos into groups that share an object."""

from cosod.apps.albums.clustering import Grouping, cluster
from cosod.apps.albums.descriptors import describe
from cosod.apps.albums.grouping import Albums, group
from cosod.apps.albums.whitening import Whitening, embed

__all__ = ["Albums", "Grouping", "Whitening", "cluster", "describe", "embed", "group"]
