"""Measures of how well the consensus separates groups (GCoNet figure 1 shows the cosine of two groups)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosod.inference.negatives import unit


@dataclass(frozen=True)
class Separation:
    """Cosines of the vectors of G groups, and of their N images with groups.

    The images are in the order of the groups. The consensus of a group is the mean of the vectors of its images (see
    :func:`cosod.analysis.examine.image_vectors`).

    Attributes:
        names: names of the groups.
        of_image: index of the group of each image, ``(N,)``.
        consensus: consensus vectors of the groups, ``(G, C)``.
        similarity: cosines of all pairs of consensus vectors, ``(G, G)``.
        own: cosine of each image with the mean of the other images of its group, ``(N,)``. The image itself is left
            out, because it would always be close to a mean that includes it. NaN if the group has no other image.
        other: highest cosine of each image with the consensus of another group, ``(N,)``; NaN if there is only one
            group.
        nearest: index of this other group, ``(N,)``; -1 if there is only one group.
    """

    names: tuple[str, ...]
    of_image: np.ndarray
    consensus: np.ndarray
    similarity: np.ndarray
    own: np.ndarray
    other: np.ndarray
    nearest: np.ndarray

    def nearest_group(self, group: int) -> int | None:
        """Returns the index of the other group with the most similar consensus, or ``None`` if there is no other."""
        if len(self.names) < 2:
            return None
        row = self.similarity[group].copy()
        row[group] = -np.inf
        return int(row.argmax())

    def summary(self) -> dict[str, float | int | list | None]:
        """Returns figures for the comparison of networks, rounded to four digits; ``None`` for those not defined.

        Returns:
            The numbers of ``groups`` and ``images``; ``mean_cosine_of_groups``, over all pairs of different groups
            (lower is better); ``most_alike``, the most similar pair of groups and its cosine (if there are several);
            the means of :attr:`own` and :attr:`other` (``mean_cosine_with_own``, ``mean_cosine_with_nearest_other``);
            ``margin``, the mean of their differences (higher is better); and ``nearest_is_own``, the share of images
            for which ``own`` is higher.
        """
        count = len(self.names)
        pairs = self.similarity[np.triu_indices(count, 1)]
        known = np.isfinite(self.own) & np.isfinite(self.other)
        facts: dict[str, float | int | list | None] = {"groups": count, "images": len(self.of_image)}
        facts["mean_cosine_of_groups"] = _mean(pairs)
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
    """Computes the cosines between groups, and between images and groups.

    Args:
        groups: name of each group, and the vectors of its images, ``(N_g, C)``.

    Example:
        >>> one, two = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
        >>> separate([("cat", one), ("dog", two)]).summary()["margin"]
        1.0
    """
    names = tuple(name for name, _ in groups)
    consensus = np.stack([vectors.mean(axis=0) for _, vectors in groups])
    of_image = np.repeat(np.arange(len(groups)), [len(vectors) for _, vectors in groups])
    units = unit(consensus)
    own, other, nearest = [], [], []
    for number, (_, vectors) in enumerate(groups):  # so that not all N x G cosines are in memory
        n = len(vectors)
        rest = (n * consensus[number] - vectors) / max(n - 1, 1)
        own.append((unit(vectors) * unit(rest)).sum(axis=1) if n > 1 else np.full(n, np.nan, np.float32))
        cosines = unit(vectors) @ units.T
        cosines[:, number] = -np.inf
        nearest.append(cosines.argmax(axis=1) if len(groups) > 1 else np.full(n, -1))
        other.append(cosines.max(axis=1) if len(groups) > 1 else np.full(n, np.nan, np.float32))
    similarity = (units @ units.T).clip(-1, 1)
    return Separation(names, of_image, consensus, similarity, *(np.concatenate(x) for x in (own, other, nearest)))


def _mean(values: np.ndarray) -> float | None:
    return round(float(values.mean()), 4) if values.size else None
