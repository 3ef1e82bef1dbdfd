"""The mask of the object from a map: thresholding, GrabCut, and removal of specks and holes."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from cosod.errors import InputError
from cosod.postprocess.threshold import MASK_THRESHOLD, binarize

#: Longer side, in pixels, of images for GrabCut: its time grows faster than the number of pixels, and the edge is
#: refined at full size afterwards.
CUT_SIDE = 480
#: Pixels whose value in the map is above the first or below the second are fixed in GrabCut. If they were free, the IoU
#: would be lower, because the colors of object and background overlap in most photos (`benchmarks/cutouts.py`).
SURE_OBJECT, SURE_BACKGROUND = 0.9, 0.1
#: Number of iterations of GrabCut. With three, which take two and a half times as long, the IoU on the examples, the
#: held-out groups and MSRC differs by less than .001 (`benchmarks/cutouts.py`).
ROUNDS = 1
#: How far above the threshold the maximum of the map in a part of a mask has to be, see :func:`binary_mask`. It raises
#: the mean IoU of masks from 72.02 to 72.07 percent over MSRC, the held-out groups, and both beside a distractor, and
#: lowers it on none of them. A value of 0.8 would give 72.14, but would remove a second, fainter object.
CERTAIN = 0.5
#: Parts smaller than the first share of the largest part, and holes smaller than the second share of the object, are
#: removed.
SPECK, FLAW = 0.05, 0.003
#: Share of the height or width of an image below which a strip of background beside the object is searched for holes.
RIM = 0.01
#: Minimum number of pixels of object and of background that GrabCut needs for their color models.
LEAST = 16
#: Minimum overlap (IoU) of the mask of GrabCut with the mask of the map. Masks of less overlap are more often worse
#: than better, especially if the maps are good.
AGREEMENT = 0.8

Box = tuple[int, int, int, int]
Window = tuple[slice, slice]


def check_map(saliency: np.ndarray, size: tuple[int, int], name: str = "the map") -> np.ndarray:
    """Converts a map to float32 ``(H, W)`` in [0, 1]; uint8 and bool are scaled.

    Raises:
        InputError: the map does not have the ``size`` (height, width), or has values out of range.

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
    """Computes the bool mask ``(H, W)`` of a map, without parts of low confidence.

    With a number t as the threshold, a connected part is kept if the maximum of the map in it is at least ``t + CERTAIN
    t (1 - t)`` times the maximum of the whole map (0.625 times for t = 0.5). This removes fragments of other objects.
    The thresholds of the papers, ``"adaptive"`` and ``"coseg"``, are applied without this rule.

    Args:
        saliency: the map ``(H, W)`` in [0, 1].
        threshold: as for :func:`cosod.postprocess.threshold.binarize`.

    Raises:
        InputError: the threshold is unknown.

    Example:
        >>> saliency = np.zeros((8, 8), np.float32)
        >>> saliency[1:4, 1:4], saliency[6, 6] = 1.0, 0.6
        >>> int(binary_mask(saliency, 0.5).sum())
        9
    """
    mask = binarize(saliency, threshold)
    if isinstance(threshold, str) or (around := _around(mask)) is None:
        return mask
    part, values = mask[around], saliency[around]
    count, labels = cv2.connectedComponents(part.view(np.uint8), connectivity=8)
    if count == 2:
        return mask
    kept = np.zeros(count, bool)
    certain = threshold * (1 + CERTAIN * (1 - threshold))
    kept[labels[part & (values >= certain * values.max())]] = True
    mask[around] = kept[labels]
    return mask


def object_mask(saliency: np.ndarray, threshold: float | str = MASK_THRESHOLD) -> np.ndarray:
    """Computes the bool mask ``(H, W)`` of the object from the map, without specks and small holes.

    Example:
        >>> saliency = np.zeros((32, 32), np.float32)
        >>> saliency[8:24, 8:24] = 0.9
        >>> int(object_mask(saliency).sum())
        256
    """
    return tidy(np.ascontiguousarray(binary_mask(saliency, threshold)), saliency)


