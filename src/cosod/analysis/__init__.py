"""Analysis of networks and training runs: the figures of the GCoNet and GCoNet+ papers, and ablation tables.

>>> import cosod
>>> from cosod.io import find_groups
>>> from cosod.analysis import inspect
>>> inspect(cosod.load(), find_groups(["photos"]), "looked_into").summary  # doctest: +SKIP
"""

from cosod.analysis.run import KINDS, Inspection, inspect
from cosod.analysis.training_curves import draw as draw_curves
from cosod.analysis.training_curves import read_runs

__all__ = ["KINDS", "Inspection", "draw_curves", "inspect", "read_runs"]
