"""The filter that fades regions of a map that show other objects than the shared one.

A decoder classifies single positions, and often marks parts of a second object beside the shared one, or all of it but
less. Whole regions are easier to classify. Of all regions of an image, the best is the one whose mean descriptor is
nearest to the prototype of the group (see :mod:`cosod.inference.presence`). It is kept, and so are regions that are
about as near, or that resemble it, which are further parts or instances of the object; all others are faded.

Only the regions of the same image are compared with each other, so that the accuracy of the prototype matters little.
Whether the image shows the object at all is decided by presence.

Objects that the map then shows nearly as a whole are completed (:func:`completed`): parts of an object that resemble
the group less than others, such as the head of an animal, would stay dim.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cosod.inference.leveling import leveled
from cosod.inference.negatives import Negatives, logistic, unit
from cosod.models.checkpoints.constants import Constants

#: Saliency above which positions belong to the core of a region.
CORE = 0.5
#: Factor by which maps are reduced to find regions, which takes a tenth of the time; the decoder gives no finer detail.
REDUCED = 4
#: Regions smaller than this share of the image are merged with the nearest larger one.
LEAST = 0.006
#: Minimum difference between the means of the map in the two parts into which a region is divided, without leveling.
GAP = 0.2
#: Parts of a region lose what is narrower than this, in pixels of the reduced map: along the outline of an object,
#: values lie between those of the object and of the background.
NARROW = 3
#: Share of the saliency of a component from which on the map is completed, and at which it is completed fully.
NEARLY_WHOLE, WHOLE = 0.8, 1.0
#: Saliency from which on positions are completed as much as their component; at :data:`CORE` they stay as they are.
CLEAR = 0.75


@dataclass(frozen=True)
class RegionClassifier(Constants):
    """Computes the factor of each region of an image from its differences from the best region.

    The probability that a region shows the shared object is the logistic function of the weighted sum of the
    differences and ``offset``. The factor is the ratio of this probability and that of the best region.

    The constants were fitted to the weights (``tools/calibrate_regions.py``), and are stored in the metadata of the
    weights file.

    Attributes:
        offset: logit of the best region.
        alike: weight of the difference of the cosines with the prototype.
        likeness: weight of the cosine with the best region less one.

    Example:
        >>> vectors, alike = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.8, 0.3])
        >>> RegionClassifier(4.0, 20.0, 0.0).kept(vectors, alike).round(3)
        array([1.   , 0.003])
    """

    entry = "regions"
    offset: float
    alike: float
    likeness: float

    def kept(self, vectors: np.ndarray, alike: np.ndarray) -> np.ndarray:
        """Computes the factors ``(R,)`` in [0, 1] of the regions of an image; arguments as for :func:`differences`."""
        logits = self.offset + differences(vectors, alike) @ np.array([self.alike, self.likeness])
        return logistic(logits) / logistic(np.array(self.offset))


def differences(vectors: np.ndarray, alike: np.ndarray) -> np.ndarray:
    """Compares the R regions of an image with the best one, which has the largest cosine with the prototype.

    Args:
        vectors: mean descriptors of the regions, unit length, ``(R, C)``.
        alike: their cosines with the prototype of the group, ``(R,)``.

    Returns:
        ``(R, 2)``: the difference of the cosines with the prototype, and the cosine with the best region less one. Both
        are zero for the best region.
    """
    best = int(alike.argmax())
    return np.stack([alike - alike[best], vectors @ vectors[best] - 1], axis=1)


def regions(saliency: np.ndarray, map_: np.ndarray | None = None, gap: float = GAP) -> tuple[np.ndarray, np.ndarray]:
    """Returns the index of the region of each pixel, and whether the pixel is in its core.

    Cores are connected components of pixels whose saliency is above :data:`CORE`; each other pixel belongs to the
    nearest core. With the map, components are divided into parts in which it is high and low, if they differ clearly:
    objects that touch are one component of saliency. If there are less than two cores, there is one region.

    Args:
        saliency: saliency of any object, ``(H, W)`` in [0, 1].
        map_: map of the shared object, ``(H, W)`` in [0, 1].
        gap: minimum difference between the means of the map in two parts.
    """
    components = _large(saliency > CORE)
    parts = components if map_ is None else [part for whole in components for part in _divided(whole, map_, gap)]
    if len(parts) < 2:
        return np.zeros(saliency.shape, np.int32), saliency > CORE
    cores = np.zeros(saliency.shape, np.int32)
    for number, part in enumerate(parts, start=1):
        cores[part] = number
    _, nearest = cv2.distanceTransformWithLabels(
        (cores == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    region = np.zeros(nearest.max() + 1, np.int32)
    region[nearest[cores > 0]] = cores[cores > 0] - 1
    return region[nearest], cores > 0


def _large(mask: np.ndarray) -> list[np.ndarray]:
    """Returns the connected components of a mask that have at least the share :data:`LEAST` of the image."""
    count, components, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    sizes = statistics[:, cv2.CC_STAT_AREA]
    return [components == number for number in range(1, count) if sizes[number] >= LEAST * mask.size]


def _divided(component: np.ndarray, map_: np.ndarray, gap: float) -> list[np.ndarray]:
    """Divides a component by Otsu's threshold of the map within it, and its parts likewise, until they are uniform."""
    levels = (255 * map_).astype(np.uint8)
    threshold, _ = cv2.threshold(levels[component], 0, 255, cv2.THRESH_OTSU)
    high, low = component & (levels > threshold), component & (levels <= threshold)
    if not high.any() or not low.any() or map_[high].mean() - map_[low].mean() <= gap:
        return [component]
    kernel = np.ones((NARROW, NARROW), np.uint8)
    opened = (cv2.morphologyEx(half.astype(np.uint8), cv2.MORPH_OPEN, kernel) for half in (high, low))
    parts = [part for half in opened for part in _large(half)]
    return [piece for part in parts for piece in _divided(part, map_, gap)] if len(parts) > 1 else [component]


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