def tidy(mask: np.ndarray, saliency: np.ndarray | None = None) -> np.ndarray:
    """Removes parts under :data:`SPECK` of the largest one and holes under :data:`FLAW` from a mask ``(H, W)``.

    If the map ``(H, W)`` is given, small holes that contain certain background are kept, for instance the opening of a
    thin handle.

    Example:
        >>> mask = np.zeros((64, 64), bool)
        >>> mask[10:50, 10:50] = True
        >>> mask[60, 60] = True
        >>> int(tidy(mask).sum())
        1600
    """
    around = _around(mask)
    if around is None:
        return mask
    tidied, part = np.zeros_like(mask), mask[around]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(part.view(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    part = (areas >= SPECK * areas.max())[labels]
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~part).view(np.uint8), connectivity=4)
    filled = stats[:, cv2.CC_STAT_AREA] < FLAW * np.count_nonzero(part)
    filled[0] = False  # the object itself
    filled[_beyond(labels, around, mask.shape)] = False
    if saliency is not None and filled.any():
        filled[labels[filled[labels] & (saliency[around] < SURE_BACKGROUND)]] = False
    tidied[around] = part | filled[labels]
    return tidied


def _around(mask: np.ndarray) -> Window | None:
    """Returns rows and columns that contain all of a mask and some background, where there is any; None if it is empty.

    Parts and holes are looked for in them only, because the object takes a small part of many photos. A side is that of
    the image itself if less than :data:`RIM` lies beyond it, so that what lies beyond is always larger than a hole.
    """
    bounds = _bounds(mask)
    if bounds is None:
        return None
    rows, columns = (
        slice(0 if start <= RIM * length else start - 1, length if length - end <= RIM * length else end + 1)
        for (start, end), length in zip(bounds, mask.shape, strict=True)
    )
    return rows, columns


def _beyond(labels: np.ndarray, window: Window, shape: tuple[int, ...]) -> np.ndarray:
    """Returns the labels at those sides of a window that are not sides of the image."""
    (rows, columns), (height, width) = window, shape
    sides = [
        (rows.start > 0, labels[0]),
        (rows.stop < height, labels[-1]),
        (columns.start > 0, labels[:, 0]),
        (columns.stop < width, labels[:, -1]),
    ]
    return np.concatenate([side[:1] for inside, side in sides if inside] or [labels[:0, 0]])


def object_box(mask: np.ndarray) -> Box | None:
    """Returns the smallest box ``(x, y, width, height)`` around a mask ``(H, W)``; None if it is empty.

    Example:
        >>> mask = np.zeros((8, 8), bool)
        >>> mask[2:4, 1:7] = True
        >>> object_box(mask)
        (1, 2, 6, 2)
    """
    bounds = _bounds(mask)
    if bounds is None:
        return None
    (top, bottom), (left, right) = bounds
    return left, top, right - left, bottom - top


def surroundings(mask: np.ndarray, share: float = 0.25) -> Window | None:
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
    rows, columns = (
        slice(max(0, start - margin), min(length, end + margin))
        for (start, end), length in zip(bounds, mask.shape, strict=True)
    )
    return rows, columns


def _bounds(mask: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Returns the first row and one past the last, and the same for columns."""
    found = []
    for axis in (1, 0):
        used = np.flatnonzero(mask.any(axis=axis))
        if not len(used):
            return None
        found.append((int(used[0]), int(used[-1]) + 1))
    rows, columns = found
    return rows, columns


def grab_cut(
    image: np.ndarray, saliency: np.ndarray, mask: np.ndarray, agreement: float = AGREEMENT
) -> tuple[np.ndarray, str | None]:
    """Refines the mask of the object by color with GrabCut (Rother et al., SIGGRAPH 2004).

    Args:
        image: ``(H, W, 3)`` uint8, preferably cropped to the :func:`surroundings` of the object.
        saliency: map of the image ``(H, W)``; its highest and lowest values are certain.
        mask: initial mask, bool ``(H, W)``.
        agreement: minimum overlap (IoU) of the result with ``mask``; below it, ``mask`` is returned.

    Returns:
        A bool mask whose longer side is at most :data:`CUT_SIDE`, and the reason if it is ``mask`` itself, because
        GrabCut could not be applied or lost the object; otherwise None.

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
    # GrabCut starts from random clusters. OpenCV has a random generator for each thread, so that the seed in a new
    # thread makes the result reproducible and does not change other generators.
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
    no_box = (0, 0, 0, 0)  # the marks take the place of a box
    cv2.grabCut(image, marks, no_box, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    return (marks & 1).astype(bool)
