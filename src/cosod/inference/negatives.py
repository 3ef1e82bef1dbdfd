"""What an object is *not*: descriptors of what stands out in photos without it, kept beside its consensus.

A prototype alone says how much a region resembles the object, and one mug resembles a bowl more than a tree does.
Beside descriptors of bowls the question is another one: does the region resemble the object more than the nearest of
these?
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.checkpoints.safetensors_file import Constants

#: Negatives that are kept of a consensus: those nearest to the object, since no other is ever the nearest.
MOST = 256


@dataclass(frozen=True)
class NegativeRule(Constants):
    """How much less a region counts that resembles a negative as much as the object, or more.

    The factor of a region is the logistic function of ``sharpness * (own - negative + margin)``, where ``own`` is its
    cosine with the object's prototype and ``negative`` the largest one with a negative.

    The constants belong to the weights that they were fitted on (``tools/calibrate_presence.py``) and are kept in the
    metadata of the weights file; where a file has none, those of the package's own features hold.

    Attributes:
        sharpness: factor of the difference of the cosines.
        margin: a region half of which stays resembles a negative by so much more than the object: the prototype of few
            photos is known less well than a negative is.

    Example:
        >>> NegativeRule(30.0, 0.0).factor(torch.tensor([0.8, 0.6]), torch.tensor([0.6, 0.8])).round(decimals=2)
        tensor([1., 0.])
    """

    entry = "negatives"
    sharpness: float = 15.0
    margin: float = 0.075

    def factor(self, own: Tensor, negative: Tensor) -> Tensor:
        """Computes factors in [0, 1] of any shape.

        Args:
            own: cosines with the prototype.
            negative: the largest cosines with a negative, of the same shape.
        """
        return torch.sigmoid(self.sharpness * (own - negative + self.margin))


class Negatives(NamedTuple):
    """What an object is not, and the rule for it.

    Attributes:
        vectors: unit vectors ``(M, C)``, M >= 1.
        rule: rule of the network.
    """

    vectors: Tensor
    rule: NegativeRule

    def nearest(self, vectors: Tensor) -> Tensor:
        """Computes the largest cosine of each of N vectors ``(N, C)`` with a negative, ``(N,)``."""
        return (F.normalize(vectors, dim=1) @ self.vectors.to(vectors).T).amax(dim=1)

    def factor(self, vectors: Tensor, prototype: Tensor) -> Tensor:
        """Computes the rule's factors ``(N,)`` of N vectors ``(N, C)``, for an object with a prototype ``(C,)``."""
        own = F.cosine_similarity(vectors, prototype.to(vectors), dim=1)
        return self.rule.factor(own, self.nearest(vectors))


def nearest_ones(negatives: Tensor, prototype: Tensor) -> Tensor:
    """Returns the :data:`MOST` of the negatives ``(M, C)`` that resemble the object most, in the order given.

    Args:
        negatives: unit vectors.
        prototype: prototype of the object, ``(C,)``.
    """
    if len(negatives) <= MOST:
        return negatives
    alike = F.cosine_similarity(negatives, prototype.to(negatives), dim=1)
    return negatives[alike.topk(MOST).indices.sort().values]
