"""Which regions of a map show what the group shares, and which something else that stands out.

A decoder judges position by position, and a second object beside the shared one is often marked too. A region as a
whole says more: the mean of the deepest feature F over it lies nearer to the prototype of the group (see
:mod:`cosod.inference.presence`) than that of the rest of the image, and than that of the other regions, if it is the
shared object. Regions that do not are faded.

Only the regions of one image are compared with each other, and the best of them stays as it is: whether the object is
in the image at all is another question, which presence answers. So it does not matter how well the prototype is known.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.models.checkpoints.safetensors_file import Constants

#: Regions are where the map is above it.
CORE = 0.5
#: Maps are reduced so many times for it: decoders give no more detail, and it takes a tenth of the time.
REDUCED = 4
#: A region of this probability is gone, and from the second on it stays as it is.
FADED = (0.3, 0.7)


@dataclass(frozen=True)
class Judge(Constants):
    """Probability that a region shows what the group shares: the logistic function of a weighted sum.

    The constants belong to the weights they were fitted on (``tools/calibrate_regions.py``) and are kept in the
    metadata of the weights file.

    Attributes:
        beside: weight of the cosine of region and prototype, less that of the rest of the image and the prototype.
        best: weight of the cosine after the mean of the image is taken off both, less the highest of the image.
        share: weight of the region's share of all that is marked in the image.
        offset: the constant term.
    """

    entry = "regions"
    beside: float
    best: float
    share: float
    offset: float

    def probability(self, traits: np.ndarray) -> np.ndarray:
        """Of each region, ``(R,)`` in [0, 1], from :func:`traits`."""
        weighted = traits @ (self.beside, self.best, self.share) + self.offset
        return 0.5 + 0.5 * np.tanh(0.5 * weighted)  # the logistic function, without overflow


def regions(saliency: np.ndarray) -> np.ndarray:
    """The region ``(S, S)`` that each pixel of a map belongs to, counted from 0.

    Regions are connected pixels above :data:`CORE`, and each other pixel belongs to the one that is nearest.
    """
    count, cores = cv2.connectedComponents((saliency > CORE).astype(np.uint8))
    if count <= 2:
        return np.zeros_like(cores)
    _, nearest = cv2.distanceTransformWithLabels(
        (cores == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    region = np.zeros(nearest.max() + 1, np.int32)
    region[nearest[cores > 0]] = cores[cores > 0] - 1
    return region[nearest]


def traits(saliency: np.ndarray, where: np.ndarray, deep: Tensor, prototype: Tensor) -> np.ndarray:
    """What a :class:`Judge` looks at, ``(R, 3)``: its ``beside``, ``best`` and ``share``.

    Args:
        saliency: the map ``(S, S)`` in [0, 1].
        where: its :func:`regions`.
        deep: F of the image, ``(C, h, w)``.
        prototype: of the group, ``(C,)``.
    """
    h, w = deep.shape[-2:]
    rows, columns = (np.arange(n) * cells // n for n, cells in zip(saliency.shape, (h, w), strict=True))
    cells = (where * h + rows[:, None]) * w + columns
    count = int(where.max()) + 1
    marked = np.where(saliency > CORE, saliency, 0)
    mass = np.bincount(cells.ravel(), marked.ravel(), count * h * w).reshape(count, h * w)
    size = np.bincount((rows[:, None] * w + columns).ravel(), minlength=h * w)
    features = deep.flatten(1)
    inside = torch.from_numpy(mass).to(features)
    outside = torch.from_numpy(1 - mass / size.clip(1)).to(features)
    of_region, of_rest = (
        (weights @ features.T) / weights.sum(dim=1, keepdim=True).clamp_min(1e-9) for weights in (inside, outside)
    )
    mean = features.mean(dim=1)
    beside = F.cosine_similarity(of_region, prototype, dim=1) - F.cosine_similarity(of_rest, prototype, dim=1)
    centred = F.cosine_similarity(of_region - mean, prototype - mean, dim=1)
    share = mass.sum(axis=1) / max(mass.sum(), 1e-9)
    return np.stack([beside.numpy(), (centred - centred.max()).numpy(), share], axis=1)


def reduced(maps: Tensor) -> Tensor:
    """Maps ``(N, 1, S, S)`` as small as regions are looked for in them, on the CPU."""
    return F.avg_pool2d(maps.float().cpu(), REDUCED)


def kept(maps: Tensor, deep: Tensor, prototype: Tensor, judge: Judge) -> Tensor:
    """How much of each pixel stays: factors in [0, 1] for maps.

    Args:
        maps: ``(N, 1, S, S)`` in [0, 1].
        deep: F of the same images, ``(N, C, h, w)``.
        prototype: of the group, ``(C,)``.
        judge: of the network.

    Returns:
        ``(N, 1, S, S)`` where the maps are; 1 everywhere in a map of one region.
    """
    deep, prototype = deep.float().cpu(), prototype.float().cpu()
    pairs = zip(reduced(maps).numpy(), deep, strict=True)
    factors = torch.from_numpy(np.stack([_kept(saliency, f, prototype, judge) for saliency, f in pairs]))
    return F.interpolate(factors, maps.shape[-2:], mode="bilinear").to(maps)


def _kept(saliency: np.ndarray, deep: Tensor, prototype: Tensor, judge: Judge) -> np.ndarray:
    where = regions(saliency[0])
    if where.max() == 0:
        return np.ones_like(saliency)
    probability = judge.probability(traits(saliency[0], where, deep, prototype))
    gone, stays = FADED
    factor = ((probability - gone) / (stays - gone)).clip(0, 1).astype(saliency.dtype)
    factor[probability.argmax()] = 1
    return factor[where][None]
