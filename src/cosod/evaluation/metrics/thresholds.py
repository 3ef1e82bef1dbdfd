"""How each protocol reads the 256 levels of a map: as values in [0, 1], and against its thresholds.

A threshold is stored as the lowest level that passes it (256: none does), so that a curve is one look-up in the
histogram's tails. Maps share few (lowest, highest) level pairs, therefore the tables are cached.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Scale:
    """Value of a level: (level - low) / span, kept as whole numbers so that sums over pixels stay exact."""

    low: int
    span: int

    def values(self) -> np.ndarray:
        """Returns the value of every level, float64 (256,); levels outside the image's own range go outside [0, 1]."""
        return (np.arange(256) - self.low) / self.span


def level_range(histogram: np.ndarray) -> tuple[int, int]:
    """Returns the lowest and the highest level that occur in a (256,) histogram.

    Example:
        >>> level_range(np.bincount([3, 7, 7], minlength=256))
        (3, 7)
    """
    present = np.flatnonzero(histogram)
    return int(present[0]), int(present[-1])


def black_scale(low: int, high: int) -> Scale:
    """Stretch to [0, 1]; a constant map becomes 0 everywhere, as dividing by 1e-20 makes it in eval-co-sod."""
    return Scale(low, max(high - low, 1))


def plain_scale(low: int, high: int) -> Scale:
    """Stretch to [0, 1]; a constant map keeps its level / 255, as in PySODMetrics and MATLAB's mat2gray."""
    return Scale(low, high - low) if high > low else Scale(0, 255)


def _float32_thresholds() -> np.ndarray:
    # linspace(0, 1 - 1e-10, 255) in single precision, counted from both ends as PyTorch does; its end rounds to 1.
    step = np.float32(1) / np.float32(254)
    index = np.arange(255)
    rising = step * index.astype(np.float32)
    falling = np.float32(1) - step * (254 - index).astype(np.float32)
    return np.where(index < 127.5, rising, falling)


_THRESHOLDS_255 = _float32_thresholds()


@lru_cache(maxsize=2048)
def float_thresholds(low: int, high: int) -> np.ndarray:
    """Returns the lowest level that passes each of eval-co-sod's 255 thresholds, in its single precision.

    Returns:
        int, (255,), each in [low, 256], rising with the threshold.
    """
    p = np.arange(256, dtype=np.float32) / np.float32(255)
    with np.errstate(over="ignore"):
        p = (p - p[low]) / (p[high] - p[low] + np.float32(1e-20))
    return np.searchsorted(p, _THRESHOLDS_255, side="left")


@lru_cache(maxsize=2048)
def truncated_thresholds(low: int, high: int) -> np.ndarray:
    """Returns the lowest level that passes ``int(255 p') >= k`` for k = 0..255, PySODMetrics' binning.

    Returns:
        int, (256,), each in [0, 256].
    """
    # The same operations in the same order as PySODMetrics: the cut to whole numbers magnifies a rounding error to 1.
    p = np.arange(256) / 255
    if high > low:
        p = (p - p[low]) / (p[high] - p[low])
    return _pass_at(np.clip(p * 255, -1, 255).astype(int))


@lru_cache(maxsize=2048)
def rounded_thresholds(low: int, high: int) -> np.ndarray:
    """Returns the lowest level that passes ``round(255 p') >= k`` for k = 0..255, MATLAB's uint8().

    Returns:
        int, (256,), each in [0, 256].
    """
    return _pass_at(np.floor(np.clip(plain_scale(low, high).values(), -1, 1) * 255 + 0.5).astype(int))


def _pass_at(bins: np.ndarray) -> np.ndarray:
    return np.searchsorted(bins, np.arange(256), side="left")
