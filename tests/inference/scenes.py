"""Drawn groups with outliers among them, and their features."""

import numpy as np

from cosod.inference.feature_cache import EncodedGroup
from cosod.io.prefetch import Inputs


def scene(i):
    """A red disc, or in every fifth image a blue square, on noise."""
    rng = np.random.default_rng(i)
    image = rng.integers(60, 120, (60, 80, 3), dtype=np.uint8)
    y, x = np.mgrid[:60, :80]
    if i % 5 == 4:
        image[20:45, 10 + i % 30 : 35 + i % 30] = (30, 40, 230)
    else:
        image[(y - 30) ** 2 + (x - 20 - 5 * (i % 8)) ** 2 < 200] = (220, 40 + i, 30)
    return image


def scenes(n):
    return [scene(i) for i in range(n)]


def encoded(detector, images, on_error=None):
    """The features of images as a detector's pipeline has them."""
    inputs = Inputs(images, detector.size, detector.max_pixels, on_error)
    return EncodedGroup(inputs, detector.forward.encode, detector.batch, detector.options.feature_bytes)
