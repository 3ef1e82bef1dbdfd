"""The filter that fades regions of a map that show other objects than the shared one.

A decoder classifies single positions, and often marks parts of a second object beside the shared one. Whole regions are
easier to classify: of all regions of an image, the one with the shared object has the mean descriptor that is nearest
to the prototype of the group (see :mod:`cosod.inference.presence`). Regions that are less similar are faded.

Only the regions of the same image are compared with each other, and the best of them is kept, so that the accuracy of
the prototype matters little. Whether the image shows the object at all is decided by presence.
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

#: Saliency above which positions belong to the core of a region.
CORE = 0.5
#: Factor by which maps are reduced to find regions, which takes a tenth of the time; the decoder gives no finer detail.
REDUCED = 4
#: Regions smaller than this share of the image are merged with the nearest larger one.
LEAST = 0.006


@dataclass(frozen=True)
class RegionClassifier(Constants):
    """Computes the factor of a region from the difference of its similarity to that of the best region of the image.

    The constants were fitted to the weights (``tools/calibrate_regions.py``), and are stored in the metadata of the
    weights file.

    Attributes:
        sharpness: factor of the difference of cosines in the logistic function.
        margin: difference at which the factor is one half.

    Example:
        >>> RegionClassifier(40.0, 0.1).kept(np.array([0.8, 0.8, 0.3])).round(3)
        array([1., 1., 0.])
    """

    entry = "regions"
    sharpness: float
    margin: float

    def kept(self, cosines: np.ndarray) -> np.ndarray:
        """Computes the factors ``(R,)`` in [0, 1] of regions from their cosines with the prototype."""

        def logistic(x: np.ndarray) -> np.ndarray:
            return 0.5 + 0.5 * np.tanh(0.5 * self.sharpness * x)  # without overflow

        return logistic(cosines - cosines.max() + self.margin) / logistic(np.array(self.margin))


def regions(saliency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the index of the region of each pixel of a map ``(H, W)``, and whether the pixel is in its core.

    Cores are connected components of pixels above :data:`CORE`; each other pixel belongs to the nearest core. A map
    with less than two cores has one region.
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
    """Computes the cosine of the mean descriptor of each region with the prototype, ``(R,)``.

    Args:
        where, cores: regions and cores of :func:`regions`, ``(H, W)``.
        deep: F of the image, ``(C, h, w)``.
        prototype: prototype of the group, ``(C,)``.
    """
    return F.cosine_similarity(means(where, cores, deep), prototype, dim=1).numpy()


def means(where: np.ndarray, cores: np.ndarray, deep: Tensor) -> Tensor:
    """Computes the sum of the descriptors of each region, ``(R, C)``; arguments as for :func:`cosines`."""
    size = (deep.shape[2], deep.shape[1])
    masks = [((where == region) & cores).astype(np.float32) for region in range(int(where.max()) + 1)]
    shares = torch.from_numpy(np.stack([cv2.resize(mask, size, interpolation=cv2.INTER_AREA) for mask in masks]))
    return torch.einsum("rhw,chw->rc", shares + 1e-4, deep)


def reduced(maps: Tensor) -> Tensor:
    """Reduces maps ``(N, 1, H, W)`` to the size for finding regions, on the CPU."""
    return F.avg_pool2d(maps.float().cpu(), REDUCED)


def kept(
    output: Output,
    deep: Tensor,
    prototype: Tensor,
    classifier: RegionClassifier,
    negatives: Negatives | None = None,
) -> Tensor:
    """Computes the factors in [0, 1] by which maps are multiplied.

    Args:
        output: output for N images. Regions are those of ``probability``, the saliency of any object, or of ``maps`` if
            the network does not compute it.
        deep: F of the same images, ``(N, C, h, w)``.
        prototype: prototype of the group, ``(C,)``.
        classifier: classifier of the network.
        negatives: negatives of the object. A region that resembles one of them more than the object is faded even if it
            is the only one, and other regions are not compared with it.

    Returns:
        ``(N, 1, H, W)`` on the device of the maps. Without negatives, the factors of a map with one region are 1.
    """
    deep, prototype = deep.float().cpu(), prototype.float().cpu()
    found = reduced(output.maps if output.probability is None else output.probability)
    factors = [
        _kept(saliency, f, prototype, classifier, negatives)
        for saliency, f in zip(found[:, 0].numpy(), deep, strict=True)
    ]
    return F.interpolate(torch.from_numpy(np.stack(factors)), output.maps.shape[-2:], mode="bilinear").to(output.maps)


def descriptors(output: Output, deep: Tensor) -> Tensor:
    """Computes the unit vectors ``(R, C)`` of all regions of N images, on the CPU; arguments as for :func:`kept`."""
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
