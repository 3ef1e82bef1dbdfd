"""Smooth filling of pixels without a known color from the colors around them."""

import cv2
import numpy as np


def spread(colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fills pixels of weight 0 smoothly from pixels of weight 1 at any distance.

    The method is "pull-push" (Gortler et al., SIGGRAPH 1996): an image pyramid of means over the known pixels is
    computed, and then enlarged level by level to fill the unknown ones. Its time is linear in the number of pixels.

    Args:
        colors: float32 ``(H, W, 3)``; values at pixels of weight 0 are ignored.
        weights: float32 ``(H, W)`` in [0, 1]; if all are 0, the result is 0.

    Returns:
        float32 ``(H, W, 3)``, equal to ``colors`` where the weight is 1.
    """
    height, width = weights.shape
    shares = weights[..., None]
    if height == width == 1:
        return np.where(shares > 0, colors, 0)
    half = ((width + 1) // 2, (height + 1) // 2)
    known = cv2.resize(weights, half, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(colors * shares, half, interpolation=cv2.INTER_AREA)
    means = sums / np.maximum(known, 1e-6)[..., None]
    below = spread(means, np.minimum(2 * known, 1))
    return colors * shares + (1 - shares) * cv2.resize(below, (width, height), interpolation=cv2.INTER_LINEAR)
