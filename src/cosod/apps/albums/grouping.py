"""``cosod.group``: sorting images into albums that share an object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosod.apps.albums.clustering import Grouping, cluster
from cosod.apps.albums.descriptors import describe
from cosod.apps.albums.whitening import embed, whitening_of
from cosod.errors import ImageError
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.io.images import ImageSource, kept
from cosod.io.prefetch import OnError, as_group
from cosod.models.base import CoSaliencyNetwork


@dataclass(frozen=True)
class Albums:
    """Images sorted by what they show.

    Attributes:
        albums: indices of the images of each album, the largest album first.
        leftovers: indices of images that share no object with any other, or have a single color.
        unreadable: indices of images that could not be read.
    """

    albums: tuple[tuple[int, ...], ...]
    leftovers: tuple[int, ...] = ()
    unreadable: tuple[int, ...] = ()


def group(
    images: Sequence[ImageSource],
    detector: Detector | None = None,
    smallest: int = 2,
    on_error: OnError | None = None,
) -> Albums:
    """Sorts images into albums whose images share an object; the number of albums is determined automatically.

    Args:
        images: as for :meth:`cosod.Detector.segment`.
        detector: the detector; by default :func:`cosod.load`.
        smallest: minimum number of images in an album.
        on_error: called with the index and the error of an image that cannot be read; by default the error is raised.

    Returns:
        The indices of the images of each album, and those of the images in no album.

    Raises:
        InputError: there are no images, or ``smallest`` is below 2.
        ImageError: an image cannot be read and there is no ``on_error``, or no image can be read.
        ExtraError: scikit-learn is not installed.

    Example:
        >>> albums = cosod.group(["1.jpg", "2.jpg", "3.jpg"])  # doctest: +SKIP
    """
    images = [kept(image) for image in as_group(images)]
    detector = detector or load()
    unreadable: list[int] = []

    def failed(index: int, error: ImageError) -> None:
        if on_error is None:
            raise error
        unreadable.append(index)
        on_error(index, error)

    indices, descriptors = describe(detector, images, failed)
    if len(unreadable) == len(images):
        raise ImageError("none of the images could be read")
    return sort(indices, descriptors, detector, len(images), smallest, unreadable)


def sort(
    indices: Sequence[int],
    descriptors: np.ndarray,
    detector: Detector,
    total: int,
    smallest: int = 2,
    unreadable: Sequence[int] = (),
) -> Albums:
    """Sorts images into albums by their descriptors.

    Args:
        indices: indices of the N images that have descriptors.
        descriptors: their descriptors ``(N, C)``, see :func:`cosod.apps.albums.descriptors.describe`.
        detector: the detector with which the descriptors were computed.
        total: number of all images. Those that are neither in ``indices`` nor in ``unreadable`` show no object, and
            become leftovers.
        smallest: minimum number of images in an album.
        unreadable: indices of the images that could not be read.

    Raises:
        InputError: ``smallest`` is below 2.
        ExtraError: scikit-learn is not installed.

    Example:
        >>> albums = sort(indices, descriptors, detector, total=len(images))  # doctest: +SKIP
    """
    plain = sorted(set(range(total)) - set(indices) - set(unreadable))
    if not len(indices):
        return Albums((), tuple(plain), tuple(sorted(unreadable)))
    labels = album_labels(descriptors, detector.network, smallest)
    where = np.asarray(indices)
    albums = [tuple(where[labels == number].tolist()) for number in range(labels.max(initial=-1) + 1)]
    leftovers = sorted([*where[labels < 0].tolist(), *plain])
    return Albums(tuple(albums), tuple(leftovers), tuple(sorted(unreadable)))


def album_labels(descriptors: np.ndarray, network: CoSaliencyNetwork, smallest: int = 2) -> np.ndarray:
    """Returns the number of the album of each image, ``(N,)`` integers, -1 for leftovers.

    Args:
        descriptors: descriptors ``(N, C)`` of at least one image.
        network: the network with which they were computed.
        smallest: minimum number of images in an album.

    Raises:
        InputError: ``smallest`` is below 2.
        ExtraError: scikit-learn is not installed.

    Example:
        >>> labels = album_labels(descriptors, detector.network)  # doctest: +SKIP
    """
    whitening = whitening_of(network, descriptors.shape[1])
    options = Grouping.plain(smallest) if whitening is None else Grouping(smallest)
    return cluster(embed(descriptors, whitening), options)
