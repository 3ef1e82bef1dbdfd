"""S-measure (Fan et al., ICCV 2017) from the histograms of the four quadrants; no pass over the pixels."""

import math

import numpy as np

from cosod.evaluation.metrics.thresholds import Scale


def s_measure(quadrants: np.ndarray, areas: list[int], scale: Scale, eps: float = 1e-20) -> float:
    """Computes 0.5 S_object + 0.5 S_region, not clamped at 0.

    Args:
        quadrants: (4, 256, 2) joint histograms around the truth's centroid, as
            :func:`cosod.evaluation.metrics.histograms.quadrants` gives them.
        areas: the quadrants' pixel counts.
        scale: value of a level.
        eps: the protocol's guard against division by zero.

    Returns:
        At most 1. A part without pixels adds nothing, and one pixel has no deviation; the toolboxes give NaN there.
    """
    sums = _sums(quadrants, scale)
    background, objects = (tuple(map(sum, zip(*(part[side] for part in sums), strict=True))) for side in (0, 1))
    # O(1 - p) of the background: the same sums of span - n.
    n, first, second = background
    background = n, scale.span * n - first, scale.span**2 * n - 2 * scale.span * first + second
    pixels = objects[0] + background[0]
    share = objects[0] / pixels
    of_object = share * _likeness(objects, scale.span, eps) + (1 - share) * _likeness(background, scale.span, eps)
    of_region = sum(area / pixels * _ssim(part, scale.span, eps) for part, area in zip(sums, areas, strict=True))
    return 0.5 * of_object + 0.5 * of_region


def mean_value(histogram: np.ndarray, scale: Scale) -> float:
    """Computes the mean value of the pixels of a (256,) histogram."""
    return float(histogram @ scale.values() / histogram.sum())


def _sums(quadrants: np.ndarray, scale: Scale) -> list[list[tuple[int, int, int]]]:
    """Counts by quadrant and side (background, object) the pixels, sum and sum of squares of level - low, exactly."""
    n = np.arange(256.0) - scale.low
    powers = np.stack([np.ones(256), n, n * n])
    table = np.matmul(powers, quadrants)
    return [[tuple(int(x) for x in table[q, :, side]) for side in (0, 1)] for q in range(4)]


def _likeness(sums: tuple[int, int, int], span: int, eps: float) -> float:
    """Computes o = 2 x / (x^2 + 1 + sigma + eps) with the (N - 1) standard deviation."""
    count, first, second = sums
    if count == 0:
        return 0.0
    x = first / count / span
    variance = (count * second - first * first) / (count * (count - 1)) if count > 1 else 0.0
    return 2 * x / (x * x + 1 + math.sqrt(variance) / span + eps)


def _ssim(part: list[tuple[int, int, int]], span: int, eps: float) -> float:
    """Computes 4 x y s_xy / ((x^2 + y^2)(s_x^2 + s_y^2)); its zero tests are made on whole numbers."""
    (n0, first0, second0), (n1, first1, second1) = part
    count, first, second = n0 + n1, first0 + first1, second0 + second1
    if count == 0:
        return 0.0
    spread_p = count * second - first * first
    spread_g = count * n1 - n1 * n1
    together = count * first1 - first * n1
    if first * n1 * together == 0:
        return 0.0 if (first or n1) and (spread_p or spread_g) else 1.0
    x, y = first / count / span, n1 / count
    pairs = count * (count - 1)
    above = 4 * x * y * together / pairs / span
    below = (x * x + y * y) * (spread_p / pairs / span**2 + spread_g / pairs)
    return above / (below + eps)
