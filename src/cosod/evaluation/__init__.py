"""Evaluation of maps against ground truth, and the published tables to compare the scores with."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosod.evaluation.metrics import functional as measures
    from cosod.evaluation.metrics.totals import Totals
    from cosod.evaluation.protocols import PROTOCOLS
    from cosod.evaluation.report.report import Report
    from cosod.evaluation.report.saving import save
    from cosod.evaluation.runner import evaluate, evaluate_protocols

__all__ = ["PROTOCOLS", "Report", "Totals", "evaluate", "evaluate_protocols", "measures", "save"]

# These names are imported when they are first used: the tables of the papers need neither OpenCV nor Pillow.
_WHERE = {
    "PROTOCOLS": "protocols",
    "Report": "report.report",
    "Totals": "metrics.totals",
    "evaluate": "runner",
    "evaluate_protocols": "runner",
    "save": "report.saving",
}


def __getattr__(name: str):
    if name in _WHERE:
        return getattr(importlib.import_module(f"cosod.evaluation.{_WHERE[name]}"), name)
    if name == "measures":
        return importlib.import_module("cosod.evaluation.metrics.functional")
    raise AttributeError(f"module 'cosod.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, including those that are not imported yet, for tab completion."""
    return sorted(__all__)
