"""Precision P and Jaccard J of the co-segmentation papers (SSNM's evaluation code).

P is the share of pixels, object and background, where map and truth agree: pixel accuracy, not precision.
"""

import numpy as np
from PIL import Image

from cosod.postprocess.threshold import coseg_threshold

SIZE = 224


def binarize(levels: np.ndarray, cap: float = 0.8) -> np.ndarray:
    """Returns the pixels strictly above min(mean + std, cap), with the population standard deviation of the image.

    Args:
        levels: uint8, (H, W).
        cap: upper limit of the threshold, in [0, 1].

    Returns:
        bool, (H, W).
    """
    values = levels / 255.0
    return values > coseg_threshold(values, cap)


def precision_jaccard(pred: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Computes P and J of two bool arrays of one shape; J is 0 where both are empty (1e-10 below, as in the papers'
    code).
    """
    union = np.count_nonzero(pred | truth)
    return float(np.mean(pred == truth)), float(np.count_nonzero(pred & truth) / (union + 1e-10))


def at_papers_size(levels: np.ndarray) -> np.ndarray:
    """Resizes a uint8 image to 224 x 224, bilinear."""
    return np.asarray(Image.fromarray(levels).resize((SIZE, SIZE), Image.Resampling.BILINEAR))
