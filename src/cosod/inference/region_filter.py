"""Which regions of an image show what the group shares, and which something else that stands out.

A decoder judges position by position, and part of a second object beside the shared one is often marked too. A region
as a whole says more: the mean of its descriptors lies nearer to the prototype of the group (see
:mod:`cosod.inference.presence`) than that of the other regions, if it is the shared object. Regions that do not are
faded.

Only the regions of one image are compared with each other, and the best of them stays as it is: whether the object is
in the image at all is another question, which presence answers. So it does not matter how well the prototype is known.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.inference.negatives import Negatives
from cosod.models.base import Output
from cosod.models.checkpoints.safetensors_file import Constants

#: Regions are where something stands out with a probability above it.
CORE = 0.5
#: Maps are reduced so many times for it: decoders give no more detail, and it takes a tenth of the time.
REDUCED = 4
#: A region smaller than this share of the image belongs to the nearest larger one.
LEAST = 0.006


@dataclass(frozen=True)
class RegionClassifier(Constants):
    """How much of a region stays, by how much less it resembles the prototype than the best region of its image.

    The constants belong to the weights they were fitted on (``tools/calibrate_regions.py``) and are kept in the
    metadata of the weights file.

    Attributes:
        sharpness: factor of differences of cosines in the logistic function.
        margin: the difference at which half of a region stays.

    Example:
        >>> RegionClassifier(40.0, 0.1).kept(np.array([0.8, 0.8, 0.3])).round(3)
        array([1., 1., 0.])
    """

    entry = "regions"
    sharpness: float
    margin: float

    def kept(self, cosines: np.ndarray) -> np.ndarray:
        """Computes factors ``(R,)`` in [0, 1] of regions with these cosines with the prototype; 1 for the best one."""

        def logistic(x: np.ndarray) -> np.ndarray:
            return 0.5 + 0.5 * np.tanh(0.5 * self.sharpness * x)  # without overflow

        return logistic(cosines - cosines.max() + self.margin) / logistic(np.array(self.margin))


def regions(saliency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the region of each pixel of a map ``(H, W)``, counted from 0, and which pixels are their cores.

    Cores are connected pixels above :data:`CORE`; each other pixel belongs to the core that is nearest. A map with less
    than two cores is one region.
    """
    count, cores, statistics, _ = cv2.connectedComponentsWithStats((saliency > CORE).astype(np.uint8))
    large = [core for core in range(1, count) if statistics[core, cv2.CC_STAT_AREA] >= LEAST * saliency.size]
    if len(large) < 2:
        return np.zeros(saliency.shape, np.int32), saliency > CORE
    numbers = np.zeros(count, np.int32)
    numbers[large] = np.arange(1, len(large) + 1)
    cores = numbers[cores]
    _, nearest = cv2.distanceTransformWithLabels(
        (cores == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    region = np.zeros(nearest.max() + 1, np.int32)
    region[nearest[cores > 0]] = cores[cores > 0] - 1
    return region[nearest], cores > 0


def cosines(where: np.ndarray, cores: np.ndarray, deep: Tensor, prototype: Tensor) -> np.ndarray:
    """Computes the cosine ``(R,)`` of each region's mean descriptor with the prototype.

    Args:
        where, cores: regions and cores of :func:`regions`, ``(H, W)``.
        deep: F of the image, ``(C, h, w)``.
        prototype: prototype of the group, ``(C,)``.
    """
    return F.cosine_similarity(means(where, cores, deep), prototype, dim=1).numpy()


def means(where: np.ndarray, cores: np.ndarray, deep: Tensor) -> Tensor:
    """Sums the descriptors of each region, ``(R, C)``, which points where their mean does; arguments as there."""
    size = (deep.shape[2], deep.shape[1])
    masks = [((where == region) & cores).astype(np.float32) for region in range(int(where.max()) + 1)]
    shares = torch.from_numpy(np.stack([cv2.resize(mask, size, interpolation=cv2.INTER_AREA) for mask in masks]))
    return torch.einsum("rhw,chw->rc", shares + 1e-4, deep)


def reduced(maps: Tensor) -> Tensor:
    """Reduces maps ``(N, 1, H, W)`` to the size at which regions are found, on the CPU."""
    return F.avg_pool2d(maps.float().cpu(), REDUCED)


def kept(
    output: Output,
    deep: Tensor,
    prototype: Tensor,
    classifier: RegionClassifier,
    negatives: Negatives | None = None,
) -> Tensor:
    """Computes how much of each pixel stays: factors in [0, 1] for maps.

    Args:
        output: output of N images; regions are looked for in ``probability``, of any object, where the network has it,
            else in ``maps``.
        deep: F of the same images, ``(N, C, h, w)``.
        prototype: prototype of the group, ``(C,)``.
        classifier: classifier of the network.
        negatives: what the object is not. A region that resembles it more than the object is faded too, if it is the
            only one, and is not what others are compared with.

    Returns:
        ``(N, 1, H, W)`` where the maps are; without negatives 1 everywhere in a map of one region.
    """
    deep, prototype = deep.float().cpu(), prototype.float().cpu()
    found = reduced(output.maps if output.probability is None else output.probability)
    factors = [
        _kept(saliency, f, prototype, classifier, negatives)
        for saliency, f in zip(found[:, 0].numpy(), deep, strict=True)
    ]
    return F.interpolate(torch.from_numpy(np.stack(factors)), output.maps.shape[-2:], mode="bilinear").to(output.maps)


def descriptors(output: Output, deep: Tensor) -> Tensor:
    """Computes unit vectors ``(R, C)`` of all regions of N images, on the CPU; arguments as for :func:`kept`."""
    found = reduced(output.maps if output.probability is None else output.probability)[:, 0].numpy()
    deep = deep.float().cpu()
    return F.normalize(torch.cat([means(*regions(s), f) for s, f in zip(found, deep, strict=True)]), dim=1)


def _kept(
    saliency: np.ndarray, deep: Tensor, prototype: Tensor, classifier: RegionClassifier, negatives: Negatives | None
) -> np.ndarray:
    where, cores = regions(saliency)
    if where.max() == 0 and negatives is None:
        return np.ones_like(saliency)[None]
    vectors = means(where, cores, deep)
    alike = F.cosine_similarity(vectors, prototype, dim=1)
    factors = np.ones(len(vectors))
    if negatives is not None:
        nearest = negatives.nearest(vectors)
        factors = negatives.rule.factor(alike, nearest).numpy()
        alike = alike - (nearest - alike).clamp_min(0)
    factors = factors * classifier.kept(alike.numpy())
    return factors.astype(saliency.dtype)[where][None]
