"""Thresholding of maps, with a fixed threshold or one that is computed from the map."""

import numpy as np

from cosod.errors import InputError

#: Default threshold of masks, overlays, cut-outs and thumbnails. Compared with twice the mean of the map, the IoU is
#: .840 instead of .835 on the held-out groups of DUTS, .739 instead of .705 on the examples, and .650 instead of .661
#: on MSRC (`benchmarks/cutouts.py`), and the mask of an empty map is empty.
MASK_THRESHOLD = 0.5


def binarize(saliency: np.ndarray, threshold: float | str = MASK_THRESHOLD) -> np.ndarray:
    """Binarizes a map ``(H, W)`` in [0, 1].

    Args:
        saliency: the map.
        threshold: a value in (0, 1), or ``"adaptive"``: twice the map's mean, at most 0.95 (GCoNet section 5,
            "applications"), or ``"coseg"``: :func:`coseg_threshold`. The masks of the last two are never empty, even if
            the image does not show the object.

    Example:
        >>> binarize(np.array([[0.2, 0.8]]), 0.5).tolist()
        [[False, True]]
    """
    check_threshold(threshold)
    if threshold == "adaptive":
        threshold = min(2 * float(saliency.mean()), 0.95)
    elif threshold == "coseg":
        threshold = coseg_threshold(saliency)
    return saliency > threshold


def coseg_threshold(saliency: np.ndarray, cap: float = 0.8) -> float:
    """Computes mean plus population standard deviation of a map, at most ``cap``, as SSNM's evaluation code does.

    Example:
        >>> round(coseg_threshold(np.array([[0.0, 0.2], [0.0, 0.2]])), 4)
        0.2
    """
    return min(float(saliency.mean() + saliency.std()), cap)


def check_threshold(threshold: float | str) -> None:
    """Raises InputError for a threshold that :func:`binarize` does not take.

    Example:
        >>> check_threshold(0.5)
    """
    if threshold not in ("adaptive", "coseg") and not (isinstance(threshold, int | float) and 0 < threshold < 1):
        raise InputError(f"threshold {threshold!r}: give a value between 0 and 1, 'adaptive' or 'coseg'")
