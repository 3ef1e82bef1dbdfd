"""Colors for pixels that have none: a smooth continuation of those around them."""

import cv2
import numpy as np


def spread(colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Fills pixels of weight 0 from those of weight 1, smoothly, at any distance.

    Averages go down a pyramid over the pixels that are known, and come up again where there are none ("pull-push",
    Gortler et al., SIGGRAPH 1996), in time linear in the pixels.

    Args:
        colors: float32 ``(H, W, 3)``; what stands where the weight is 0 does not matter.
        weights: float32 ``(H, W)`` in [0, 1]; with all of them 0 the result is 0.

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
