"""Confidence intervals of figures by bootstrap over groups.

Groups are resampled instead of images because the photos of one group resemble each other and are not independent.
"""

import numpy as np

from cosod.errors import InputError
from cosod.evaluation.metrics.totals import Totals
from cosod.evaluation.report.report import Report


def intervals(
    report: Report, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Computes percentile intervals of the figures over all images.

    Each bootstrap sample draws as many groups as the report has, with replacement. The figures of a sample are computed
    from the summed curves of its groups, so that E max and F max are maxima of averaged curves, as in the report.

    Args:
        report: a report of at least two groups.
        samples: the number of bootstrap samples.
        seed: the seed of the random choices; the same seed gives the same intervals.
        level: the confidence level in (0, 1), which is the share of samples inside an interval.

    Returns:
        A dictionary from each measure to its interval ``(low, high)``.

    Raises:
        InputError: the report has fewer than two groups, or ``samples`` is below 1.

    Example:
        >>> low, high = intervals(evaluate("maps", "gts"))["s"]  # doctest: +SKIP
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
    quantiles = {k: np.nanquantile([f[k] for f in found], ends) for k in report.keys}
    return {k: (float(low), float(high)) for k, (low, high) in quantiles.items()}


def _weighted(groups: list[Totals], times: np.ndarray) -> Totals:
    drawn = [(g, int(n)) for g, n in zip(groups, times, strict=True) if n]

    def summed(name: str) -> dict:
        keys = getattr(drawn[0][0], name)
        return {k: sum(n * getattr(g, name)[k] for g, n in drawn) for k in keys}

    images = sum(n * g.images for g, n in drawn)
    return Totals(images, summed("values"), summed("counts"), summed("curves"))
