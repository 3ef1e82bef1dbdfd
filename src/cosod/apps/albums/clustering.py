"""Agglomerative clustering of photos into albums; the number of albums is determined automatically."""

from dataclasses import dataclass

import numpy as np

from cosod.errors import ExtraError, InputError

#: Maximum number of photos that are clustered together; their distances take 400 MB. If there are more photos, this
#: many, spread evenly over the list, are clustered. Each other photo joins the album to which it is most similar, if
#: its mean cosine to the photos of that album is at least ``Grouping.likeness``.
MOST = 10_000
#: Maximum number of cuts of the cluster tree between the two distances of :class:`Grouping` that are compared.
CUTS = 30
#: The cut with the fewest albums is chosen among those whose distinctness is at least this share of the best one, so
#: that an album is split only for a clear gain.
NEARLY = 0.94


@dataclass(frozen=True)
class Grouping:
    """How photos are sorted into albums.

    Attributes:
        smallest: minimum number of photos in an album, at least 2; the photos of smaller albums become leftovers.
        nearest: mean cosine distance (0 to 2) below which two albums are always joined.
        farthest: mean cosine distance above which two albums are never joined. Between the two distances, the height of
            the cut is determined automatically. The defaults were chosen on held-out groups of DUTS_class, on MSRC
            and on photos of ``everyday``, see ``tools/measure_albums.py``.
        likeness, few: an album of n photos needs a mean cosine of at least ``likeness + few / n`` between its photos;
            otherwise they become leftovers. Small albums need a higher value, because a few unrelated photos can be
            similar by chance. A photo whose mean cosine to the other photos of its album is below ``likeness`` also
            becomes a leftover.

    Raises:
        InputError: ``smallest`` is below 2, or the distances are not rising values between 0 and 2.

    Example:
        >>> Grouping(smallest=3).farthest
        0.75
    """

    smallest: int = 2
    nearest: float = 0.65
    farthest: float = 0.75
    likeness: float = 0.15
    few: float = 0.7

    def __post_init__(self):
        if self.smallest < 2:
            raise InputError(f"albums of {self.smallest}: give at least 2, because one photo shares nothing")
        if not 0 < self.nearest <= self.farthest < 2:
            raise InputError(f"distances {self.nearest} to {self.farthest}: give two rising values from 0 to 2")

    @classmethod
    def plain(cls, smallest: int = 2) -> "Grouping":
        """Returns the options for vectors without whitening, whose distances are smaller and vary more.

        Args:
            smallest: minimum number of photos in an album.
        """
        return cls(smallest, 0.3, 0.9, 0.1, 0.5)


def cluster(vectors: np.ndarray, options: Grouping | None = None, most: int = MOST) -> np.ndarray:
    """Clusters photos into albums by the cosine distances of their vectors.

    The function uses agglomerative clustering with average linkage: the two albums whose photos have the smallest mean
    distance are joined, again and again, until the distance is too large.

    Args:
        vectors: unit vectors ``(N, D)`` float32, from :func:`cosod.apps.albums.whitening.embed`.
        options: options of the clustering; :class:`Grouping` by default.
        most: maximum number of photos that are clustered together, see :data:`MOST`.

    Returns:
        For each photo the number of its album, ``(N,)`` integers. Album 0 is the largest one, and -1 marks leftovers.

    Raises:
        ExtraError: SciPy, which comes with scikit-learn, is not installed.

    Example:
        >>> vectors = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
        >>> cluster(vectors).tolist()
        [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]
    """
    options = options or Grouping()
    if len(vectors) < 2:
        return np.full(len(vectors), -1)
    if len(vectors) <= most:
        return _albums(vectors, options)
    chosen = np.linspace(0, len(vectors) - 1, most).round().astype(int)
    labels = np.full(len(vectors), -1)
    labels[chosen] = _albums(vectors[chosen], options)
    rest = np.setdiff1d(np.arange(len(vectors)), chosen)
    if (labels >= 0).any():
        sums, counts = _sums(vectors[chosen], labels[chosen])
        likeness = vectors[rest] @ (sums / counts[:, None]).T
        near = likeness.max(axis=1) >= options.likeness
        labels[rest[near]] = likeness[near].argmax(axis=1)
    return _numbered(labels, options.smallest)


