"""Presence scores: whether an image shows the shared object, and which images of a group are outliers.

Both are computed from the deepest feature F, without decoding. Each image has one vector, the mean of F under the
attention of the group or, for a saved consensus, under an attention to what resembles its prototype. A prototype is the
mean of such vectors. An image shows the object if the cosine of its vector with the prototype of the *other* images is
high. On held-out groups, combinations with the maximum or the area of the map, with the affinity, or with the mean of F
under the map do not separate better.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.checkpoints.constants import Constants

#: Number of rounds, each of which computes prototypes and presence, and weights the next prototypes by presence.
ROUNDS = 2
#: Minimum weight of an image, so that the mean is defined for a group whose images have nothing in common.
FLOOR = 1e-3
#: Factor of the cosines with a prototype, whose softmax is the attention of an image.
SHARPNESS = 20.0


@dataclass(frozen=True)
class Calibration(Constants):
    """Calibration from similarity to presence: ``sigmoid(slope * similarity + few / references + offset)``.

    The constants were fitted to the weights (``tools/calibrate_presence.py``), and are stored in the metadata of the
    weights file.

    Attributes:
        slope: factor of the similarity, which is the cosine of the vector of an image and the prototype.
        offset: constant term.
        few: factor of the inverse number of references, since a prototype of few images is less similar to new images.
        auc: area under the ROC curve on groups that were not used for the fit; for information only.
    """

    entry = "presence"
    slope: float
    offset: float
    few: float
    auc: float | None = None

    def presence(self, similarity: Tensor, references: Tensor | float) -> Tensor:
        """Computes the probability that images show the object, ``(N,)`` in [0, 1].

        Args:
            similarity: ``(N,)``.
            references: number of images of the prototype, one value or ``(N,)``.
        """
        return torch.sigmoid(self.slope * similarity + self.few / references + self.offset)


@dataclass(frozen=True)
class KeptCalibration(Calibration):
    """Calibration for saved consensuses, which are applied to single photos of any kind.

    The prototype of a saved consensus is compared with the part of an image that resembles it most, which gives other
    cosines than the attention of a group. If a weights file has no such entry, the calibration of groups is used.
    """

    entry = "kept_presence"


def pooled(deep: Tensor, attention: Tensor) -> Tensor:
    """Averages F ``(N, C, H, W)`` under an attention ``(N, 1, H, W)`` that sums to one: ``(N, C)``."""
    return torch.einsum("nchw,nhw->nc", deep, attention[:, 0])


def where_like(deep: Tensor, prototype: Tensor) -> Tensor:
    """Computes the attention ``(N, 1, H, W)`` to positions of F that resemble a prototype ``(C,)``."""
    cosine = F.cosine_similarity(deep, prototype[None, :, None, None], dim=1)  # graphs do not broadcast here
    return (SHARPNESS * cosine).flatten(1).softmax(dim=1).view_as(cosine)[:, None]


def similarity(deep: Tensor, prototype: Tensor) -> Tensor:
    """Computes the cosine ``(N,)`` of a prototype ``(C,)`` with the most similar parts of F ``(N, C, H, W)``."""
    return F.cosine_similarity(pooled(deep, where_like(deep, prototype)), prototype)


def resemblance(vectors: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the similarity of each of N >= 2 images to the other images of its group.

    Args:
        vectors: F of each image under its attention, ``(N, C)``.
        weights: weights of the images, ``(N,)``.

    Returns:
        Cosine with the weighted mean of the other images' vectors, ``(N,)``, and :func:`count` of these others,
        ``(N,)``.
    """
    weighted = vectors * weights[:, None]
    rest = (weights.sum() - weights).clamp_min(1e-6)
    squares = ((weights**2).sum() - weights**2).clamp_min(1e-12)
    others = weighted.sum(dim=0) - weighted
    alike = (F.normalize(vectors, dim=1) * F.normalize(others, dim=1)).sum(dim=1)
    return alike, (rest**2 / squares).clamp_min(1.0)


def group_presence(calibration: Calibration, vectors: Tensor) -> Tensor:
    """Computes the presence of the shared object in each of N >= 2 images of a group, ``(N,)``.

    Each image is compared with the mean of the others, and then with their mean weighted by presence, so that outliers
    have little influence.

    Args:
        calibration: calibration of the network.
        vectors: F of each image under the group's attention, ``(N, C)``.
    """
    weights = torch.ones_like(vectors[:, 0])
    for _ in range(ROUNDS):
        presence = calibration.presence(*resemblance(vectors, weights))
        weights = presence.clamp_min(FLOOR)
    return presence


def count(weights: Tensor) -> float:
    """Returns the effective number of images, which is the number of equally weighted images."""
    return float(weights.sum() ** 2 / (weights**2).sum().clamp_min(1e-12))
