"""Presence scores: whether an image shows the shared object, and which images of a group are outliers.

Both are read off the deepest feature F, before anything is decoded. Each image gives one vector, F averaged under the
attention of the group or, where a kept consensus is applied, under an attention to what resembles it. A prototype is
the mean of such vectors. An image holds the object if its vector points where the prototype of the *other* images
does. Combinations with the map's own height and size, with the affinity, or with F averaged under the map separate
no better on held-out groups.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.checkpoints.safetensors_file import Constants

#: Below it the object is called absent.
ABSENT = 0.5
#: Rounds of prototype, presence, prototype weighted by presence.
ROUNDS = 2
#: Smallest weight of an image, so that a group whose images have nothing in common keeps a mean.
FLOOR = 1e-3
#: Factor of the cosines whose softmax says where in an image a prototype is.
SHARPNESS = 20.0


@dataclass(frozen=True)
class Calibration(Constants):
    """From similarity to presence by ``sigmoid(slope * similarity + few / references + offset)``.

    The constants belong to the weights they were fitted on (``tools/calibrate_presence.py``) and are kept in the
    metadata of the weights file.

    Attributes:
        slope: factor of the similarity, the cosine of an image's vector and the prototype.
        offset: the constant term.
        few: makes up for prototypes of few images, which resemble a new image less.
        auc: area under the ROC curve on groups that were not used for the fit; for information only.
    """

    entry = "presence"
    slope: float
    offset: float
    few: float
    auc: float | None = None

    def presence(self, similarity: Tensor, references: Tensor | float) -> Tensor:
        """Computes the probability that the object is there, ``(N,)`` in [0, 1].

        Args:
            similarity: ``(N,)``.
            references: how many images the prototype stands for, one value or ``(N,)``.
        """
        return torch.sigmoid(self.slope * similarity + self.few / references + self.offset)


@dataclass(frozen=True)
class KeptCalibration(Calibration):
    """Calibration for saved consensuses, which are applied to single photos of any kind.

    A prototype there is compared with the place of an image that resembles it most, which makes for other cosines than
    the attention of a group. Where a weights file has no such entry, that of groups is used.
    """

    entry = "kept_presence"


def pooled(deep: Tensor, attention: Tensor) -> Tensor:
    """Averages F ``(N, C, H, W)`` under an attention ``(N, 1, H, W)`` that sums to one: ``(N, C)``."""
    return torch.einsum("nchw,nhw->nc", deep, attention[:, 0])


def where_like(deep: Tensor, prototype: Tensor) -> Tensor:
    """Computes attention ``(N, 1, H, W)``, one an image, to the positions of F that resemble a prototype ``(C,)``."""
    cosine = F.cosine_similarity(deep, prototype[:, None, None], dim=1)
    return (SHARPNESS * cosine).flatten(1).softmax(dim=1).view_as(cosine)[:, None]


def similarity(deep: Tensor, prototype: Tensor) -> Tensor:
    """Computes the cosine ``(N,)`` of a prototype ``(C,)`` and F ``(N, C, H, W)`` where they are most alike."""
    return F.cosine_similarity(pooled(deep, where_like(deep, prototype)), prototype)


def resemblance(vectors: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Computes how much each of N >= 2 images resembles the others of its group, itself left out.

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
    """Computes the presence in each of N >= 2 images of what the group shares, ``(N,)``.

    Every image is compared with the mean of the others, then again with their mean weighted by presence, so that
    outliers among them pull it aside no more.

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
    """Returns the number of equally weighted images that the weights amount to."""
    return float(weights.sum() ** 2 / (weights**2).sum().clamp_min(1e-12))