def _albums(vectors: np.ndarray, options: Grouping) -> np.ndarray:
    """Returns the labels of :func:`cluster` for at most :data:`MOST` vectors, of which all pairs are compared."""
    labels = _agglomerate(vectors, options)
    sums, counts = _sums(vectors, labels)
    likeness = ((sums**2).sum(axis=1) - counts) / np.maximum(counts * (counts - 1), 1)
    own = (np.einsum("nd,nd->n", vectors, sums[labels]) - 1) / np.maximum(counts[labels] - 1, 1)
    labels[(likeness < options.likeness + options.few / counts)[labels] | (own < options.likeness)] = -1
    return _numbered(labels, options.smallest)


def _agglomerate(vectors: np.ndarray, options: Grouping) -> np.ndarray:
    try:
        from scipy.cluster.hierarchy import fcluster, linkage  # SciPy comes with scikit-learn
    except ImportError as error:
        raise ExtraError("sorting photos into albums", "albums") from error
    n = len(vectors)
    distances = np.empty(n * (n - 1) // 2)
    end = 0
    for row in range(n - 1):
        start, end = end, end + n - 1 - row
        np.subtract(1, vectors[row + 1 :] @ vectors[row], out=distances[start:end])
    tree = linkage(np.maximum(distances, 0, out=distances), "average")
    heights = np.unique(tree[:, 2])
    between = heights[(heights > options.nearest) & (heights < options.farthest)]
    between = between[np.linspace(0, len(between) - 1, min(len(between), CUTS)).round().astype(int)]
    cuts = [fcluster(tree, height, "distance") - 1 for height in (options.farthest, *between[::-1], options.nearest)]
    scores = [distinctness(vectors, labels) for labels in cuts]
    enough = NEARLY * max(scores)
    return next((labels for labels, score in zip(cuts, scores, strict=True) if 0 < enough <= score), cuts[0])


def distinctness(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Computes the mean silhouette coefficient (Rousseeuw 1987) of the photos for cosine distance.

    The mean distances are computed from the sums of the vectors of each album, without the distances of all pairs.

    Args:
        vectors: unit vectors ``(N, D)``.
        labels: number of the album of each photo, ``(N,)``, from 0 without gaps.

    Returns:
        A value in [-1, 1]. A photo that is alone in its album counts as 0; if there is only one album, the result is 0.

    Example:
        >>> distinctness(np.eye(4, dtype=np.float32)[[0, 0, 1, 1]], np.array([0, 0, 1, 1]))
        1.0
    """
    sums, counts = _sums(vectors, labels)
    if len(counts) < 2:
        return 0.0
    likeness = vectors @ sums.T
    photos = np.arange(len(vectors))
    size = counts[labels]
    inner = 1 - (likeness[photos, labels] - 1) / np.maximum(size - 1, 1)
    likeness /= counts
    likeness[photos, labels] = -np.inf
    outer = 1 - likeness.max(axis=1)
    scores = (outer - inner) / np.maximum(np.maximum(outer, inner), 1e-9)
    return float(np.where(size > 1, scores, 0).mean())


def _sums(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sums ``(K, D)`` and numbers ``(K,)`` of the vectors of each label; negative labels are ignored."""
    sums = np.zeros((labels.max() + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels[labels >= 0], vectors[labels >= 0])
    return sums, np.bincount(labels[labels >= 0], minlength=len(sums))


def _numbered(labels: np.ndarray, smallest: int) -> np.ndarray:
    """Renumbers labels from the largest album to the smallest; albums of less than ``smallest`` photos become -1.

    Albums of the same size are ordered by their first photo.
    """
    found, first, counts = np.unique(labels, return_index=True, return_counts=True)
    kept = [i for i in np.lexsort((first, -counts)) if found[i] >= 0 and counts[i] >= smallest]
    numbers = {found[i]: number for number, i in enumerate(kept)}
    return np.array([numbers.get(label, -1) for label in labels])
