"""What one image scores, and sums of it that can be merged over workers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Scores:
    """One image under one protocol: ``values`` by measure, and ``curves`` over thresholds, (K,) each."""

    values: dict[str, float]
    curves: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class Totals:
    """Sums of :class:`Scores` over images; ``a + b`` holds the images of both.

    Its size does not grow with the number of images. Averages that leave an image out of one measure (an empty truth
    that is skipped) do so by NaN: ``counts`` holds each measure's own number of images.
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
        """Computes the mean of each measure over its images; NaN where there are none."""
        return {k: self.values[k] / n if n else float("nan") for k, n in self.counts.items()}

    def mean_curves(self) -> dict[str, np.ndarray]:
        """Computes the mean of each curve over the images."""
        return {k: curve / self.images for k, curve in self.curves.items()}

    @classmethod
    def of(cls, scores: Iterable[Scores]) -> "Totals":
        """Sums up some images."""
        totals = cls()
        for one in scores:
            totals.add(one)
        return totals
