"""Co-salient object detection: find the object that a group of photos shares, at the pixel.

::

    import cosod

    detector = cosod.load()
    maps = detector.segment(["mug1.jpg", "mug2.jpg", "mug3.jpg"])
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosod import errors, models
    from cosod.apps.albums import group
    from cosod.apps.cutout.cutout import cutout
    from cosod.apps.thumbnails.thumbnails import thumbnails
    from cosod.apps.video import segment_video
    from cosod.evaluation import evaluate
    from cosod.inference.consensus_file import GroupConsensus
    from cosod.inference.detector import Detector
    from cosod.inference.functions import apply, learn, load

__all__ = [
    "Detector",
    "GroupConsensus",
    "__version__",
    "apply",
    "cutout",
    "errors",
    "evaluate",
    "group",
    "learn",
    "load",
    "models",
    "segment_video",
    "thumbnails",
]
__version__ = "0.1.0"

# Imported when first used: ``import cosod`` and ``cosod --help`` do not wait for torch.
_WHERE = {
    "load": "cosod.inference.functions",
    "Detector": "cosod.inference.detector",
    "learn": "cosod.inference.functions",
    "apply": "cosod.inference.functions",
    "GroupConsensus": "cosod.inference.consensus_file",
    "cutout": "cosod.apps.cutout.cutout",
    "thumbnails": "cosod.apps.thumbnails.thumbnails",
    "evaluate": "cosod.evaluation",
    "group": "cosod.apps.albums",
    "segment_video": "cosod.apps.video",
}
_MODULES = {"models", "errors"}


def __getattr__(name: str):
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _MODULES:
        return importlib.import_module(f"cosod.{name}")
    raise AttributeError(f"module 'cosod' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, for completion, including those that are not imported yet."""
    return sorted(__all__)
