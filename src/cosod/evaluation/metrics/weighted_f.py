"""Weighted F-measure (Margolin et al., CVPR 2014): errors count less near the object and where others excuse them."""

import cv2
import numpy as np

_EPS = np.spacing(1)
#: The 7 x 7 Gaussian reaches this far from the object; farther away the nearest object pixel does not matter.
_REACH = 3


def weighted_f(pred: np.ndarray, truth: np.ndarray) -> float:
    """Computes the weighted F with beta = 1.

    Args:
        pred: float64, (H, W), in [0, 1].
        truth: bool, (H, W).

    Returns:
        In [0, 1]; 0 for an empty truth.
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
    """Computes the exact Euclidean distance of each pixel to the object, 0 inside."""
    outside = np.where(truth, 0, 255).astype(np.uint8)
    return cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)


def _smoothed(error: np.ndarray) -> np.ndarray:
    """Filters by the normalized 7 x 7 Gaussian of sigma 5, zeros outside the image."""
    kernel = np.exp(-(np.arange(-_REACH, _REACH + 1) ** 2) / 50.0)
    kernel /= kernel.sum()
    return cv2.sepFilter2D(error, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_CONSTANT)


def _spread(error: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns the error with each background pixel near the object given that of the nearest object pixel.

    Only pixels that the Gaussian can see from the object are set. Of several nearest pixels the leftmost counts,
    then the topmost, which is SciPy's choice.
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


#: The farthest pixel that the Gaussian sees lies 3 columns and 3 rows from the object: distance^2 at most 18.
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
