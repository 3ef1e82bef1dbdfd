"""Video: the frames of a clip are a group; their maps follow the object from frame to frame."""

from cosod.apps.video.clips import SUFFIXES, Clip, open_clip
from cosod.apps.video.segment import segment_video
from cosod.apps.video.smoothing import Smoother

__all__ = ["SUFFIXES", "Clip", "Smoother", "open_clip", "segment_video"]