def reduced(saliency: np.ndarray) -> np.ndarray:
    """Reduces maps ``(N, H, W)`` to the size for finding regions."""
    h, w = (side // REDUCED for side in saliency.shape[1:])
    whole = saliency[:, : h * REDUCED, : w * REDUCED]
    # For whole factors, OpenCV's areas are exact means, in a tenth of the time of NumPy's.
    return np.stack([cv2.resize(map_, (w, h), interpolation=cv2.INTER_AREA) for map_ in whole])


def filtered(
    saliency: np.ndarray,
    maps: np.ndarray,
    deep: np.ndarray,
    prototype: np.ndarray,
    classifier: RegionClassifier,
    negatives: Negatives | None = None,
    leveling: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Levels maps, fades regions that show other objects, and completes objects that are left nearly whole.

    Args:
        saliency, maps, deep, prototype, classifier, negatives: as for :func:`kept`.
        leveling: how much less the resemblance to the group counts, in [0, 1] (:mod:`cosod.inference.leveling`). With
            1, regions are divided where maps differ twice as clearly.

    Returns:
        The maps and the factors by which regions were faded, both ``(N, H, W)`` float32.
    """
    level = leveled(maps, saliency, leveling)
    factors = kept(saliency, level, deep, prototype, classifier, negatives, GAP * (1 + leveling))
    return completed(level * factors, saliency), factors


def completed(maps: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """Raises maps toward saliency where they show an object nearly as a whole.

    For each connected component of pixels whose saliency is above :data:`CORE`, the share of its saliency that the map
    contains is computed. Up to the share :data:`NEARLY_WHOLE` the map stays; from there to :data:`WHOLE`, a rising part
    of the difference is added, but less of it where saliency is below :data:`CLEAR`. So the maps depend continuously on
    saliency.

    Args:
        maps: maps of the shared object, ``(N, H, W)`` in [0, 1].
        saliency: saliency of any object in the same images, ``(N, H, W)`` in [0, 1].

    Returns:
        The maps, ``(N, H, W)``.

    Example:
        >>> saliency = np.full((1, 8, 8), 0.9, np.float32)
        >>> map_ = saliency.copy()
        >>> map_[:, :, 7] = 0.5
        >>> completed(map_, saliency)[0, 0].round(2)  # the map contains 94 per cent of the saliency
        array([0.9 , 0.9 , 0.9 , 0.9 , 0.9 , 0.9 , 0.9 , 0.79], dtype=float32)
    """
    found = maps.copy()
    for map_, own, small, small_map in zip(found, saliency, reduced(saliency), reduced(maps), strict=True):
        count, components = cv2.connectedComponents((small > CORE).astype(np.uint8))
        where = components.ravel()
        shown, all_ = (np.bincount(where, values.ravel(), count) for values in (np.minimum(small_map, small), small))
        part = np.clip((shown / np.maximum(all_, 1e-6) - NEARLY_WHOLE) / (WHOLE - NEARLY_WHOLE), 0, 1)
        part[0] = 0  # the background
        if part.any():
            raised = cv2.resize(part.astype(np.float32)[components], map_.shape[::-1], interpolation=cv2.INTER_LINEAR)
            raised *= np.clip((own - CORE) / (CLEAR - CORE), 0, 1)
            map_ += raised * np.maximum(own - map_, 0)
    return found


def kept(
    saliency: np.ndarray,
    maps: np.ndarray,
    deep: np.ndarray,
    prototype: np.ndarray,
    classifier: RegionClassifier,
    negatives: Negatives | None = None,
    gap: float = GAP,
) -> np.ndarray:
    """Computes the factors in [0, 1] by which maps are multiplied.

    Args:
        saliency: saliency of any object in N images, whose regions are judged, ``(N, H, W)``; if the network does not
            compute it, the maps.
        maps: maps of the same images, ``(N, H, W)``.
        deep: F of the same images, ``(N, C, h, w)``.
        prototype: prototype of the group, ``(C,)``.
        classifier: classifier of the network.
        negatives: negatives of the object. A region that resembles one of them more than the object is faded even if it
            is the only one, and other regions are not compared with it.
        gap: as for :func:`regions`.

    Returns:
        ``(N, H, W)`` float32. Without negatives, the factors of a map with one region are 1.
    """
    factors = np.ones(saliency.shape, np.float32)
    for whole, small, map_, f in zip(factors, reduced(saliency), reduced(maps), deep, strict=True):
        found = _kept(small, map_, f, prototype, classifier, negatives, gap)
        if found is not None:
            cv2.resize(found, whole.shape[::-1], dst=whole, interpolation=cv2.INTER_LINEAR)
    return factors


def descriptors(saliency: np.ndarray, deep: np.ndarray) -> np.ndarray:
    """Computes the unit vectors ``(R, C)`` of all regions of N images; arguments as for :func:`kept`."""
    return unit(np.concatenate([means(*regions(s), f) for s, f in zip(reduced(saliency), deep, strict=True)]))


def _kept(
    saliency: np.ndarray,
    map_: np.ndarray,
    deep: np.ndarray,
    prototype: np.ndarray,
    classifier: RegionClassifier,
    negatives: Negatives | None,
    gap: float,
) -> np.ndarray | None:
    """Computes the factors of one image, ``(h, w)``; None if all are 1."""
    where, cores = regions(saliency, map_, gap)
    if where.max() == 0 and negatives is None:
        return None
    vectors = unit(means(where, cores, deep))
    alike = vectors @ unit(prototype)
    factors = np.ones(len(vectors))
    if negatives is not None:
        factors, alike = negatives.judged(vectors, alike)
    factors = factors * classifier.kept(vectors, alike)
    return factors.astype(np.float32)[where]
