"""From a map to the mask of the object: threshold, GrabCut, specks and holes."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from cosod.errors import InputError
from cosod.postprocess.threshold import MASK_THRESHOLD, binarize

#: Longer side, in pixels, of what GrabCut works on: its time grows faster than the pixels, and its edge is
#: refined at full size afterwards.
CUT_SIDE = 480
#: Above and below these values of the map GrabCut may not change its mind. Left free, it lowers the IoU: the
#: colors of object and background overlap in most photos (`benchmarks/cutouts.py`).
SURE_OBJECT, SURE_BACKGROUND = 0.9, 0.1
#: Rounds of GrabCut; further ones change little.
ROUNDS = 3
#: How far above the threshold the map has to rise in a part of a mask, see :func:`binary_mask`. The mean IoU of masks
#: rises a little by it, from 72.02 to 72.07 per cent over MSRC, held-out groups and both beside a distractor, and falls
#: on none. With 0.8 it would rise to 72.14, but a second object that is fainter than the first would be left out.
CERTAIN = 0.5
#: A part smaller than this share of the largest one is a speck, a hole smaller than this share of the object a flaw.
SPECK, FLAW = 0.05, 0.003
#: GrabCut needs at least so many pixels of object and of background for their color models.
LEAST = 16
#: GrabCut's mask is taken if it overlaps with the map's own at least so far (IoU). Below, it makes more masks worse
#: than better, the more so the better the maps are.
AGREEMENT = 0.8

Box = tuple[int, int, int, int]


def check_map(saliency: np.ndarray, size: tuple[int, int], name: str = "the map") -> np.ndarray:
    """Converts a map to float32 ``(H, W)`` in [0, 1]; uint8 and bool are scaled.

    Raises:
        InputError: not of ``size`` (height, width), or with values out of range.

    Example:
        >>> check_map(np.array([[0, 255]], np.uint8), (1, 2)).tolist()
        [[0.0, 1.0]]
    """
    saliency = np.asarray(saliency)
    if saliency.shape != tuple(size):
        found = " x ".join(map(str, saliency.shape[::-1]))
        raise InputError(f"{name} is {found}, its image {size[1]} x {size[0]}; give the map of this image, at its size")
    if saliency.dtype == np.uint8:
        return saliency.astype(np.float32) / 255
    saliency = saliency.astype(np.float32)
    if not (np.isfinite(saliency).all() and saliency.min() >= 0 and saliency.max() <= 1):
        raise InputError(f"{name} has values out of [0, 1]; divide by its range first")
    return saliency


def binary_mask(saliency: np.ndarray, threshold: float | str = MASK_THRESHOLD) -> np.ndarray:
    """Computes the bool mask ``(H, W)`` of a map, without parts that are nowhere certain.

    Of a threshold t in numbers, a connected part stays if the map somewhere in it reaches ``t + CERTAIN t (1 - t)`` of
    its largest value, 0.625 of it for t = 0.5, so that fragments of what was faded as another object go. The thresholds
    of papers are taken as they are.

    Args:
        saliency: the map ``(H, W)`` in [0, 1].
        threshold: as for :func:`cosod.postprocess.threshold.binarize`.

    Raises:
        InputError: an unknown threshold.

    Example:
        >>> saliency = np.zeros((8, 8), np.float32)
        >>> saliency[1:4, 1:4], saliency[6, 6] = 1.0, 0.6
        >>> int(binary_mask(saliency, 0.5).sum())
        9
    """
    mask = binarize(saliency, threshold)
    if isinstance(threshold, str) or not mask.any():
        return mask
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if count == 2:
        return mask
    kept = np.zeros(count, bool)
    certain = threshold * (1 + CERTAIN * (1 - threshold))
    kept[labels[mask & (saliency >= certain * saliency.max())]] = True
    return kept[labels]


def object_mask(saliency: np.ndarray, threshold: float | str = MASK_THRESHOLD) -> np.ndarray:
    """Computes the bool mask ``(H, W)`` of the object from the map alone, without specks and holes.

    Example:
        >>> saliency = np.zeros((32, 32), np.float32)
        >>> saliency[8:24, 8:24] = 0.9
        >>> int(object_mask(saliency).sum())
        256
    """
    mask = np.ascontiguousarray(binary_mask(saliency, threshold))
    if not _bounds(mask):
        return mask
    return tidy(mask, saliency)


def tidy(mask: np.ndarray, saliency: np.ndarray | None = None) -> np.ndarray:
    """Removes parts under :data:`SPECK` of the largest one and holes under :data:`FLAW` from a mask ``(H, W)``.

    Small holes stay where the map ``(H, W)``, if it is given, is sure of background: that of a thin handle, say.

    Example:
        >>> mask = np.zeros((64, 64), bool)
        >>> mask[10:50, 10:50] = True
        >>> mask[60, 60] = True
        >>> int(tidy(mask).sum())
        1600
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= SPECK * areas.max()
    mask = kept[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    filled = stats[:, cv2.CC_STAT_AREA] < FLAW * mask.sum()
    if saliency is not None and count > 2:
        sure = np.bincount(labels.ravel(), (saliency < SURE_BACKGROUND).ravel(), count)
        filled &= sure == 0
    filled[0] = True
    return filled[labels]


def object_box(mask: np.ndarray) -> Box | None:
    """Returns the smallest box ``(x, y, width, height)`` around a mask ``(H, W)``; None if it is empty.

    Example:
        >>> mask = np.zeros((8, 8), bool)
        >>> mask[2:4, 1:7] = True
        >>> object_box(mask)
        (1, 2, 6, 2)
    """
    rows, columns = _bounds(mask) or (None, None)
    if rows is None:
        return None
    return columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0]


