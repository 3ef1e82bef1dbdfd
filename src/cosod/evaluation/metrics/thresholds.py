"""The values and the thresholds that each protocol assigns to the 256 levels of a map.

A threshold is stored as the lowest level that passes it, or as 256 if no level does. A curve is then one look-up in the
cumulative histogram. The tables depend only on the lowest and highest level of a map and are cached, since few such
pairs occur.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Scale:
    """The scale from levels to values, ``(level - low) / span``.

    ``low`` and ``span`` are whole numbers, so that sums over pixels can be computed exactly.

    Attributes:
        low: the level whose value is 0.
        span: the number of levels from value 0 to value 1.
    """

    low: int
    span: int

    def values(self) -> np.ndarray:
        """Returns the value of every level, float64, ``(256,)``.

        Levels below ``low`` or above ``low + span`` have values outside [0, 1].
        """
        return (np.arange(256) - self.low) / self.span


def level_range(histogram: np.ndarray) -> tuple[int, int]:
    """Returns the lowest and the highest level that occur in a histogram ``(256,)``.

    Example:
        >>> level_range(np.bincount([3, 7, 7], minlength=256))
        (3, 7)
    """
    present = np.flatnonzero(histogram)
    return int(present[0]), int(present[-1])


def black_scale(low: int, high: int) -> Scale:
    """Returns the scale that stretches the levels from ``low`` to ``high`` to [0, 1], as eval-co-sod does.

    A constant map becomes 0 everywhere, because eval-co-sod adds 1e-20 to the range that it divides by.

    Args:
        low: the lowest level of the map.
        high: the highest level of the map.

    Example:
        >>> black_scale(10, 60), black_scale(10, 10)
        (Scale(low=10, span=50), Scale(low=10, span=1))
    """
    return Scale(low, max(high - low, 1))


def plain_scale(low: int, high: int) -> Scale:
    """Returns the scale that stretches the levels from ``low`` to ``high`` to [0, 1].

    A constant map is not stretched, so that its value is level / 255, as in PySODMetrics and MATLAB's mat2gray.

    Args:
        low: the lowest level of the map.
        high: the highest level of the map.

    Example:
        >>> plain_scale(10, 60), plain_scale(10, 10)
        (Scale(low=10, span=50), Scale(low=0, span=255))
    """
    return Scale(low, high - low) if high > low else Scale(0, 255)


def _float32_thresholds() -> np.ndarray:
    # These are the values of torch.linspace(0, 1 - 1e-10, 255) in single precision, where the end rounds to 1. Like
    # PyTorch, this counts the first half from the start and the second half from the end.
    step = np.float32(1) / np.float32(254)
    index = np.arange(255)
    rising = step * index.astype(np.float32)
    falling = np.float32(1) - step * (254 - index).astype(np.float32)
    return np.where(index < 127.5, rising, falling)


_THRESHOLDS_255 = _float32_thresholds()


@lru_cache(maxsize=2048)
def float_thresholds(low: int, high: int) -> np.ndarray:
    """Returns the lowest level that passes each of eval-co-sod's 255 thresholds, computed in single precision as there.

    Args:
        low: the lowest level of the map.
        high: the highest level of the map.

    Returns:
        int, ``(255,)``, each in [low, 256], by rising threshold.

    Example:
        >>> float_thresholds(0, 255)[[0, 127, 254]].tolist()
        [0, 128, 255]
    """
    p = np.arange(256, dtype=np.float32) / np.float32(255)
    with np.errstate(over="ignore"):
        p = (p - p[low]) / (p[high] - p[low] + np.float32(1e-20))
    return np.searchsorted(p, _THRESHOLDS_255, side="left")


@lru_cache(maxsize=2048)
def truncated_thresholds(low: int, high: int) -> np.ndarray:
    """Returns the lowest level with ``int(255 p) >= k`` for each k from 0 to 255, which is PySODMetrics' binning.

    The value p of a level is stretched from ``low`` and ``high`` to [0, 1]; that of a constant map is level / 255.

    Args:
        low: the lowest level of the map.
        high: the highest level of the map.

    Returns:
        int, ``(256,)``, each in [0, 256], by rising k.

    Example:
        >>> truncated_thresholds(0, 255)[[1, 255]].tolist()
        [1, 255]
    """
    # The operations and their order are those of PySODMetrics, as truncation turns a rounding error into a step of 1.
    p = np.arange(256) / 255
    if high > low:
        p = (p - p[low]) / (p[high] - p[low])
    return _pass_at(np.clip(p * 255, -1, 255).astype(int))


@lru_cache(maxsize=2048)
def rounded_thresholds(low: int, high: int) -> np.ndarray:
    """Returns the lowest level with ``round(255 p) >= k`` for each k from 0 to 255, as MATLAB's uint8() rounds.

    The value p of a level is that of :func:`plain_scale`.

    Args:
        low: the lowest level of the map.
        high: the highest level of the map.

    Returns:
        int, ``(256,)``, each in [0, 256], by rising k.

    Example:
        >>> rounded_thresholds(0, 255)[[1, 255]].tolist()
        [1, 255]
    """
    return _pass_at(np.floor(np.clip(plain_scale(low, high).values(), -1, 1) * 255 + 0.5).astype(int))


def _pass_at(bins: np.ndarray) -> np.ndarray:
    return np.searchsorted(bins, np.arange(256), side="left")
