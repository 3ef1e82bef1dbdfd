"""Maps, masks and overlays for folders, from the object that each group shares or from saved consensuses."""

from cosod.apps.segment.job import SegmentJob
from cosod.apps.segment.runner import run

__all__ = ["SegmentJob", "run"]
