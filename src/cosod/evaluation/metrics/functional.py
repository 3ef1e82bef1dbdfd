"""The measures as functions of two arrays, for use in a notebook or a training loop.

Maps and truths are arrays ``(H, W)`` of type bool, uint8, or float in [0, 1]. Floats are rounded to 8 bits because the
field scores maps that were saved as PNG. The functions follow protocol ``papers`` by default, except for
:func:`weighted_f` (``pysodmetrics``) and :func:`precision_jaccard` (``coseg``).

The functions of a map and a truth raise :class:`cosod.errors.InputError` for arrays that :func:`score` does not accept,
and if the protocol does not have the measure.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from cosod.errors import InputError
from cosod.evaluation.metrics import precision_jaccard as agreement
from cosod.evaluation.metrics.curves import area_under_roc, average_precision
from cosod.evaluation.metrics.totals import Scores
from cosod.evaluation.protocols import get

__all__ = [
    "area_under_roc",
    "average_precision",
    "curves",
    "e_measure",
    "f_measure",
    "figures",
    "mae",
    "precision_jaccard",
    "s_measure",
    "score",
    "weighted_f",
]


Found = TypeVar("Found", float, np.ndarray)


def score(pred: np.ndarray, truth: np.ndarray, protocol: str = "papers") -> Scores:
    """Computes all measures and curves of one image, which :class:`cosod.evaluation.Totals` sums over images.

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Raises:
        InputError: the shapes differ or are not ``(H, W)`` with at least one pixel, a type is not bool, uint8 or float,
            floats are NaN or outside [0, 1], or there is no such protocol.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> score(truth, truth).values["mae"]
        0.0
    """
    pred, truth = as_levels(pred, "map"), as_levels(truth, "truth")
    if pred.shape != truth.shape:
        raise InputError(
            f"the map has {pred.shape} pixels and the mask {truth.shape}; resize the map to the size of the mask"
        )
    return get(protocol).measure(pred, truth)


def figures(pred: np.ndarray, truth: np.ndarray, protocol: str = "papers") -> dict[str, float]:
    """Computes the measures of one image, with the same keys as :attr:`cosod.evaluation.Report.all`.

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> figures(truth, truth, "papers")["mae"]
        0.0
    """
    return get(protocol).values(score(pred, truth, protocol))


def curves(pred: np.ndarray, truth: np.ndarray, protocol: str = "papers") -> dict[str, np.ndarray]:
    """Computes the curves of one image over K rising thresholds.

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Returns:
        The curves ``precision``, ``recall``, ``fpr`` and ``f``, float64, ``(K,)`` each, and ``e`` for ``papers`` and
        ``pysodmetrics``. K is 255 for ``papers``, and 256 for ``pysodmetrics`` and ``f3net``. The ``coseg`` protocols
        have no curves, and the result is empty.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> sorted(curves(truth, truth, "papers")), curves(truth, truth, "papers")["f"].shape
        (['e', 'f', 'fpr', 'precision', 'recall'], (255,))
    """
    return get(protocol).finished(score(pred, truth, protocol).curves)


def mae(pred: np.ndarray, truth: np.ndarray, protocol: str = "papers") -> float:
    """Computes the mean absolute error, in [0, 1].

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Example:
        >>> truth = np.array([[0, 255], [0, 255]], np.uint8)
        >>> mae(truth, truth), mae(255 - truth, truth)
        (0.0, 1.0)
    """
    return _of(score(pred, truth, protocol).values, "mae", protocol)


def s_measure(pred: np.ndarray, truth: np.ndarray, protocol: str = "papers") -> float:
    """Computes the S-measure with alpha = 0.5 (Fan et al., ICCV 2017), at most 1.

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> round(s_measure(truth, truth), 4), round(s_measure(255 - truth, truth), 4)
        (1.0, 0.0)
    """
    return _of(score(pred, truth, protocol).values, "s", protocol)


def f_measure(pred: np.ndarray, truth: np.ndarray, protocol: str = "papers") -> np.ndarray:
    """Computes the F-measure at each threshold with beta^2 = 0.3 (Achanta et al., CVPR 2009), ``(K,)`` in [0, 1].

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> round(float(f_measure(truth, truth).max()), 4)
        1.0
    """
    return _of(curves(pred, truth, protocol), "f", protocol)


def e_measure(pred: np.ndarray, truth: np.ndarray, protocol: str = "papers") -> np.ndarray:
    """Computes the E-measure at each threshold (Fan et al., IJCAI 2018), ``(K,)``.

    The protocols ``papers`` and ``pysodmetrics`` have this measure.

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> round(float(e_measure(truth, truth).max()), 2)
        1.0
    """
    return _of(curves(pred, truth, protocol), "e", protocol)


def weighted_f(pred: np.ndarray, truth: np.ndarray, protocol: str = "pysodmetrics") -> float:
    """Computes the weighted F-measure with beta = 1 (Margolin et al., CVPR 2014), in [0, 1].

    The protocols ``pysodmetrics`` and ``f3net`` have this measure.

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> round(weighted_f(truth, truth), 4)
        1.0
    """
    return _of(score(pred, truth, protocol).values, "wf", protocol)


def precision_jaccard(pred: np.ndarray, truth: np.ndarray, protocol: str = "coseg") -> tuple[float, float]:
    """Computes P (pixel accuracy) and J (intersection over union) of the co-segmentation papers, each in [0, 1].

    Two bool arrays of the same shape are compared as they are, without the protocol's resizing and threshold.

    Args:
        pred: the map, ``(H, W)``.
        truth: the truth, ``(H, W)``.
        protocol: one of :data:`cosod.evaluation.protocols.PROTOCOLS`.

    Example:
        >>> truth = np.zeros((4, 4), bool)
        >>> truth[:2] = True
        >>> found = np.ones((4, 4), bool)
        >>> p, j = precision_jaccard(found, truth)
        >>> round(p, 3), round(j, 3)
        (0.5, 0.5)
    """
    if pred.dtype == bool and truth.dtype == bool and pred.shape == truth.shape:
        return agreement.precision_jaccard(pred, truth)
    values = score(pred, truth, protocol).values
    return _of(values, "p", protocol), _of(values, "j", protocol)


def _of(found: Mapping[str, Found], key: str, protocol: str) -> Found:
    """Returns a measure or curve of one image.

    Raises:
        InputError: the protocol does not have it.
    """
    if key not in found:
        raise InputError(f"protocol {protocol} does not compute {key!r}; choose another protocol")
    return found[key]


def as_levels(image: np.ndarray, what: str) -> np.ndarray:
    """Converts an array to 8-bit levels.

    Args:
        image: ``(H, W)``, bool, uint8, or float in [0, 1].
        what: a noun for the array in error messages, such as ``map``.

    Returns:
        uint8, ``(H, W)``.

    Raises:
        InputError: the array has another shape or type, no pixels, NaN, or values outside [0, 1].

    Example:
        >>> as_levels(np.array([[0.0, 1.0]]), "map").tolist()
        [[0, 255]]
    """
    image = np.asarray(image)
    if image.ndim != 2 or image.size == 0:
        raise InputError(f"the {what} has shape {image.shape}; give (H, W) with at least one pixel")
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if not np.issubdtype(image.dtype, np.floating):
        raise InputError(f"the {what} is of type {image.dtype}; give bool, uint8, or float in [0, 1]")
    if not (image.min() >= 0 and image.max() <= 1):  # this comparison is false for NaN as well
        raise InputError(f"the {what} holds NaN or values outside [0, 1]; scale it first")
    return np.round(image * 255).astype(np.uint8)
