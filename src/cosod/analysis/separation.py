"""How far the consensus tells groups apart, in numbers (GCoNet figure 1 gives the cosine of two such groups)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Separation:
    """Cosines between groups, and between images and groups.

    G groups, N images over all groups, in the order of the groups. A group's consensus is the mean of its images'
    vectors (see :func:`cosod.analysis.examine.image_vectors`).

    Attributes:
        names: names of the groups.
        of_image: index of each image's group, ``(N,)``.
        consensus: ``(G, C)``.
        similarity: cosine of each two consensus vectors, ``(G, G)``.
        own: cosine of each image with the mean of the other images of its group, ``(N,)``: an image that counted
            in its own consensus would always be close to it. NaN where the group has no other image.
        other: the highest cosine of each image with another group's consensus, ``(N,)``; NaN with one group only.
        nearest: index of that group, ``(N,)``; -1 with one group only.
    """

    names: tuple[str, ...]
    of_image: np.ndarray
    consensus: np.ndarray
    similarity: np.ndarray
    own: np.ndarray
    other: np.ndarray
    nearest: np.ndarray

    def nearest_group(self, group: int) -> int | None:
        """Returns the index of the group whose consensus is most like this one's; ``None`` where there is no other."""
        if len(self.names) < 2:
            return None
        row = self.similarity[group].copy()
        row[group] = -np.inf
        return int(row.argmax())

    def summary(self) -> dict[str, float | int | list | None]:
        """Returns the figures to compare networks by, rounded to four digits; ``None`` where there is nothing to
        compare.

        ``mean_cosine_of_groups`` is over all pairs of different groups, lower is better; ``margin`` the mean of
        ``own`` less ``other``, higher is better; ``nearest_is_own`` the share of images for which own is higher.
        """
        count = len(self.names)
        pairs = self.similarity[np.triu_indices(count, 1)]
        known = np.isfinite(self.own) & np.isfinite(self.other)
        facts = {"groups": count, "images": len(self.of_image), "mean_cosine_of_groups": _mean(pairs)}
        if count > 1:
            one, two = (int(i[pairs.argmax()]) for i in np.triu_indices(count, 1))
            facts["most_alike"] = [self.names[one], self.names[two], round(float(pairs.max()), 4)]
        return facts | {
            "mean_cosine_with_own": _mean(self.own[np.isfinite(self.own)]),
            "mean_cosine_with_nearest_other": _mean(self.other[np.isfinite(self.other)]),
            "margin": _mean((self.own - self.other)[known]),
            "nearest_is_own": _mean((self.own > self.other)[known]),
        }


def separate(groups: Sequence[tuple[str, np.ndarray]]) -> Separation:
    """Compares groups by the cosines of their vectors.

    Args:
        groups: name, and the vectors ``(N_g, C)`` of the images.
    """
    names = tuple(name for name, _ in groups)
    consensus = np.stack([vectors.mean(axis=0) for _, vectors in groups])
    of_image = np.repeat(np.arange(len(groups)), [len(vectors) for _, vectors in groups])
    units = unit(consensus)
    own, other, nearest = [], [], []
    for number, (_, vectors) in enumerate(groups):  # group by group: N times G cosines are never held
        n = len(vectors)
        rest = (n * consensus[number] - vectors) / max(n - 1, 1)
        own.append((unit(vectors) * unit(rest)).sum(axis=1) if n > 1 else np.full(n, np.nan, np.float32))
        cosines = unit(vectors) @ units.T
        cosines[:, number] = -np.inf
        nearest.append(cosines.argmax(axis=1) if len(groups) > 1 else np.full(n, -1))
        other.append(cosines.max(axis=1) if len(groups) > 1 else np.full(n, np.nan, np.float32))
    similarity = (units @ units.T).clip(-1, 1)
    return Separation(names, of_image, consensus, similarity, *(np.concatenate(x) for x in (own, other, nearest)))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scales the rows of ``(N, C)`` to length one; a row of zeros stays."""
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)


def _mean(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 4) if values.size else None
