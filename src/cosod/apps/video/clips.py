"""Reading clips frame by frame: video files through OpenCV, animated pictures through Pillow."""

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cosod.apps.video.encoding import even, quiet, writer
from cosod.apps.video.not_video import why_not_video
from cosod.errors import InputError
from cosod.io.file_names import text_path
from cosod.io.image_formats import VIDEO_SUFFIXES
from cosod.io.images import MAX_PIXELS, read_image
from cosod.io.storage import is_remote, nothing_at

__all__ = ["PICTURES", "RATE", "SUFFIXES", "Animation", "Clip", "even", "is_clip", "open_clip", "writer"]

#: Suffixes of video files.
SUFFIXES = VIDEO_SUFFIXES
#: Suffixes of pictures that are clips if they have more than one frame.
PICTURES = frozenset({".gif", ".png", ".apng", ".webp", ".avif"})
#: Frames per second of a clip without this information.
RATE = 25.0
#: Durations of a frame below this number of seconds are replaced by a tenth of a second, as in browsers.
_SHORTEST = 0.011


class Clip:
    """A video file that can be read frame by frame, any number of times.

    Attributes:
        path: the file.
        rate: number of frames per second.
        promised: number of frames according to the file; 0 if the file does not contain it.
        times: time in seconds from the start of each frame, once :meth:`spread` has read the clip.

    Raises:
        InputError: the file is missing or is not a video, this OpenCV lacks its codec, or its frames have more pixels
            than the limit.
    """

    def __init__(self, path: str | os.PathLike, max_pixels: int = MAX_PIXELS):
        self.path = Path(path)
        self.times: list[float] = []
        if not self.path.is_file():
            raise InputError(nothing_at(self.path, "video"))
        self.rate, self.promised = self._facts(max_pixels)

    def frames(self) -> Iterator[np.ndarray]:
        """Yields all readable frames, upright, RGB uint8 ``(H, W, 3)``; one frame at a time is in memory."""
        for _, retrieve in self._steps():
            frame = retrieve()
            if frame is None:
                return
            yield frame

    def spread(self, count: int, keep: Callable[[np.ndarray], np.ndarray]) -> tuple[list[np.ndarray], int]:
        """Returns ``count`` to ``2 count - 1`` evenly spaced frames of the clip, or all frames of a shorter clip.

        The whole clip is read, because the length in the file and seeking are not reliable. At first all frames are
        kept, and whenever there are ``2 count`` of them, every second one is dropped.

        Args:
            count: minimum number of frames.
            keep: function that converts a frame to what is kept, for instance a smaller copy.

        Returns:
            The converted frames, and the actual number of frames of the clip.

        Raises:
            InputError: no frame can be read.
        """
        kept: list[np.ndarray] = []
        times: list[float] = []
        step = 1
        for time, retrieve in self._steps():
            if len(times) % step == 0:
                frame = retrieve()
                if frame is None:
                    break
                kept.append(keep(frame))
                if len(kept) == 2 * count:
                    kept, step = kept[::2], 2 * step
            times.append(time)
        if not kept:
            raise InputError(f"{self.path}: no frame of it can be read; the video is empty or damaged")
        rising = all(a < b for a, b in itertools.pairwise(times))
        self.times = times if rising else [number / self.rate for number in range(len(times))]
        return kept, len(times)

    def _facts(self, max_pixels: int) -> tuple[float, int]:
        with self._opened() as capture:
            width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            if width * height > max_pixels:
                raise InputError(
                    f"{self.path}: {width} x {height} is over the limit of {max_pixels:,} pixels a frame; "
                    "raise the limit (--max-pixels) if you trust the file"
                )
            rate, promised = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
        return (rate if 0 < rate <= 1000 else RATE), (int(promised) if 0 < promised < 1e9 else 0)

    def _steps(self) -> Iterator[tuple[float, Callable[[], np.ndarray | None]]]:
        """Yields the time of each frame in seconds, and a function that returns the frame, or None if unreadable."""
        with self._opened() as capture:

            def retrieve() -> np.ndarray | None:
                read, frame = capture.retrieve()
                return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB) if read else None

            while capture.grab():
                yield capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, retrieve

    @contextlib.contextmanager
    def _opened(self) -> Iterator[cv2.VideoCapture]:
        with quiet(), text_path(self.path) as name:  # FFmpeg needs the name only to open the file
            capture = cv2.VideoCapture(str(name), cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise InputError(f"{self.path}: cannot be opened as video: {why_not_video(self.path)}")
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # phones store the rotation as metadata
            yield capture
        finally:
            capture.release()


class Animation(Clip):
    """An animated GIF, PNG, WebP or AVIF picture as a clip, with transparent frames placed on white.

    The times of the frames are those in the file.
    """

    def _facts(self, max_pixels: int) -> tuple[float, int]:
        self._max_pixels = max_pixels
        try:
            with Image.open(self.path) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise InputError(
                        f"{self.path}: {width} x {height} is over the limit of {max_pixels:,} pixels a frame; "
                        "raise the limit (--max-pixels) if you trust the file"
                    )
                promised = getattr(image, "n_frames", 1)
                image.seek(0)
                image.load()
                return 1 / _duration(image), promised
        except InputError:
            raise
        except Exception as error:  # Pillow's decoders raise many kinds of errors on damaged files
            raise InputError(f"{self.path}: damaged or truncated ({error}); replace the file") from error

    def _steps(self) -> Iterator[tuple[float, Callable[[], np.ndarray | None]]]:
        time = 0.0
        with Image.open(self.path) as image:
            for number in range(self.promised):
                try:
                    image.seek(number)
                    image.load()
                    # A copy, because reading may rotate or convert it, and the next frame is drawn over this one.
                    frame = read_image(image.copy(), self._max_pixels)
                except Exception:  # the file is truncated here; the missing frames are reported
                    return
                yield time, functools.partial(_same, frame)
                time += _duration(image)


def is_clip(path: Path) -> bool:
    """Returns whether a file is treated as a clip: a video by its suffix, or an animated picture.

    Example:
        >>> is_clip(Path("clip.mp4"))  # doctest: +SKIP
        True
    """
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return not path.is_dir()
    return suffix in PICTURES and not is_remote(path) and path.is_file() and is_animated(path)


def is_animated(path: Path) -> bool:
    """Returns whether a picture has more than one frame; False if it cannot be read, which its reader reports.

    Example:
        >>> is_animated(Path("photo.png"))  # doctest: +SKIP
        False
    """
    try:
        with Image.open(path) as image:
            return bool(getattr(image, "is_animated", False))
    except Exception:
        return False


def open_clip(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Clip:
    """Opens a video or an animated picture.

    Args:
        path: path of the file.
        max_pixels: maximum number of pixels of a frame; clips with larger frames are refused.

    Raises:
        InputError: see :class:`Clip`.

    Example:
        >>> open_clip("clip.mp4").rate  # doctest: +SKIP
        25.0
    """
    animated = Path(path).suffix.lower() in PICTURES and Path(path).is_file()
    return Animation(path, max_pixels) if animated else Clip(path, max_pixels)


def _same(frame: np.ndarray) -> np.ndarray:
    return frame


def _duration(image: Image.Image) -> float:
    """Returns the number of seconds for which browsers show the current frame."""
    seconds = float(image.info.get("duration", 0) or 0) / 1000
    return seconds if seconds >= _SHORTEST else 0.1


def split(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Splits ``paths`` into clips and all other paths; folders are not searched for clips.

    A clip is a video file, or a GIF, PNG, WebP or AVIF picture that is animated.

    Example:
        >>> split([Path("photos"), Path("clip.mp4")])
        ([PosixPath('clip.mp4')], [PosixPath('photos')])
    """
    clips = [path for path in paths if is_clip(path)]
    once = {str(path.resolve()): path for path in reversed(clips)}
    return list(reversed(once.values())), [path for path in paths if path not in clips]
