"""Joint histograms of a map and its truth, from which MAE, F, E and S are computed.

Both images have at most 256 levels, so these measures follow exactly from the number of pixels ``counts[level, truth]``
of each pair of levels, for any number of thresholds. All counts are whole numbers in float64, exact below 2**53.
"""

import cv2
import numpy as np

#: OpenCV's calcHist counts in float32, which is exact up to 2**24; larger images are counted in bands of rows.
_BAND = 1 << 24


def histogram(levels: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Counts the pixels of each level.

    Args:
        levels: uint8, ``(H, W)``.
        mask: uint8, ``(H, W)``; only the pixels where the mask is not 0 are counted. All pixels by default.

    Returns:
        float64, ``(256,)``, whole numbers.

    Example:
        >>> counts = histogram(np.array([[0, 255], [0, 7]], np.uint8))
        >>> counts[[0, 7, 255]].tolist()
        [2.0, 1.0, 1.0]
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
    """Returns whether a uint8 truth ``(H, W)`` has no levels other than 0 and 255.

    Example:
        >>> is_binary(np.array([[0, 255]], np.uint8)), is_binary(np.array([[0, 1]], np.uint8))
        (True, False)
    """
    return count_gray(truth) == 0


def count_gray(truth: np.ndarray) -> int:
    """Counts the pixels of a uint8 truth ``(H, W)`` that have other levels than 0 and 255.

    Example:
        >>> count_gray(np.array([[0, 255, 7]], np.uint8))
        1
    """
    white = cv2.compare(truth, 255, cv2.CMP_EQ)  # type: ignore[call-overload] # OpenCV's stubs do not know scalars
    return cv2.countNonZero(truth) - cv2.countNonZero(white)


def joint(pred: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Computes the joint histogram of a map and the T levels that occur in its truth.

    Args:
        pred: the map, uint8, ``(H, W)``.
        truth: the truth, uint8, ``(H, W)``, with any number of levels.

    Returns:
        ``counts``, float64, ``(256, T)``, and ``values``, the T truth values in [0, 1], float64, ``(T,)``.

    Example:
        >>> counts, values = joint(np.array([[9, 9]], np.uint8), np.array([[0, 255]], np.uint8))
        >>> counts.shape, values.tolist(), counts[9].tolist()
        ((256, 2), [0.0, 1.0], [1.0, 1.0])
    """
    both = np.bincount((truth.astype(np.intp) << 8 | pred).ravel(), minlength=1 << 16).reshape(256, 256)
    present = np.flatnonzero(both.any(axis=1))
    return both[present].T.astype(np.float64), present / 255.0


def quadrants(pred: np.ndarray, mask: np.ndarray, row: int, column: int) -> np.ndarray:
    """Computes the joint histograms of the four parts into which ``row`` and ``column`` divide a map and its truth.

    Args:
        pred: the map, uint8, ``(H, W)``.
        mask: the binary truth, uint8, ``(H, W)``, with the levels 0 and 255 only.
        row: the first row of the lower parts; 0 leaves the upper parts empty.
        column: the first column of the right parts; 0 leaves the left parts empty.

    Returns:
        float64, ``(4, 256, 2)``: the histograms of the upper left, upper right, lower left and lower right part. The
        last axis holds background and object. The sum over the first axis is the joint histogram of the whole image.

    Example:
        >>> mask = np.array([[0, 255], [0, 0]], np.uint8)
        >>> quadrants(mask, mask, 1, 1).sum(axis=1).tolist()
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
    """
    outside = cv2.bitwise_not(mask)
    parts = np.empty((4, 256, 2))
    places = [(ys, xs) for ys in (slice(0, row), slice(row, None)) for xs in (slice(0, column), slice(column, None))]
    for part, place in zip(parts, places, strict=True):
        # Two passes with masks count each pixel once, which is faster than one pass without and one with a mask.
        part[:, 0] = histogram(pred[place], outside[place])
        part[:, 1] = histogram(pred[place], mask[place])
    return parts


def centroid(mask: np.ndarray) -> tuple[float, float] | None:
    """Computes the mean row and column of the object in a binary mask, counted from 0.

    Args:
        mask: uint8, ``(H, W)``, with the levels 0 and 255 only.

    Returns:
        The row and the column, or None if the mask is empty.

    Example:
        >>> centroid(np.array([[0, 0, 0], [0, 255, 255]], np.uint8))
        (1.0, 1.5)
    """
    columns = cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(float)
    rows = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(float)
    total = rows.sum()
    if total == 0:
        return None
    return float(rows @ np.arange(float(rows.size)) / total), float(columns @ np.arange(float(columns.size)) / total)


def tails(counts: np.ndarray) -> np.ndarray:
    """Computes the number of pixels with a level of at least v, for each v from 0 to 256.

    Args:
        counts: a histogram over levels, ``(256, ...)``.

    Returns:
        float64, ``(257, ...)``; the last row is 0.

    Example:
        >>> tails(np.ones(256))[[0, 1, 255, 256]].tolist()
        [256.0, 255.0, 1.0, 0.0]
    """
    out = np.zeros((257, *counts.shape[1:]))
    out[:256] = np.cumsum(counts[::-1], axis=0)[::-1]
    return out
