"""The weighted F-measure (Margolin et al., CVPR 2014).

An error on the object counts less if the error averaged over its neighborhood is smaller, and an error in the
background counts more the farther it is from the object.
"""

import cv2
import numpy as np

_EPS = np.spacing(1)
#: The radius of the 7 x 7 Gaussian in pixels, and thus how far from the object the background affects its average.
_REACH = 3


def weighted_f(pred: np.ndarray, truth: np.ndarray) -> float:
    """Computes the weighted F-measure with beta = 1.

    Args:
        pred: the map, float64, ``(H, W)``, in [0, 1].
        truth: the truth, bool, ``(H, W)``.

    Returns:
        A value in [0, 1]; 0 for an empty truth.

    Example:
        >>> truth = np.zeros((32, 32), bool)
        >>> truth[8:24, 8:24] = True
        >>> round(weighted_f(truth.astype(np.float64), truth), 4)
        1.0
    """
    if not truth.any():
        return 0.0
    error = np.abs(pred - truth)
    smooth = _smoothed(_spread(error, truth))
    least = np.where(truth & (smooth < error), smooth, error)
    distance = _distance(truth)
    weighted = least * np.where(truth, 1.0, 2 - np.exp(np.log(0.5) / 5 * distance))
    objects = np.count_nonzero(truth)
    inside = weighted[truth].sum()
    hits = objects - inside
    recall = 1 - inside / objects
    precision = hits / (hits + weighted[~truth].sum() + _EPS)
    return float(2 * recall * precision / (recall + precision + _EPS))


def _distance(truth: np.ndarray) -> np.ndarray:
    """Computes the exact Euclidean distance of each pixel to the nearest object pixel, which is 0 on the object."""
    outside = np.where(truth, 0, 255).astype(np.uint8)
    return cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)


def _smoothed(error: np.ndarray) -> np.ndarray:
    """Filters with the normalized 7 x 7 Gaussian of sigma 5, where the image is padded with zeros."""
    kernel = np.exp(-(np.arange(-_REACH, _REACH + 1) ** 2) / 50.0)
    kernel /= kernel.sum()
    return cv2.sepFilter2D(error, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)


def _spread(error: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns the error, where each background pixel near the object gets the error of the nearest object pixel.

    Only the background pixels inside the Gaussian's window around an object pixel are replaced. If several object
    pixels are equally near, the leftmost of them is taken, and of these the topmost, as SciPy does.
    """
    pad = _OFFSETS_REACH
    width = truth.shape[1] + 2 * pad
    objects = cv2.copyMakeBorder(truth.astype(np.uint8), pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    near = cv2.dilate(objects, np.ones((2 * _REACH + 1,) * 2, np.uint8))
    near[:pad], near[-pad:], near[:, :pad], near[:, -pad:] = 0, 0, 0, 0
    places = np.flatnonzero(near > objects)
    inside = objects.astype(bool).ravel()
    spread = np.pad(error, pad).ravel()
    for dx, dy in _OFFSETS:
        found = inside[places + (dy * width + dx)]
        # Sources are object pixels and targets are not, so that reading and writing one array is safe.
        spread[places[found]] = spread[places[found] + (dy * width + dx)]
        places = places[~found]
        if places.size == 0:
            break
    return spread.reshape(-1, width)[pad:-pad, pad:-pad]


#: A corner of the Gaussian's window is 3 columns and 3 rows away, at a squared distance of 18. An object pixel that is
#: nearer than this corner is at most 4 columns or rows away.
_OFFSETS_REACH = 4
_OFFSETS = sorted(
    (
        (dx, dy)
        for dx in range(-_OFFSETS_REACH, _OFFSETS_REACH + 1)
        for dy in range(-_OFFSETS_REACH, _OFFSETS_REACH + 1)
        if 0 < dx * dx + dy * dy <= 2 * _REACH**2
    ),
    key=lambda offset: (offset[0] ** 2 + offset[1] ** 2, *offset),
)
