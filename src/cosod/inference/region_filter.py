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

from cosod.inference.negatives import Negatives, logistic, unit
from cosod.models.checkpoints.constants import Constants

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
        factors = logistic(self.sharpness * (cosines - cosines.max() + self.margin))
        return factors / logistic(np.array(self.sharpness * self.margin))


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


def means(where: np.ndarray, cores: np.ndarray, deep: np.ndarray) -> np.ndarray:
    """Computes the sum of the descriptors of each region, ``(R, C)``.

    Args:
        where, cores: regions and cores of :func:`regions`, ``(H, W)``.
        deep: F of the image, ``(C, h, w)``.
    """
    size = (deep.shape[2], deep.shape[1])
    masks = [((where == region) & cores).astype(np.float32) for region in range(int(where.max()) + 1)]
    shares = np.stack([cv2.resize(mask, size, interpolation=cv2.INTER_AREA).ravel() for mask in masks])
    return (shares + 1e-4) @ deep.reshape(len(deep), -1).T


def cosines(where: np.ndarray, cores: np.ndarray, deep: np.ndarray, prototype: np.ndarray) -> np.ndarray:
    """Computes the cosine of the mean descriptor of each region with the prototype ``(C,)`` of the group, ``(R,)``.

    The other arguments are those of :func:`means`.
    """
    return unit(means(where, cores, deep)) @ unit(prototype)


def reduced(saliency: np.ndarray) -> np.ndarray:
    """Reduces maps ``(N, H, W)`` to the size for finding regions."""
    n, height, width = saliency.shape
    h, w = height // REDUCED, width // REDUCED
    whole = saliency[:, : h * REDUCED, : w * REDUCED]
    return whole.reshape(n, h, REDUCED, w, REDUCED).mean(axis=(2, 4), dtype=np.float32)


def kept(
    saliency: np.ndarray,
    deep: np.ndarray,
    prototype: np.ndarray,
    classifier: RegionClassifier,
    negatives: Negatives | None = None,
) -> np.ndarray:
    """Computes the factors in [0, 1] by which maps are multiplied.

    Args:
        saliency: maps of N images whose regions are judged, ``(N, H, W)``: the saliency of any object, or, if the
            network does not compute it, the co-saliency.
        deep: F of the same images, ``(N, C, h, w)``.
        prototype: prototype of the group, ``(C,)``.
        classifier: classifier of the network.
        negatives: negatives of the object. A region that resembles one of them more than the object is faded even if it
            is the only one, and other regions are not compared with it.

    Returns:
        ``(N, H, W)`` float32. Without negatives, the factors of a map with one region are 1.
    """
    height, width = saliency.shape[1:]
    factors = [
        _kept(small, f, prototype, classifier, negatives) for small, f in zip(reduced(saliency), deep, strict=True)
    ]
    return np.stack([cv2.resize(factor, (width, height), interpolation=cv2.INTER_LINEAR) for factor in factors])


def descriptors(saliency: np.ndarray, deep: np.ndarray) -> np.ndarray:
    """Computes the unit vectors ``(R, C)`` of all regions of N images; arguments as for :func:`kept`."""
    return unit(np.concatenate([means(*regions(s), f) for s, f in zip(reduced(saliency), deep, strict=True)]))


def _kept(
    saliency: np.ndarray,
    deep: np.ndarray,
    prototype: np.ndarray,
    classifier: RegionClassifier,
    negatives: Negatives | None,
) -> np.ndarray:
    where, cores = regions(saliency)
    if where.max() == 0 and negatives is None:
        return np.ones_like(saliency)
    vectors = unit(means(where, cores, deep))
    alike = vectors @ unit(prototype)
    factors = np.ones(len(vectors))
    if negatives is not None:
        factors, alike = negatives.judged(vectors, alike)
    factors = factors * classifier.kept(alike)
    return factors.astype(saliency.dtype)[where]
