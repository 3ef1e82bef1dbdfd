"""Segmentation of a clip: a map for each frame."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from cosod.apps.video.clips import Clip, open_clip
from cosod.apps.video.smoothing import Smoother, Smoothing
from cosod.errors import InputError, UniformImageWarning
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.io.prefetch import batched
from cosod.io.resizing import shrink

#: Minimum number of frames for the consensus, if the clip has as many; fewer than twice as many are used.
SAMPLE = 16


@dataclass(frozen=True)
class Learned:
    """The result of the first reading of a clip.

    Attributes:
        consensus: consensus of the sampled frames.
        frames: number of frames of the clip.
    """

    consensus: GroupConsensus
    frames: int


class FrameMap(NamedTuple):
    """The result for a frame.

    Attributes:
        frame: the frame, RGB uint8 ``(H, W, 3)``.
        saliency: its map, float32 ``(H, W)`` in [0, 1].
        presence: probability that the frame shows the object; None if the network has no calibration.
    """

    frame: np.ndarray
    saliency: np.ndarray
    presence: float | None


def segment_video(
    path: str | os.PathLike,
    detector: Detector | None = None,
    sample: int = SAMPLE,
    smoothing: float = Smoothing.strength,
    consensus: GroupConsensus | None = None,
) -> Iterator[np.ndarray]:
    """Computes the maps of the object that the frames of a clip share, one frame after the other.

    Memory does not grow with the length of the clip.

    Args:
        path: a video file that OpenCV reads, or an animated GIF, PNG, WebP or AVIF picture.
        detector: by default :func:`cosod.load`.
        sample: number of frames, spread over the clip, from which the consensus is computed.
        smoothing: weight of earlier frames, from 0 (off) to below 1; see :class:`cosod.apps.video.Smoother`.
        consensus: consensus to apply (see :meth:`cosod.Detector.learn`) instead of that of the frames.

    Yields:
        For each frame a float32 map ``(H, W)`` in [0, 1] at the size of the upright frame.

    Raises:
        InputError: the file is not a video or has no readable frame, or an option is out of range.

    Example:
        >>> maps = list(cosod.segment_video("clip.mp4"))  # doctest: +SKIP
    """
    detector = detector or load()
    options = Smoothing(smoothing)
    clip = open_clip(path, detector.max_pixels)
    consensus = consensus or learn(clip, detector, sample).consensus
    for found in maps(clip, detector, consensus, options):
        yield found.saliency


def learn(clip: Clip, detector: Detector, sample: int = SAMPLE) -> Learned:
    """Computes the consensus of frames spread over the clip.

    Example:
        >>> learned = learn(open_clip("clip.mp4"), cosod.load())  # doctest: +SKIP
    """
    if sample < 2:
        raise InputError(f"{sample} frames to form a consensus of; give at least 2")
    frames, total = clip.spread(sample, lambda frame: shrink(frame, detector.shape(*frame.shape[:2])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UniformImageWarning)
        try:
            return Learned(detector.learn(frames), total)
        except InputError as error:  # all frames have a single color
            raise InputError(f"{clip.path}: {error}") from error


def maps(clip: Clip, detector: Detector, consensus: GroupConsensus, options: Smoothing) -> Iterator[FrameMap]:
    """Yields each frame with its smoothed map, at the frame's own size.

    Example:
        >>> for found in maps(clip, detector, consensus, Smoothing()):  # doctest: +SKIP
        ...     print(found.presence, found.saliency.mean())
    """
    smoother = Smoother(options)
    for frames in batched(clip.frames(), detector.batch):
        small = [shrink(frame, detector.shape(*frame.shape[:2])) for frame in frames]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UniformImageWarning)  # clips often begin and end with black frames
            found = [(result, result.map) for result in detector.results(small, None, [consensus])]
        for result, saliency in found:
            frame = frames[result.index]
            saliency = smoother(small[result.index], saliency)
            saliency = cv2.resize(saliency, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR).clip(0, 1)
            yield FrameMap(frame, saliency, result.presence)
