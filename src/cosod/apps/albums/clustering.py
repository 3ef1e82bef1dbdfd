"""From vectors to albums: agglomerative clustering that finds the number of albums by itself."""

from dataclasses import dataclass

import numpy as np

from cosod.errors import ExtraError, InputError

#: Photos that are clustered together: 400 MB of distances. Of more, so many spread evenly over the list are
#: clustered, and each of the others joins the album that it resembles most, if it resembles it enough.
MOST = 10_000
#: Cuts of the tree that are compared.
CUTS = 30
#: The fewest albums are taken whose distinctness is this share of the best. A whole album is cut for clear gains only.
NEARLY = 0.94


@dataclass(frozen=True)
class Grouping:
    """How photos become albums.

    Attributes:
        smallest: photos that make an album; fewer are leftovers.
        nearest: mean cosine distance (0 to 2) below which albums are joined in any case.
        farthest: mean cosine distance above which they never are. Between the two the cut is found by itself. The
            defaults were chosen on held-out groups of DUTS_class, see ``tools/measure_albums.py``.
        likeness, few: an album of n photos needs a mean cosine between them of ``likeness + few / n``, or its photos
            are leftovers: the fewer they are, the more easily outliers look alike by chance. So is a single photo
            whose mean cosine to the others of its album is below ``likeness``.
    """

    smallest: int = 2
    nearest: float = 0.80
    farthest: float = 0.92
    likeness: float = 0.1
    few: float = 0.5

    def __post_init__(self):
        if self.smallest < 2:
            raise InputError(f"albums of {self.smallest}: give at least 2, because one photo shares nothing")
        if not 0 < self.nearest <= self.farthest < 2:
            raise InputError(f"distances {self.nearest} to {self.farthest}: give two rising values from 0 to 2")

    @classmethod
    def plain(cls, smallest: int = 2) -> "Grouping":
        """Returns the settings for vectors that were made without a whitening, whose distances are smaller and vary
        more.
        """
        return cls(smallest, 0.3, 0.9)


def cluster(vectors: np.ndarray, options: Grouping | None = None, most: int = MOST) -> np.ndarray:
    """Clusters photos into albums by the cosine of their vectors.

    Average linkage on cosine distance: two albums are joined while the mean distance of their photos is small.

    Args:
        vectors: unit vectors ``(N, D)`` float32, see :func:`cosod.apps.albums.descriptors.embed`.
        options: see :class:`Grouping`.
        most: see :data:`MOST`.

    Returns:
        For each photo the number of its album, ``(N,)``: 0 is the largest, -1 a leftover.

    Raises:
        ExtraError: scikit-learn is not installed.

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
    """Returns the labels of :func:`cluster` for vectors that are few enough."""
    labels = _agglomerate(vectors, options)
    sums, counts = _sums(vectors, labels)
    likeness = ((sums**2).sum(axis=1) - counts) / np.maximum(counts * (counts - 1), 1)
    own = (np.einsum("nd,nd->n", vectors, sums[labels]) - 1) / np.maximum(counts[labels] - 1, 1)
    labels[(likeness < options.likeness + options.few / counts)[labels] | (own < options.likeness)] = -1
    return _numbered(labels, options.smallest)


def _agglomerate(vectors: np.ndarray, options: Grouping) -> np.ndarray:
    try:
        from scipy.cluster.hierarchy import fcluster, linkage  # comes with scikit-learn
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
    """Computes the mean silhouette (Rousseeuw 1987) by cosine distance, from sums, without all pairs.

    Args:
        vectors: unit vectors ``(N, D)``.
        labels: ``(N,)``, from 0 without gaps.

    Returns:
        In [-1, 1]; photos that are alone count 0, and so does one album of all photos.
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
    """Returns the sum of the vectors of each label ``(K, D)``, and their number ``(K,)``, without negative labels."""
    sums = np.zeros((labels.max() + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels[labels >= 0], vectors[labels >= 0])
    return sums, np.bincount(labels[labels >= 0], minlength=len(sums))


def _numbered(labels: np.ndarray, smallest: int) -> np.ndarray:
    """Renumbers the labels by size, of one size by their first photo; albums below ``smallest`` become -1."""
    found, first, counts = np.unique(labels, return_index=True, return_counts=True)
    kept = [i for i in np.lexsort((first, -counts)) if found[i] >= 0 and counts[i] >= smallest]
    numbers = {found[i]: number for number, i in enumerate(kept)}
    return np.array([numbers.get(label, -1) for label in labels])
