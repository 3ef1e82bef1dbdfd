"""The scores of one image, and sums of scores over images that can be merged over workers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Scores:
    """The scores of one image under one protocol.

    Attributes:
        values: the value of each measure; NaN if the image does not count for that measure.
        curves: the curves over K thresholds by their names, ``(K,)`` each.
    """

    values: dict[str, float]
    curves: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class Totals:
    """The sums of :class:`Scores` over images, whose size does not grow with the number of images.

    The sum ``a + b`` of two totals holds the images of both. A value that is NaN, such as that of a skipped empty
    truth, is left out of the sum and the mean of its measure.

    Attributes:
        images: the number of images.
        values: the sum of each measure over the images.
        counts: the number of images whose value of the measure is not NaN.
        curves: the sum of each curve over the images, ``(K,)``.

    Example:
        >>> totals = Totals.of([Scores({"mae": 0.25}), Scores({"mae": 0.75}), Scores({"mae": float("nan")})])
        >>> totals.images, totals.counts, totals.means()
        (3, {'mae': 2}, {'mae': 0.5})
    """

    images: int = 0
    values: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    curves: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, scores: Scores) -> None:
        """Adds the scores of one more image."""
        self.images += 1
        for key, value in scores.values.items():
            real = value == value
            self.values[key] = self.values.get(key, 0.0) + (value if real else 0.0)
            self.counts[key] = self.counts.get(key, 0) + real
        for key, curve in scores.curves.items():
            self.curves[key] = self.curves[key] + curve if key in self.curves else curve

    def __add__(self, other: "Totals") -> "Totals":
        def merged(a: dict, b: dict) -> dict:
            return {k: a[k] + b[k] if k in a and k in b else a.get(k, b.get(k)) for k in a | b}

        return Totals(
            self.images + other.images,
            merged(self.values, other.values),
            merged(self.counts, other.counts),
            merged(self.curves, other.curves),
        )

    def __radd__(self, other: object) -> "Totals":
        return self if other == 0 else NotImplemented

    def means(self) -> dict[str, float]:
        """Computes the mean of each measure over the images that count for it; NaN if there are none."""
        return {k: self.values[k] / n if n else float("nan") for k, n in self.counts.items()}

    def mean_curves(self) -> dict[str, np.ndarray]:
        """Computes the mean of each curve over all images, ``(K,)``."""
        return {k: curve / self.images for k, curve in self.curves.items()}

    @classmethod
    def of(cls, scores: Iterable[Scores]) -> "Totals":
        """Returns the sums over the given scores."""
        totals = cls()
        for one in scores:
            totals.add(one)
        return totals
