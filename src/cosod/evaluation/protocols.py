"""The protocols behind the field's tables, each with its own definitions of the measures.

A protocol scores an 8-bit map against an 8-bit truth of the same size, and computes figures from sums over images.
Figures of different protocols differ in the third digit and are never shown in one table.
"""

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from cosod.errors import InputError
from cosod.evaluation.metrics import curves, histograms, precision_jaccard, thresholds
from cosod.evaluation.metrics import s_measure as structure
from cosod.evaluation.metrics.names import added_to
from cosod.evaluation.metrics.totals import Scores, Totals
from cosod.evaluation.metrics.weighted_f import weighted_f

_BINARY = np.array([0.0, 1.0])
_EPS = np.spacing(1)


class Protocol(abc.ABC):
    """The base class of protocols, which define how maps are scored.

    Attributes:
        name: the name of the protocol in options and in all outputs.
        title: the source of the protocol in a few words.
        keys: the protocol's own measures, in the order of tables.
        resample: the Pillow filter that resizes a map to the size of its truth.
    """

    name: str
    title: str
    keys: tuple[str, ...]
    resample = Image.Resampling.BILINEAR

    @abc.abstractmethod
    def score(self, pred: np.ndarray, truth: np.ndarray) -> Scores:
        """Computes the protocol's own measures and curves for one image.

        Args:
            pred: the map, uint8, ``(H, W)``.
            truth: the truth, uint8, ``(H, W)``.
        """

    @property
    def columns(self) -> tuple[str, ...]:
        """All measures of the protocol in the order of tables: its own, and those that extend it."""
        return (*self.keys, *added_to(self.name))

    def measure(self, pred: np.ndarray, truth: np.ndarray) -> Scores:
        """Computes the results of :meth:`score` and the measures that extend the protocol, for one image."""
        scores = self.score(pred, truth)
        added = {key: function(pred, truth) for key, function in added_to(self.name).items()}
        return Scores(scores.values | added, scores.curves) if added else scores

    def figures(self, totals: Totals) -> dict[str, float]:
        """Computes the figures over the images of ``totals``: means, and measures of the averaged curves."""
        return self._ordered(totals.means() | self.from_curves(totals.mean_curves()))

    def values(self, scores: Scores) -> dict[str, float]:
        """Computes the figures of one image: its values, and the measures of its own curves."""
        return self._ordered(scores.values | self.from_curves(scores.curves))

    def finished(self, mean: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the averaged curves together with the curves that are computed from them."""
        return mean

    def from_curves(self, mean: dict[str, np.ndarray]) -> dict[str, float]:
        """Computes the measures that are defined on averaged curves, such as the maximum of F."""
        return {}

    def _ordered(self, figures: dict[str, float]) -> dict[str, float]:
        return {k: float(figures[k]) for k in self.columns if k in figures}


class _WithCurves(Protocol):
    def from_curves(self, mean: dict[str, np.ndarray]) -> dict[str, float]:
        if not mean:
            return {}
        return {
            "max_f": mean["f"].max(),
            "mean_f": mean["f"].mean(),
            "max_e": mean["e"].max(),
            "mean_e": mean["e"].mean(),
            "ap": curves.average_precision(mean["precision"], mean["recall"]),
            "auc": curves.area_under_roc(mean["recall"], mean["fpr"]),
        }


class Papers(_WithCurves):
    """The protocol of eval-co-sod, the toolbox of the CoSOD papers, with 255 thresholds.

    MAE, F and E use the gray values of a truth that is not binary; S uses the truth binarized at level 128.
    """

    name = "papers"
    title = "eval-co-sod, the CoSOD papers' toolbox"
    keys = ("mae", "s", "max_f", "mean_f", "max_e", "mean_e", "ap", "auc")

    def score(self, pred: np.ndarray, truth: np.ndarray) -> Scores:
        binary = histograms.is_binary(truth)
        mask = truth if binary else np.where(truth >= 128, 255, 0).astype(np.uint8)
        center = histograms.centroid(mask)
        height, width = truth.shape
        row, column = (round(height / 2), round(width / 2)) if center is None else map(round, center)
        parts = histograms.quadrants(pred, mask, row, column)
        table, values = (parts.sum(axis=0), _BINARY) if binary else histograms.joint(pred, truth)
        histogram = table.sum(axis=1)
        low, high = thresholds.level_range(histogram)
        scale = thresholds.black_scale(low, high)
        share = float(table.sum(axis=0) @ values) / pred.size
        if share in (0, 1):
            mean = structure.mean_value(histogram, scale)
            s = mean if share else 1 - mean
        else:
            s = max(0.0, structure.s_measure(parts, _areas(height, width, row, column), scale, 1e-20))
        passing = thresholds.float_thresholds(low, high)
        precision, recall, fpr = curves.rates(table, values, passing)
        return Scores(
            {"mae": _mae(table, values, thresholds.Scale(0, 255)), "s": s},
            {
                "precision": precision,
                "recall": recall,
                "fpr": fpr,
                "f": curves.f_beta(precision, recall),
                "e": curves.alignment(table, values, passing),
            },
        )


class PySODMetrics(_WithCurves):
    """The protocol of PySODMetrics 1.6, with 256 thresholds.

    The object is where the truth is above level 128, and the map is stretched to [0, 1] for every measure. AP and AUC
    are not measures of that library; they are computed from its averaged curves as in protocol ``papers``.
    """

    name = "pysodmetrics"
    title = "PySODMetrics 1.6"
    keys = ("mae", "s", "max_f", "mean_f", "max_e", "mean_e", "ap", "auc", "wf", "adp_f", "adp_e")

    def score(self, pred: np.ndarray, truth: np.ndarray) -> Scores:
        mask = np.where(truth > 128, 255, 0).astype(np.uint8)
        cut = _cut_after(mask, round)
        view = _BinaryView.of(pred, mask, cut)
        s = view.s_measure(cut)
        threshold = min(2 * view.mean, 1.0)
        passing = thresholds.truncated_thresholds(view.low, view.high)
        precision, recall, fpr = curves.rates(view.table, _BINARY, passing)
        return Scores(
            {
                "mae": _mae(view.table, _BINARY, view.scale),
                "s": max(0.0, s) if view.mixed else s,
                "wf": weighted_f(view.scale.values()[pred], mask > 0),
                "adp_f": view.f_at(threshold),
                "adp_e": view.e_at(threshold, strictly=False),
            },
            {
                "precision": precision,
                "recall": recall,
                "fpr": fpr,
                "f": curves.f_beta(precision, recall),
                "e": curves.alignment_or_share(view.table, passing),
            },
        )


class F3NetProtocol(Protocol):
    """The protocol of F3Net's MATLAB code, which the papers on point labels use, with 256 thresholds.

    An image whose map or truth is entirely black has the value 0 in every measure, MAE included.
    """

    name = "f3net"
    title = "F3Net's MATLAB code"
    keys = ("mae", "s", "max_f", "wf", "adp_f", "adp_e")
    resample = Image.Resampling.BICUBIC

    def score(self, pred: np.ndarray, truth: np.ndarray) -> Scores:
        mask = np.where(truth >= 128, 255, 0).astype(np.uint8)
        if not pred.any() or not mask.any():
            zeros = np.zeros(256)
            values = {k: 0.0 for k in self.keys if k != "max_f"}
            return Scores(values, {"precision": zeros, "recall": zeros, "fpr": zeros})
        cut = _cut_after(mask, lambda x: math.floor(x + 0.5))
        view = _BinaryView.of(pred, mask, cut)
        precision, recall, fpr = curves.rates(view.table, _BINARY, thresholds.rounded_thresholds(view.low, view.high))
        return Scores(
            {
                "mae": _mae(view.table, _BINARY, view.scale),
                "s": view.s_measure(cut),
                "wf": weighted_f(view.scale.values()[pred], mask > 0),
                "adp_f": view.f_at(min(2 * view.mean, 1.0)),
                "adp_e": view.e_at(2 * view.mean, strictly=True),
            },
            {"precision": precision, "recall": recall, "fpr": fpr},
        )

    def finished(self, mean: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        # F is computed from precision and recall averaged over images; the other protocols average F itself.
        return mean | {"f": curves.f_beta(mean["precision"], mean["recall"])} if mean else {}

    def from_curves(self, mean: dict[str, np.ndarray]) -> dict[str, float]:
        return {"max_f": self.finished(mean)["f"].max()} if mean else {}


@dataclass(frozen=True)
class Coseg(Protocol):
    """The protocol of SSNM's evaluation code, with the measures P and J, averaged over images as in the papers' tables.

    Attributes:
        cap: the upper limit of the threshold min(mean + std, cap), which is 0.5 in UFO's variant.
        native: whether to score at the truth's own size instead of 224 x 224.
        skip_empty: whether to leave out images without an object; their values are NaN.
    """

    name: str = "coseg"
    title: str = "SSNM's evaluation code"
    cap: float = 0.8
    native: bool = False
    skip_empty: bool = False
    keys = ("p", "j")

    def score(self, pred: np.ndarray, truth: np.ndarray) -> Scores:
        if not self.native:
            pred, truth = precision_jaccard.at_papers_size(pred), precision_jaccard.at_papers_size(truth)
        objects = truth >= 128
        if self.skip_empty and not objects.any():
            return Scores({"p": math.nan, "j": math.nan})
        p, j = precision_jaccard.precision_jaccard(precision_jaccard.binarize(pred, self.cap), objects)
        return Scores({"p": p, "j": j})


#: All protocols by their names.
PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Papers(),
        PySODMetrics(),
        Coseg(),
        F3NetProtocol(),
        Coseg("coseg-native", "SSNM's P and J at the truth's own size", native=True),
        Coseg("coseg-ufo", "UFO's variant of P and J, threshold capped at 0.5", cap=0.5),
    )
}
#: The protocols that ``--protocol all`` runs, which are all but the variants of ``coseg``.
MAIN = ("papers", "pysodmetrics", "coseg", "f3net")


def get(name: str) -> Protocol:
    """Returns the protocol with the given name.

    Raises:
        InputError: there is no protocol of that name.

    Example:
        >>> get("papers").name
        'papers'
    """
    if name not in PROTOCOLS:
        raise InputError(f"no protocol {name!r}; choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


@dataclass(frozen=True)
class _BinaryView:
    """The joint histograms of a map, stretched by ``plain_scale``, and a binary truth.

    PySODMetrics and F3Net's MATLAB code compute their measures from the same view of an image.
    """

    parts: np.ndarray
    table: np.ndarray
    low: int
    high: int
    scale: thresholds.Scale
    mean: float
    shape: tuple[int, int]

    @classmethod
    def of(cls, pred: np.ndarray, mask: np.ndarray, cut: tuple[int, int]) -> "_BinaryView":
        parts = histograms.quadrants(pred, mask, *cut)
        table = parts.sum(axis=0)
        low, high = thresholds.level_range(table.sum(axis=1))
        scale = thresholds.plain_scale(low, high)
        return cls(parts, table, low, high, scale, structure.mean_value(table.sum(axis=1), scale), pred.shape)

    @property
    def mixed(self) -> bool:
        return bool(self.table.sum(axis=0).all())

    def s_measure(self, cut: tuple[int, int]) -> float:
        if self.mixed:
            return structure.s_measure(self.parts, _areas(*self.shape, *cut), self.scale, _EPS)
        return self.mean if self.table[:, 1].any() else 1 - self.mean

    def f_at(self, threshold: float) -> float:
        passing = np.searchsorted(self.scale.values(), [threshold], side="left")
        precision, recall, _ = curves.rates(self.table, _BINARY, passing)
        return float(curves.f_beta(precision, recall)[0])

    def e_at(self, threshold: float, strictly: bool) -> float:
        passing = np.searchsorted(self.scale.values(), [threshold], side="right" if strictly else "left")
        return float(curves.alignment_or_share(self.table, passing)[0])


def _cut_after(mask: np.ndarray, rounded: Callable[[float], int]) -> tuple[int, int]:
    """Returns the first row and column after the centroid, which itself belongs to the upper left part, as in MATLAB.

    For an empty mask, both are 0.
    """
    center = histograms.centroid(mask)
    return (0, 0) if center is None else (rounded(center[0]) + 1, rounded(center[1]) + 1)


def _areas(height: int, width: int, row: int, column: int) -> list[int]:
    return [row * column, row * (width - column), (height - row) * column, (height - row) * (width - column)]


def _mae(table: np.ndarray, values: np.ndarray, scale: thresholds.Scale) -> float:
    return float((np.abs(scale.values()[:, None] - values) * table).sum() / table.sum())
