"""Maps, masks and overlays of folders: by what each group shares, or by consensuses that were saved before."""

from cosod.apps.segment.job import SegmentJob
from cosod.apps.segment.runner import run

__all__ = ["SegmentJob", "run"]
