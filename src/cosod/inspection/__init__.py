"""Looking into a network and into a training run: the analyses of the GCoNet and GCoNet+ papers, as PNG files.

>>> import cosod
>>> from cosod.data import find_groups
>>> from cosod.inspection import inspect
>>> inspect(cosod.load(), find_groups(["photos"]), "looked_into").summary
"""

from cosod.inspection.curves import draw as draw_curves
from cosod.inspection.curves import read_runs
from cosod.inspection.run import KINDS, Inspection, inspect

__all__ = ["KINDS", "Inspection", "draw_curves", "inspect", "read_runs"]
