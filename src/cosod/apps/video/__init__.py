"""Video: the frames of a clip are a group; their maps follow the object from frame to frame."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosod.apps.video.clips import SUFFIXES, Clip, open_clip
    from cosod.apps.video.segment import segment_video
    from cosod.apps.video.smoothing import Smoother

__all__ = ["SUFFIXES", "Clip", "Smoother", "open_clip", "segment_video"]

# Imported when first used, because whether a path is a clip is asked where PyTorch is not needed.
_WHERE = {
    "SUFFIXES": "cosod.apps.video.clips",
    "Clip": "cosod.apps.video.clips",
    "Smoother": "cosod.apps.video.smoothing",
    "open_clip": "cosod.apps.video.clips",
    "segment_video": "cosod.apps.video.segment",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'cosod.apps.video' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, for completion, including those that are not imported yet."""
    return sorted(__all__)
