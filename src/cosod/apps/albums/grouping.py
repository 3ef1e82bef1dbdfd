"""``cosod.group``: which of many images share an object."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cosod.apps.albums.clustering import Grouping, cluster
from cosod.apps.albums.descriptors import background_of, describe, embed
from cosod.errors import ImageError, InputError
from cosod.inference.detector import Detector, load
from cosod.io.images import ImageSource


@dataclass(frozen=True)
class Albums:
    """Images sorted by what they show.

    Attributes:
        albums: indices of the images of each album, the largest album first.
        leftovers: indices of images that share their object with no other.
        unreadable: indices of images that could not be read.
    """

    albums: tuple[tuple[int, ...], ...]
    leftovers: tuple[int, ...] = ()
    unreadable: tuple[int, ...] = ()


def group(
    images: Sequence[ImageSource],
    detector: Detector | None = None,
    smallest: int = 2,
    on_error: Callable[[int, ImageError], None] | None = None,
) -> Albums:
    """Sort images into groups that share an object; how many groups there are is found out.

    Args:
        images: paths, Pillow images or arrays, in any mixture.
        detector: by default :func:`cosod.load`.
        smallest: images that make an album.
        on_error: called with index and error of an image that cannot be read; by default the error is raised.

    Raises:
        InputError: no images.
        ImageError: an image that cannot be read, or none that can.
        ExtraError: scikit-learn is not installed.
    """
    if not images:
        raise InputError("no images to sort")
    detector = detector or load()
    indices, descriptors = describe(detector, images, on_error)
    if not indices:
        raise ImageError("none of the images could be read")
    return sort(indices, descriptors, detector, len(images), smallest)


def sort(indices: Sequence[int], descriptors: np.ndarray, detector: Detector, total: int, smallest: int = 2) -> Albums:
    """Albums of ``total`` images of which those at ``indices`` could be read and described."""
    background = background_of(detector.network)
    options = Grouping.plain(smallest) if background is None else Grouping(smallest)
    labels = cluster(embed(descriptors, background), options)
    where = np.asarray(indices)
    albums = [tuple(where[labels == number].tolist()) for number in range(labels.max(initial=-1) + 1)]
    unreadable = sorted(set(range(total)) - set(indices))
    return Albums(tuple(albums), tuple(where[labels < 0].tolist()), tuple(unreadable))
