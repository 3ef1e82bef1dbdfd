"""Video: the frames of a clip are a group; their maps follow the object from frame to frame."""

from cosod.video.clips import SUFFIXES, Clip
from cosod.video.segment import segment_video
from cosod.video.smoothing import Smoother

__all__ = ["SUFFIXES", "Clip", "Smoother", "segment_video"]
