"""Precision P and Jaccard index J of the co-segmentation papers, as in SSNM's evaluation code.

Although the papers call it precision, P is the pixel accuracy: the share of all pixels at which the binarized map and
the truth agree.
"""

import numpy as np
from PIL import Image

from cosod.postprocess.threshold import coseg_threshold

#: Height and width in pixels at which SSNM's evaluation code compares maps and truths.
SIZE = 224


def binarize(levels: np.ndarray, cap: float = 0.8) -> np.ndarray:
    """Binarizes a map with the threshold min(mean + std, cap), where std is the population standard deviation.

    Args:
        levels: the map, uint8, ``(H, W)``.
        cap: the upper limit of the threshold, in [0, 1].

    Returns:
        bool, ``(H, W)``; True where the value is strictly above the threshold.

    Example:
        >>> binarize(np.array([[0, 255]], np.uint8)).tolist()
        [[False, True]]
    """
    values = levels / 255.0
    return values > coseg_threshold(values, cap)


def precision_jaccard(pred: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Computes P and J of a binarized map and its truth.

    Args:
        pred: the binarized map, bool, ``(H, W)``.
        truth: the truth, bool, ``(H, W)``.

    Returns:
        P and J, each in [0, 1]. J is 0 if both arrays are empty: 1e-10 is added to its denominator, as in the papers'
        code.

    Example:
        >>> precision_jaccard(np.array([[True, False]]), np.array([[False, False]]))
        (0.5, 0.0)
    """
    union = np.count_nonzero(pred | truth)
    return float(np.mean(pred == truth)), float(np.count_nonzero(pred & truth) / (union + 1e-10))


def at_papers_size(levels: np.ndarray) -> np.ndarray:
    """Resizes an image to 224 x 224 pixels with Pillow's bilinear filter.

    Args:
        levels: uint8, ``(H, W)``.

    Returns:
        uint8, ``(224, 224)``.

    Example:
        >>> at_papers_size(np.zeros((10, 20), np.uint8)).shape
        (224, 224)
    """
    return np.asarray(Image.fromarray(levels).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
