"""Confidence intervals by resampling groups: photos of one group are alike, so that groups are the units of chance."""

import numpy as np

from cosod.errors import InputError
from cosod.evaluation.metrics.totals import Totals
from cosod.evaluation.report.report import Report


def intervals(
    report: Report, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Computes percentile intervals of the figures over all images.

    Every sample draws as many groups as there are, with replacement, and takes the figures from the sums of their
    curves, so that E and F max are maxima of averaged curves there too.

    Args:
        report: report of two groups or more.
        samples: number of samples.
        seed: the same seed gives the same intervals.
        level: share of the samples inside.

    Returns:
        Measure -> (low, high).

    Raises:
        InputError: fewer than two groups, or no samples.
    """
    groups = list(report.totals.values())
    if len(groups) < 2:
        raise InputError(
            "confidence intervals resample groups, and this folder has only one; sort the images into groups"
        )
    if samples < 1:
        raise InputError(f"{samples} bootstrap samples; give 1 or more")
    draws = np.random.default_rng(seed).integers(0, len(groups), (samples, len(groups)))
    found = [report.definitions.figures(_weighted(groups, np.bincount(d, minlength=len(groups)))) for d in draws]
    ends = [(1 - level) / 2, (1 + level) / 2]
    return {k: tuple(float(x) for x in np.nanquantile([f[k] for f in found], ends)) for k in report.keys}


def _weighted(groups: list[Totals], times: np.ndarray) -> Totals:
    drawn = [(g, int(n)) for g, n in zip(groups, times, strict=True) if n]

    def summed(name: str) -> dict:
        keys = getattr(drawn[0][0], name)
        return {k: sum(n * getattr(g, name)[k] for g, n in drawn) for k in keys}

    images = sum(n * g.images for g, n in drawn)
    return Totals(images, summed("values"), summed("counts"), summed("curves"))
