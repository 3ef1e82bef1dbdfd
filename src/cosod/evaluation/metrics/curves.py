"""Curves over thresholds, and what is read off them: precision, recall, F, E, AP and AUC.

All take ``counts``, the joint histogram (256, T) of levels and truth values, and ``passing``, the lowest level that
passes each of K thresholds (see :mod:`cosod.evaluation.metrics.thresholds`).
"""

import numpy as np

from cosod.evaluation.metrics.histograms import tails

#: beta squared of every F in the field's tables (Achanta et al., CVPR 2009).
BETA2 = 0.3


def rates(
    counts: np.ndarray, values: np.ndarray, passing: np.ndarray, eps: float = 1e-20
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes precision, recall (= true positive rate) and false positive rate at each threshold.

    A soft truth counts with its value: tp = sum(b g), as eval-co-sod writes it.

    Args:
        counts: (256, T); values: (T,) in [0, 1]; passing: (K,).

    Returns:
        Three float64 arrays, (K,), in [0, 1]; 0 where nothing is there to divide by.
    """
    above = tails(counts)[passing]
    positives = above.sum(axis=1)
    hits = above @ values
    total = counts.sum(axis=0)
    objects = total @ values
    precision = hits / (positives + eps)
    recall = hits / (objects + eps)
    false_rate = (positives - hits) / (total.sum() - objects + eps)
    return precision, recall, false_rate


def f_beta(precision: np.ndarray, recall: np.ndarray, beta2: float = BETA2) -> np.ndarray:
    """Computes F = (1 + beta2) P R / (beta2 P + R) element by element, 0 where both are 0."""
    below = beta2 * precision + recall
    return (1 + beta2) * precision * recall / np.where(below > 0, below, 1)


def alignment(counts: np.ndarray, values: np.ndarray, passing: np.ndarray, eps: float = 1e-20) -> np.ndarray:
    """Computes E at each threshold as its formula reads (Fan et al., IJCAI 2018), constant truths included.

    With a = b - mean b and c = g - mean g: mean of ((2 a c / (a^2 + c^2 + eps) + 1)^2 / 4) with HW - 1 below.

    Returns:
        float64, (K,).
    """
    total = counts.sum(axis=0)
    pixels = total.sum()
    above = tails(counts)[passing]
    b = above.sum(axis=1, keepdims=True) / pixels
    c = values - total @ values / pixels
    return (_enhanced(1 - b, c, above, eps) + _enhanced(-b, c, total - above, eps)) / (pixels - 1 + eps)


def _enhanced(a: np.ndarray, c: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    align = 2 * a * c / (a * a + c * c + eps)
    return (weight * (align + 1) ** 2).sum(axis=1) / 4


def alignment_or_share(counts: np.ndarray, passing: np.ndarray, eps: float = np.spacing(1)) -> np.ndarray:
    """Computes E as MATLAB's code and PySODMetrics: a constant truth gives the agreeing share.

    Args:
        counts: (256, 2), background and object; passing: (K,).

    Returns:
        float64, (K,).
    """
    background, objects = counts.sum(axis=0)
    if background and objects:
        return alignment(counts, np.array([0.0, 1.0]), passing, eps)
    above = tails(counts)[passing].sum(axis=1)
    agreeing = above if objects else background - above
    return agreeing / (background + objects - 1 + eps)


def average_precision(precision: np.ndarray, recall: np.ndarray) -> float:
    """Computes the area under the upper envelope of precision over recall, as VOC 2010, Detectron and eval-co-sod do.

    Args:
        precision, recall: (K,), by rising threshold.
    """
    precision = np.concatenate(([0.0], precision[::-1], [0.0]))
    recall = np.concatenate(([0.0], recall[::-1], [1.0]))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))


def area_under_roc(true_rate: np.ndarray, false_rate: np.ndarray) -> float:
    """Computes the trapezoidal area between the first and the last threshold, as eval-co-sod does.

    Args:
        true_rate, false_rate: (K,), by rising threshold.
    """
    return float(np.trapezoid(true_rate[::-1], false_rate[::-1]))
