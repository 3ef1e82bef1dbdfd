"""Negatives of a consensus: descriptors of salient regions in photos that do not show the object.

A prototype alone gives the similarity of a region to the object, and to a mug, a bowl is more similar than a tree. With
descriptors of bowls as negatives, the similarity to the object can be compared with the one to the nearest negative.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.checkpoints.constants import Constants

#: Maximum number of negatives of a consensus; those nearest to the object are kept.
MOST = 256


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
        >>> NegativeRule(30.0, 0.0).factor(torch.tensor([0.8, 0.6]), torch.tensor([0.6, 0.8])).round(decimals=2)
        tensor([1., 0.])
    """

    entry = "negatives"
    sharpness: float = 15.0
    margin: float = 0.075

    def factor(self, own: Tensor, negative: Tensor) -> Tensor:
        """Computes the factors, in [0, 1].

        Args:
            own: cosines with the prototype.
            negative: the largest cosines with a negative, of the same shape.
        """
        return torch.sigmoid(self.sharpness * (own - negative + self.margin))


class Negatives(NamedTuple):
    """The negatives of a consensus, and the rule for them.

    Attributes:
        vectors: unit vectors ``(M, C)``, M >= 1.
        rule: rule of the network.
    """

    vectors: Tensor
    rule: NegativeRule

    def nearest(self, vectors: Tensor) -> Tensor:
        """Computes the largest cosine of each of N vectors ``(N, C)`` with the negatives, ``(N,)``."""
        return (F.normalize(vectors, dim=1) @ self.vectors.to(vectors).T).amax(dim=1)

    def factor(self, vectors: Tensor, prototype: Tensor) -> Tensor:
        """Computes the factors ``(N,)`` of N vectors ``(N, C)`` for an object with the prototype ``(C,)``."""
        own = F.cosine_similarity(vectors, prototype.to(vectors), dim=1)
        return self.rule.factor(own, self.nearest(vectors))

    def judged(self, vectors: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Compares regions with the negatives.

        Args:
            vectors: descriptors of R regions, ``(R, C)``.
            own: their cosines with the prototype of the object, ``(R,)``.

        Returns:
            The factors of the rule, and cosines from which the excess of the nearest negative is subtracted, ``(R,)``.
        """
        negative = self.nearest(torch.from_numpy(vectors)).numpy()
        factors = self.rule.factor(torch.from_numpy(own), torch.from_numpy(negative)).numpy()
        return factors, own - np.maximum(negative - own, 0)


def nearest_ones(negatives: Tensor, prototype: Tensor) -> Tensor:
    """Returns the :data:`MOST` negatives of ``(M, C)`` that resemble the object most, in their order.

    Args:
        negatives: unit vectors.
        prototype: prototype of the object, ``(C,)``.
    """
    if len(negatives) <= MOST:
        return negatives
    alike = F.cosine_similarity(negatives, prototype.to(negatives), dim=1)
    return negatives[alike.topk(MOST).indices.sort().values]
