"""Curves over thresholds (precision, recall, F and E), and the areas under them (AP and AUC).

Curves are computed from ``counts``, the joint histogram ``(256, T)`` of the levels of a map and the values of its
truth, and from ``passing``, the lowest level that passes each of K thresholds (see
:mod:`cosod.evaluation.metrics.thresholds`).
"""

import numpy as np

from cosod.evaluation.metrics.histograms import tails

#: The beta squared of F max, F mean and the adaptive F in the field's tables (Achanta et al., CVPR 2009).
BETA2 = 0.3


def rates(
    counts: np.ndarray, values: np.ndarray, passing: np.ndarray, eps: float = 1e-20
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes precision, recall (the true positive rate) and false positive rate at each threshold.

    Gray pixels of a truth count with their value: the number of true positives is ``sum(b g)`` over the pixels of the
    binarized map b and the truth g, as in eval-co-sod.

    Args:
        counts: the joint histogram, ``(256, T)``.
        values: the values of the truth, ``(T,)``, in [0, 1].
        passing: the lowest level that passes each threshold, ``(K,)``.
        eps: a small number that is added to each denominator.

    Returns:
        Precision, recall and false positive rate, float64, ``(K,)`` each, in [0, 1]. A rate is 0 where its denominator
        is 0 without ``eps``.

    Example:
        >>> counts = np.zeros((256, 2))
        >>> counts[0, 0], counts[255, 1] = 3, 1  # three background pixels, one object pixel
        >>> precision, recall, false_rate = rates(counts, np.array([0.0, 1.0]), np.array([0, 128]))
        >>> precision.tolist(), recall.tolist(), false_rate.tolist()
        ([0.25, 1.0], [1.0, 1.0], [1.0, 0.0])
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
    """Computes the F-measure ``(1 + beta2) P R / (beta2 P + R)`` of each element; 0 where P and R are both 0.

    Args:
        precision: the precision P, any shape, in [0, 1].
        recall: the recall R, the same shape, in [0, 1].
        beta2: the square of beta.

    Returns:
        The same shape, in [0, 1].

    Example:
        >>> f_beta(np.array([1.0, 0.0]), np.array([1.0, 0.0])).tolist()
        [1.0, 0.0]
    """
    below = beta2 * precision + recall
    return (1 + beta2) * precision * recall / np.where(below > 0, below, 1)


def alignment(counts: np.ndarray, values: np.ndarray, passing: np.ndarray, eps: float = 1e-20) -> np.ndarray:
    """Computes the E-measure at each threshold by its formula (Fan et al., IJCAI 2018), also for constant truths.

    With ``a = b - mean(b)`` of the binarized map b and ``c = g - mean(g)`` of the truth g, the E-measure is the sum of
    ``(2 a c / (a^2 + c^2 + eps) + 1)^2 / 4`` over the pixels, divided by ``H W - 1``.

    Args:
        counts: the joint histogram, ``(256, T)``.
        values: the values of the truth, ``(T,)``, in [0, 1].
        passing: the lowest level that passes each threshold, ``(K,)``.
        eps: a small number that is added to the denominators.

    Returns:
        float64, ``(K,)``.

    Example:
        >>> counts = np.zeros((256, 2))
        >>> counts[0, 0], counts[255, 1] = 300, 100
        >>> round(float(alignment(counts, np.array([0.0, 1.0]), np.array([128]))[0]), 2)
        1.0
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
    """Computes the E-measure at each threshold as the MATLAB code and PySODMetrics do.

    It differs from :func:`alignment` for a constant truth, where it is the number of pixels at which the binarized map
    and the truth agree, divided by ``H W - 1``.

    Args:
        counts: the joint histogram of background and object, ``(256, 2)``.
        passing: the lowest level that passes each threshold, ``(K,)``.
        eps: a small number that is added to the denominators.

    Returns:
        float64, ``(K,)``.

    Example:
        >>> counts = np.zeros((256, 2))
        >>> counts[0, 0], counts[255, 0] = 300, 100  # the truth is empty
        >>> round(float(alignment_or_share(counts, np.array([128]))[0]), 2)
        0.75
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
        precision, recall: the curves, ``(K,)`` each, by rising threshold.

    Example:
        >>> average_precision(np.array([0.5, 1.0]), np.array([1.0, 0.5]))
        0.75
    """
    precision = np.concatenate(([0.0], precision[::-1], [0.0]))
    recall = np.concatenate(([0.0], recall[::-1], [1.0]))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))


def area_under_roc(true_rate: np.ndarray, false_rate: np.ndarray) -> float:
    """Computes the area under the ROC curve by trapezoids between the first and last threshold, as eval-co-sod does.

    Args:
        true_rate, false_rate: the true and false positive rates, ``(K,)`` each, by rising threshold.

    Example:
        >>> area_under_roc(np.array([1.0, 0.5, 0.0]), np.array([1.0, 0.0, 0.0]))
        0.75
    """
    return float(np.trapezoid(true_rate[::-1], false_rate[::-1]))
