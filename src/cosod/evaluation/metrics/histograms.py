"""Joint histograms of a map and its truth: all that MAE, F, E and S need to know of the pixels.

Both images have 256 levels, so ``counts[level, truth]`` holds every pixel and the measures follow from it exactly,
whatever the number of thresholds. All counts are whole numbers in float64, exact below 2**53.
"""

import cv2
import numpy as np

#: calcHist counts in float32, exact up to 2**24: larger images are counted in bands of rows below this.
_BAND = 1 << 24


def histogram(levels: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Counts the pixels of each level.

    Args:
        levels: uint8, (H, W).
        mask: uint8, (H, W); only pixels where it is not 0 count.

    Returns:
        float64, (256,), whole numbers.
    """
    total = np.zeros(256)
    if levels.size == 0:
        return total
    rows = max(1, _BAND // levels.shape[1])
    for top in range(0, levels.shape[0], rows):
        part = None if mask is None else mask[top : top + rows]
        total += cv2.calcHist([levels[top : top + rows]], [0], part, [256], [0, 256]).ravel()
    return total


def is_binary(truth: np.ndarray) -> bool:
    """Whether a uint8 truth holds nothing but 0 and 255."""
    return cv2.countNonZero(truth) == cv2.countNonZero(cv2.compare(truth, 255, cv2.CMP_EQ))


def joint(pred: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the joint histogram over the truth's own levels.

    Args:
        pred: uint8, (H, W).
        truth: uint8, (H, W), any number of levels.

    Returns:
        ``counts``, float64, (256, T), and ``values``, float64, (T,): the T truth values that occur, in [0, 1].
    """
    both = np.bincount((truth.astype(np.intp) << 8 | pred).ravel(), minlength=1 << 16).reshape(256, 256)
    present = np.flatnonzero(both.any(axis=1))
    return both[present].T.astype(np.float64), present / 255.0


def quadrants(pred: np.ndarray, mask: np.ndarray, row: int, column: int) -> np.ndarray:
    """Computes the joint histograms of the four parts that ``row`` and ``column`` cut a map with a binary truth into.

    Args:
        pred: uint8, (H, W).
        mask: uint8, (H, W), 0 or 255.
        row, column: first row and column of the lower and right parts; 0 leaves the upper or left parts empty.

    Returns:
        float64, (4, 256, 2): upper left, upper right, lower left, lower right; [..., 0] is background. Their sum
        over the first axis is the joint histogram of the whole image.
    """
    outside = cv2.bitwise_not(mask)
    parts = np.empty((4, 256, 2))
    places = [(ys, xs) for ys in (slice(0, row), slice(row, None)) for xs in (slice(0, column), slice(column, None))]
    for part, place in zip(parts, places, strict=True):
        # Two masked passes touch each pixel's counter once, which is faster than one plain pass and one masked.
        part[:, 0] = histogram(pred[place], outside[place])
        part[:, 1] = histogram(pred[place], mask[place])
    return parts


def centroid(mask: np.ndarray) -> tuple[float, float] | None:
    """Computes mean row and column, from 0, of the object of a uint8 mask of 0 and 255; None where there is none."""
    columns = cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(float)
    rows = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(float)
    total = rows.sum()
    if total == 0:
        return None
    return float(rows @ np.arange(float(rows.size)) / total), float(columns @ np.arange(float(columns.size)) / total)


def tails(counts: np.ndarray) -> np.ndarray:
    """Computes ``tails[v]``, the counts of all levels >= v, for v in 0..256.

    Args:
        counts: (256, ...) histogram over levels.

    Returns:
        float64, (257, ...); the last row is 0.
    """
    out = np.zeros((257, *counts.shape[1:]))
    out[:256] = np.cumsum(counts[::-1], axis=0)[::-1]
    return out
