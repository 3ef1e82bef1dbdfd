"""Reading and writing video files frame by frame, through OpenCV."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from cosod.errors import InputError, OutputError
from cosod.io.atomic_write import whole
from cosod.io.image_formats import VIDEO_SUFFIXES
from cosod.io.images import MAX_PIXELS

#: Files with these endings are taken for video.
SUFFIXES = VIDEO_SUFFIXES
#: Frames a second of a clip that does not say.
RATE = 25.0


class Clip:
    """A video file, read frame by frame, any number of times.

    Attributes:
        path: the file.
        rate: frames a second.
        promised: frames that the file says it has; 0 where it does not say.

    Raises:
        InputError: the file is missing, no video, of a codec that this OpenCV lacks, or has frames over the limit.
    """

    def __init__(self, path: str | os.PathLike, max_pixels: int = MAX_PIXELS):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such video; check the path")
        with self._opened() as capture:
            width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            if width * height > max_pixels:
                raise InputError(
                    f"{self.path}: {width} x {height} is over the limit of {max_pixels:,} pixels a frame; "
                    "raise the limit (--max-pixels) if you trust the file"
                )
            rate, promised = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = rate if 0 < rate <= 1000 else RATE
        self.promised = int(promised) if 0 < promised < 1e9 else 0

    def frames(self) -> Iterator[np.ndarray]:
        """All frames that can be read, upright, RGB uint8 ``(H, W, 3)``; one at a time is held."""
        with self._opened() as capture:
            while True:
                read, frame = capture.read()
                if not read:
                    return
                yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)

    def spread(self, count: int, keep: Callable[[np.ndarray], np.ndarray]) -> tuple[list[np.ndarray], int]:
        """``count`` to ``2 count - 1`` frames at even distances over the clip, or all of a shorter one.

        The clip is read through, because what files say of their length and where seeking lands is not to be relied
        on: every frame is kept first, and whenever ``2 count`` are there every other one is dropped.

        Args:
            count: see above.
            keep: what to keep of a frame, as a smaller copy of it.

        Returns:
            What was kept of the frames, and how many frames the clip really has.

        Raises:
            InputError: not one frame can be read.
        """
        kept: list[np.ndarray] = []
        step, total = 1, 0
        with self._opened() as capture:
            while capture.grab():
                if total % step == 0:
                    read, frame = capture.retrieve()
                    if not read:
                        break
                    kept.append(keep(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)))
                    if len(kept) == 2 * count:
                        kept, step = kept[::2], 2 * step
                total += 1
        if not kept:
            raise InputError(f"{self.path}: no frame of it can be read; the video is empty or damaged")
        return kept, total

    @contextlib.contextmanager
    def _opened(self) -> Iterator[cv2.VideoCapture]:
        with _quiet():
            capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise InputError(
                    f"{self.path}: cannot be opened as video (damaged, cut off, or of a codec that is not here); "
                    "convert it to MP4 with H.264"
                )
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # phones store a turn beside the frames
            yield capture
        finally:
            capture.release()


@contextlib.contextmanager
def writer(path: Path, rate: float, size: tuple[int, int]) -> Iterator[cv2.VideoWriter]:
    """A writer of RGB frames of ``size`` (height, width) to an MP4 file, which is there whole or not at all.

    Call its ``write`` with :func:`even` frames turned to BGR. There is no sound in it.

    Raises:
        OutputError: the file cannot be written, or this OpenCV has no MPEG-4 encoder.
    """
    height, width = (n + n % 2 for n in size)
    with whole(path) as temporary:
        inner = temporary.with_suffix(".mp4")  # the encoder goes by the ending
        try:
            with _quiet():
                video = cv2.VideoWriter(
                    str(inner), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height)
                )
            if not video.isOpened():
                raise OutputError(f"cannot write {path}: this OpenCV has no MPEG-4 encoder; save maps or masks instead")
            try:
                yield video
            finally:
                video.release()
            inner.replace(temporary)
        finally:
            inner.unlink(missing_ok=True)


def even(frame: np.ndarray) -> np.ndarray:
    """The frame with its last row or column doubled where a side is odd, which encoders do not take."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without OpenCV's own lines on standard error: this package says what is wrong itself."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