def surroundings(mask: np.ndarray, share: float = 0.25) -> tuple[slice, slice] | None:
    """Returns rows and columns of the object with a margin of ``share`` of its longer side; None for an empty mask.

    Example:
        >>> mask = np.zeros((20, 20), bool)
        >>> mask[8:12, 8:12] = True
        >>> surroundings(mask, 0.5)
        (slice(2, 18, None), slice(2, 18, None))
    """
    bounds = _bounds(mask)
    if bounds is None:
        return None
    margin = 4 + round(share * max(end - start for start, end in bounds))
    return tuple(
        slice(max(0, start - margin), min(length, end + margin))
        for (start, end), length in zip(bounds, mask.shape, strict=True)
    )


def _bounds(mask: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Returns the first and one past the last row, and the same of columns."""
    found = []
    for axis in (1, 0):
        used = np.flatnonzero(mask.any(axis=axis))
        if not len(used):
            return None
        found.append((int(used[0]), int(used[-1]) + 1))
    return tuple(found)


def grab_cut(
    image: np.ndarray, saliency: np.ndarray, mask: np.ndarray, agreement: float = AGREEMENT
) -> tuple[np.ndarray, str | None]:
    """Computes the object's mask by color: GrabCut (Rother et al., SIGGRAPH 2004) from the map's mask.

    Args:
        image: ``(H, W, 3)`` uint8, best the object's :func:`surroundings`.
        saliency: its map ``(H, W)``; decides what is sure.
        mask: bool ``(H, W)``, where to begin.
        agreement: the least overlap (IoU) with ``mask`` with which GrabCut's result is taken.

    Returns:
        A bool mask of the same view, at most :data:`CUT_SIDE` large, and why it is ``mask`` itself where GrabCut
        could not work or lost the object.

    Example:
        >>> mask, note = grab_cut(image, saliency, object_mask(saliency))  # doctest: +SKIP
    """
    size = bounded(mask.shape, CUT_SIDE)
    image, saliency, share = (
        cv2.resize(a, size, interpolation=cv2.INTER_AREA) for a in (image, saliency, mask.astype(np.float32))
    )
    mask = share > 0.5
    if min(mask.sum(), (~mask).sum()) < LEAST:
        return mask, "GrabCut needs object and background, one is missing: the map's own outline was used"
    marks = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    marks[mask & (saliency > SURE_OBJECT)] = cv2.GC_FGD
    marks[~mask & (saliency < SURE_BACKGROUND)] = cv2.GC_BGD
    # GrabCut starts from random clusters. OpenCV keeps a generator for each thread: in a thread of its own the
    # seed makes the result repeatable and touches nobody else's.
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(_seeded_grab_cut, image, marks).result()
    overlap = (found & mask).sum() / (found | mask).sum()
    if overlap < agreement:
        return mask, "GrabCut lost the object: the map's own outline was used"
    return tidy(found, saliency), None


def bounded(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """Returns the width and height of an image of ``shape`` reduced until its longer side is at most ``side``.

    Example:
        >>> bounded((1000, 2000, 3), 500)
        (500, 250)
    """
    scale = min(1.0, side / max(shape[:2]))
    return max(1, round(shape[1] * scale)), max(1, round(shape[0] * scale))


def _seeded_grab_cut(image: np.ndarray, marks: np.ndarray) -> np.ndarray:
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, marks, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (marks & 1).astype(bool)
