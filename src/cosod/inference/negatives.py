"""Negatives of a consensus: descriptors of salient regions in photos that do not show the object.

A prototype alone gives the similarity of a region to the object, and to a mug, a bowl is more similar than a tree. With
descriptors of bowls as negatives, the similarity to the object can be compared with the one to the nearest negative.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cosod.models.checkpoints.constants import Constants

#: Maximum number of negatives of a consensus; those nearest to the object are kept.
MOST = 256


def unit(vectors: np.ndarray) -> np.ndarray:
    """Divides vectors ``(..., C)`` by their length."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def logistic(values: np.ndarray) -> np.ndarray:
    """Computes the logistic function, without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * values)


@dataclass(frozen=True)
class NegativeRule(Constants):
    """The rule by which regions are faded that resemble a negative about as much as the object, or more.

    The factor of a region is the logistic function of ``sharpness * (own - negative + margin)``, where ``own`` is its
    cosine with the object's prototype and ``negative`` the largest one with a negative.

    The constants were fitted to the weights (``tools/calibrate_presence.py``), and are stored in the metadata of the
    weights file; if a file has none, the defaults are used, which were fitted to the default network.

    Attributes:
        sharpness: factor of the difference of the cosines.
        margin: difference of the cosines at which the factor is one half. It is positive, because a prototype of few
            photos is less accurate than a negative.

    Example:
        >>> NegativeRule(30.0, 0.0).factor(np.array([0.8, 0.6]), np.array([0.6, 0.8])).round(2)
        array([1., 0.])
    """

    entry = "negatives"
    sharpness: float = 15.0
    margin: float = 0.075

    def factor(self, own: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Computes the factors, in [0, 1].

        Args:
            own: cosines with the prototype.
            negative: the largest cosines with a negative, of the same shape.
        """
        return logistic(self.sharpness * (own - negative + self.margin))


class Negatives(NamedTuple):
    """The negatives of a consensus, and the rule for them.

    Attributes:
        vectors: unit vectors ``(M, C)``, M >= 1.
        rule: rule of the network.
    """

    vectors: np.ndarray
    rule: NegativeRule

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """Computes the largest cosine of each of N vectors ``(N, C)`` with the negatives, ``(N,)``."""
        return (unit(vectors) @ self.vectors.T).max(axis=1)

    def factor(self, vectors: np.ndarray, prototype: np.ndarray) -> np.ndarray:
        """Computes the factors ``(N,)`` of N vectors ``(N, C)`` for an object with the prototype ``(C,)``."""
        return self.rule.factor(unit(vectors) @ unit(prototype), self.nearest(vectors))

    def judged(self, vectors: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compares regions with the negatives.

        Args:
            vectors: descriptors of R regions, ``(R, C)``.
            own: their cosines with the prototype of the object, ``(R,)``.

        Returns:
            The factors of the rule, and cosines from which the excess of the nearest negative is subtracted, ``(R,)``.
        """
        negative = self.nearest(vectors)
        return self.rule.factor(own, negative), own - np.maximum(negative - own, 0)
