"""The measures by name: how tables print each, which way is better, and measures that protocols are extended by.

A measure of a published toolbox is computed by its protocol in :mod:`cosod.evaluation.protocols`. Any other measure
takes one file with a function of a map and its truth, and one line of :data:`MEASURES`:

    "boundary": Measure("Boundary F", function="cosod.evaluation.metrics.boundary:boundary_f", protocols=("papers",)),

Every output then has it: tables, curves, the HTML page, ``--select`` and ``--expect``.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        label: its name in tables of this package's own figures.
        short: its name in tables beside the papers' rows; ``label`` where it is empty.
        lower_is_better: whether less is better.
        function: ``"module:name"`` of ``f(pred, truth) -> float``, for a measure that is no toolbox's. Both arrays
            are uint8, (H, W), of the truth's size. It is imported when it is first used.
        protocols: names of the protocols whose figures get that measure in addition to their own.
    """

    label: str
    short: str = ""
    lower_is_better: bool = False
    function: str = ""
    protocols: tuple[str, ...] = ()

    def compute(self, pred: "np.ndarray", truth: "np.ndarray") -> float:
        """Computes the measure of one image by its ``function``."""
        module, _, name = self.function.partition(":")
        return float(getattr(importlib.import_module(module), name)(pred, truth))


#: Key -> measure, in the order of tables.
MEASURES: dict[str, Measure] = {
    "mae": Measure("MAE", lower_is_better=True),
    "s": Measure("S"),
    "max_f": Measure("F max", "F_max"),
    "mean_f": Measure("F mean", "F_mean"),
    "max_e": Measure("E max", "E_max"),
    "mean_e": Measure("E mean", "E_mean"),
    "ap": Measure("AP"),
    "auc": Measure("AUC"),
    "wf": Measure("F weighted", "F_w"),
    "adp_f": Measure("F adaptive", "F_adp"),
    "adp_e": Measure("E adaptive", "E_adp"),
    "p": Measure("P"),
    "j": Measure("J"),
}


def label(key: str) -> str:
    """Returns the name of a measure in tables of this package's own figures.

    Example:
        >>> label("max_f"), short_label("max_f")
        ('F max', 'F_max')
    """
    return MEASURES[key].label


def short_label(key: str) -> str:
    """Returns the name of a measure in tables beside the papers' rows.

    Example:
        >>> short_label("s"), short_label("mean_e")
        ('S', 'E_mean')
    """
    return MEASURES[key].short or MEASURES[key].label


def lower_is_better(key: str) -> bool:
    """Whether less is better; of a measure that is not registered, more is.

    Example:
        >>> lower_is_better("mae"), lower_is_better("s")
        (True, False)
    """
    return key in MEASURES and MEASURES[key].lower_is_better


def added_to(protocol: str) -> dict[str, Callable[["np.ndarray", "np.ndarray"], float]]:
    """Returns the functions of the measures that extend a protocol by their keys, in the order of tables.

    Example:
        >>> added_to("papers")
        {}
    """
    return {key: measure.compute for key, measure in MEASURES.items() if protocol in measure.protocols}
