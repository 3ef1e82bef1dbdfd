"""The registry of measures: their names in tables, whether lower is better, and the protocols that a measure extends.

A measure of a published toolbox is computed by its protocol in :mod:`cosod.evaluation.protocols`. To add any other
measure, write one file with a function of a map and its truth, and add one line to :data:`MEASURES`:

    "boundary": Measure("Boundary F", function="cosod.evaluation.metrics.boundary:boundary_f", protocols=("papers",)),

All outputs of these protocols then include the measure: tables, CSV and JSON files, the HTML page, ``--select`` and
``--expect``.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Measure:
    """A measure of the registry.

    Attributes:
        label: the name of the measure in tables of this package's own figures.
        short: the name of the measure in tables beside the papers' rows; if empty, ``label`` is used.
        lower_is_better: whether a lower value is better.
        function: ``"module:name"`` of a function ``f(pred, truth) -> float``, for a measure that no published toolbox
            computes. The function gets two uint8 arrays ``(H, W)`` of the truth's size. Its module is imported when
            the measure is first computed.
        protocols: the names of the protocols whose figures get this measure in addition to their own.
    """

    label: str
    short: str = ""
    lower_is_better: bool = False
    function: str = ""
    protocols: tuple[str, ...] = ()

    def compute(self, pred: "np.ndarray", truth: "np.ndarray") -> float:
        """Calls ``function`` on the map and the truth of one image, uint8, ``(H, W)`` each, and returns its value."""
        module, _, name = self.function.partition(":")
        return float(getattr(importlib.import_module(module), name)(pred, truth))


#: The measures by their keys, in the order of the columns of tables.
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

    Raises:
        KeyError: :data:`MEASURES` has no such key.

    Example:
        >>> label("max_f"), short_label("max_f")
        ('F max', 'F_max')
    """
    return MEASURES[key].label


def short_label(key: str) -> str:
    """Returns the name of a measure in tables beside the papers' rows.

    Raises:
        KeyError: :data:`MEASURES` has no such key.

    Example:
        >>> short_label("s"), short_label("mean_e")
        ('S', 'E_mean')
    """
    return MEASURES[key].short or MEASURES[key].label


def lower_is_better(key: str) -> bool:
    """Returns whether a lower value of a measure is better; False for a key that is not in :data:`MEASURES`.

    Example:
        >>> lower_is_better("mae"), lower_is_better("s")
        (True, False)
    """
    return key in MEASURES and MEASURES[key].lower_is_better


def added_to(protocol: str) -> dict[str, Callable[["np.ndarray", "np.ndarray"], float]]:
    """Returns the functions of the measures that extend a protocol, keyed by measure, in the order of tables.

    Example:
        >>> added_to("papers")
        {}
    """
    return {key: measure.compute for key, measure in MEASURES.items() if protocol in measure.protocols}
