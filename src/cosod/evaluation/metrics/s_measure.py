"""The S-measure (Fan et al., ICCV 2017), computed from the histograms of the four quadrants instead of the pixels."""

import math

import numpy as np

from cosod.evaluation.metrics.thresholds import Scale


def s_measure(quadrants: np.ndarray, areas: list[int], scale: Scale, eps: float = 1e-20) -> float:
    """Computes the S-measure ``0.5 S_object + 0.5 S_region``.

    Args:
        quadrants: the joint histograms of the four parts around the centroid of the truth, ``(4, 256, 2)``, from
            :func:`cosod.evaluation.metrics.histograms.quadrants`.
        areas: the number of pixels of each of the four parts.
        scale: the scale from levels to values.
        eps: the small number that the protocol adds to denominators.

    Returns:
        A value of at most 1, which can be negative. Parts without pixels contribute 0, and the standard deviation of a
        single pixel is 0, whereas the toolboxes return NaN in these cases.

    Example:
        >>> mask = np.zeros((4, 4), np.uint8)
        >>> mask[1:3, 1:3] = 255
        >>> from cosod.evaluation.metrics import histograms
        >>> round(s_measure(histograms.quadrants(mask, mask, 2, 2), [4, 4, 4, 4], Scale(0, 255)), 4)
        1.0
    """
    sums = _sums(quadrants, scale)
    background, objects = (tuple(map(sum, zip(*(part[side] for part in sums), strict=True))) for side in (0, 1))
    # The background is compared by 1 - p, so its sums are those of span - n instead of n = level - low.
    n, first, second = background
    background = n, scale.span * n - first, scale.span**2 * n - 2 * scale.span * first + second
    pixels = objects[0] + background[0]
    share = objects[0] / pixels
    of_object = share * _likeness(objects, scale.span, eps) + (1 - share) * _likeness(background, scale.span, eps)
    of_region = sum(area / pixels * _ssim(part, scale.span, eps) for part, area in zip(sums, areas, strict=True))
    return 0.5 * of_object + 0.5 * of_region


def mean_value(histogram: np.ndarray, scale: Scale) -> float:
    """Computes the mean value of the pixels that a histogram counts.

    Args:
        histogram: the number of pixels of each level, ``(256,)``.
        scale: the scale from levels to values.

    Example:
        >>> mean_value(np.bincount([0, 255], minlength=256), Scale(0, 255))
        0.5
    """
    return float(histogram @ scale.values() / histogram.sum())


def _sums(quadrants: np.ndarray, scale: Scale) -> list[list[tuple[int, ...]]]:
    """Computes the number of pixels and the sums of n and n^2, n = level - low, by quadrant and side, exactly.

    The sides are background and object.
    """
    n = np.arange(256.0) - scale.low
    powers = np.stack([np.ones(256), n, n * n])
    table = np.matmul(powers, quadrants)
    return [[tuple(int(x) for x in table[q, :, side]) for side in (0, 1)] for q in range(4)]


def _likeness(sums: tuple[int, ...], span: int, eps: float) -> float:
    """Computes 2 x / (x^2 + 1 + sigma + eps) from the mean x and the standard deviation sigma, normalized by N - 1."""
    count, first, second = sums
    if count == 0:
        return 0.0
    x = first / count / span
    variance = (count * second - first * first) / (count * (count - 1)) if count > 1 else 0.0
    return 2 * x / (x * x + 1 + math.sqrt(variance) / span + eps)


def _ssim(part: list[tuple[int, ...]], span: int, eps: float) -> float:
    """Computes 4 x y s_xy / ((x^2 + y^2)(s_x^2 + s_y^2)), and decides on whole numbers whether a term is zero."""
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
