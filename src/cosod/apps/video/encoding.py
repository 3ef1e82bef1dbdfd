"""Writing video files for browsers: H.264 if the machine has an encoder, otherwise VP9, with the sound of the clip."""

import contextlib
import functools
import mmap
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import cv2
import numpy as np

from cosod.apps.video.opencv_probe import FFMPEG_LOG, encodes
from cosod.errors import OutputError
from cosod.io.atomic_write import whole
from cosod.io.file_names import text_path

#: Codecs of OpenCV in the order of preference: FourCC, and name. Browsers do not play the last one.
CODECS = {"avc1": "H.264", "vp09": "VP9", "mp4v": "MPEG-4 part 2"}
#: H.264 encoders of FFmpeg in the order of preference.
_H264 = ("libx264", "libopenh264")
#: Byte sequences that mark sound in the usual containers: MP4 and MOV, Matroska and WebM, AVI.
_SOUND = (b"soun", b"A_AAC", b"A_OPUS", b"A_VORBIS", b"A_MPEG", b"A_AC3", b"A_EAC3", b"A_PCM", b"A_FLAC", b"auds")
#: Maximum number of frames per second of a written video.
_FASTEST = 60.0


class FrameWriter(Protocol):
    """The interface of the writer that :func:`writer` yields."""

    def write(self, image: Any, /) -> Any:
        """Adds a frame ``(H, W, 3)`` uint8 BGR with even sides."""


@contextlib.contextmanager
def writer(path: Path, rate: float, size: tuple[int, int], sound: Path | None = None) -> Iterator[FrameWriter]:
    """Opens an MP4 file for writing; it is written completely or not at all.

    If FFmpeg is installed, the video is encoded as H.264 and gets the sound of the clip ``sound``. Otherwise OpenCV
    encodes it with one of :data:`CODECS`, without sound. See :func:`shortcomings`.

    Args:
        path: path of the file, with the suffix ``.mp4``.
        rate: number of frames per second.
        size: height and width of the frames; odd sides become even.
        sound: clip whose sound is used, or None.

    Yields:
        A writer, whose ``write`` takes :func:`even` frames in BGR.

    Raises:
        OutputError: the file cannot be written, or there is no encoder.

    Example:
        >>> with writer(Path("overlay.mp4"), 25, (480, 640)) as video:  # doctest: +SKIP
        ...     video.write(frame)
    """
    height, width = (n + n % 2 for n in size)
    with whole(path) as temporary:
        inner = temporary.with_suffix(".mp4")  # encoders choose the format by the suffix
        try:
            through = _piped if h264_of_ffmpeg() else _by_opencv
            with through(inner, path, rate, (height, width), sound) as video:
                yield video
            inner.replace(temporary)
        finally:
            inner.unlink(missing_ok=True)


def shortcomings(clip: Path) -> list[str]:
    """Returns what a video that is written for a clip will lack on this machine, one sentence each.

    Example:
        >>> shortcomings(Path("clip.mp4"))  # doctest: +SKIP
        ['the overlays have no sound; install ffmpeg to keep it']
    """
    if h264_of_ffmpeg():
        return []
    found = []
    if _codec() not in ("avc1", "vp09"):
        found.append(f"the overlays are {CODECS['mp4v']}, which browsers do not play; install ffmpeg for H.264")
    if has_sound(clip):
        found.append("the overlays have no sound; install ffmpeg to keep it")
    return found


def has_sound(clip: Path) -> bool:
    """Returns whether a video file seems to have sound, by markers in its container.

    Example:
        >>> has_sound(Path("silent.mp4"))
        False
    """
    try:
        with clip.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[4:8] == b"ftyp":
                # The table of tracks is at the start or at the end of the file.
                start = max(0, len(data) - (64 << 20))
                return data.find(b"soun", 0, 64 << 20) >= 0 or data.find(b"soun", start) >= 0
            return any(data.find(mark, 0, 1 << 20) >= 0 for mark in _SOUND[1:])
    except (OSError, ValueError):
        return False


@functools.cache
def h264_of_ffmpeg() -> str | None:
    """Returns the H.264 encoder of FFmpeg on this machine; None if there is no FFmpeg or it has no such encoder.

    Example:
        >>> h264_of_ffmpeg()  # doctest: +SKIP
        'libx264'
    """
    program = shutil.which("ffmpeg")
    if program is None:
        return None
    try:
        listed = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return next((name for name in _H264 if f" {name} " in listed.stdout), None)


def even_times(times: list[float], rate: float) -> tuple[list[int], float]:
    """Returns how often each frame is written, so that a video with a constant rate shows it at the right time.

    Args:
        times: time of each frame of the clip in seconds from the start.
        rate: number of frames per second according to the clip.

    Returns:
        Number of copies of each frame, at least 1, and the rate of the video: that of the clip if its rate is constant,
        otherwise the one of its shortest intervals.

    Example:
        >>> even_times([0.0, 0.1, 0.4], 5.0)
        ([1, 3, 1], 10.0)
    """
    steps = np.diff(times)
    if len(steps) == 0 or (steps <= 0).any() or np.abs(steps - 1 / rate).max() < 0.5 / rate:
        return [1] * len(times), rate
    rate = float(min(_FASTEST, round(1 / np.percentile(steps, 5, method="lower"), 3)))
    places = np.round((np.asarray(times) - times[0]) * rate).astype(int)
    copies, at = [], 0
    for following in [*places[1:], None]:
        count = 1 if following is None else max(1, int(following) - at)
        copies.append(count)
        at += count
    return copies, rate


def even(frame: np.ndarray) -> np.ndarray:
    """Repeats the last row or column of a frame with odd sides, which encoders do not support.

    Example:
        >>> even(np.zeros((3, 4, 3), np.uint8)).shape
        (4, 4, 3)
    """
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


@functools.cache
def _codec() -> str:
    return next((codec for codec in CODECS if encodes(codec)), "mp4v")


@contextlib.contextmanager
def _by_opencv(file: Path, path: Path, rate: float, size: tuple[int, int], sound: Path | None) -> Iterator[FrameWriter]:
    codec = _codec()
    with quiet(), text_path(file.parent) as folder:
        video = cv2.VideoWriter(
            str(folder / file.name), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), rate, size[::-1]
        )
    if not video.isOpened():
        raise OutputError(f"cannot write {path}: this OpenCV has no video encoder; save maps or masks instead")
    frames = _Counted(video)
    try:
        yield frames
    finally:
        video.release()
    # OpenCV tells of no error: on a full disk it writes a part of the file, without the table at its end.
    if frames.count and _count(file) < frames.count:
        raise OutputError(
            f"cannot write {path}: the video could not be written to its end; check the space on the disk"
        )


class _Counted:
    def __init__(self, video: cv2.VideoWriter):
        self._video, self.count = video, 0

    def write(self, frame: np.ndarray) -> None:
        self._video.write(frame)
        self.count += 1


def _count(file: Path) -> int:
    """Returns the number of frames that the table of a video file names; 0 where it has none."""
    with quiet(), text_path(file) as name:
        capture = cv2.VideoCapture(str(name), cv2.CAP_FFMPEG)
        count = round(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
        capture.release()
    return count


@contextlib.contextmanager
def _piped(file: Path, path: Path, rate: float, size: tuple[int, int], sound: Path | None) -> Iterator[FrameWriter]:
    """Pipes frames to FFmpeg, which copies the sound of the clip."""
    height, width = size
    command = ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}"]
    command += ["-r", f"{rate:.6f}", "-i", "-", *(["-i", str(sound)] if sound else []), "-map", "0:v"]
    command += ["-map", "1:a?", "-c:a", "aac"] if sound else []
    command += ["-c:v", h264_of_ffmpeg() or "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(file)]
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=told)
        try:
            with contextlib.suppress(BrokenPipeError), cast(BinaryIO, process.stdin) as frames:
                yield _Pipe(frames)  # if FFmpeg fails, the pipe breaks, and its message says why
            if process.wait() != 0:
                told.seek(0)
                lines = told.read().decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
                raise OutputError(
                    f"cannot write {path}: ffmpeg failed ({lines[-1]}); check the clip and the space on the disk"
                )
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


class _Pipe:
    def __init__(self, stream: BinaryIO):
        self._stream = stream

    def write(self, frame: np.ndarray) -> None:
        self._stream.write(np.ascontiguousarray(frame).tobytes())


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences the messages of OpenCV and its FFmpeg on standard error; this package reports errors itself."""
    level, told = cv2.utils.logging.getLogLevel(), os.environ.get(FFMPEG_LOG)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    os.environ.setdefault(FFMPEG_LOG, "-8")  # read when the first video is opened
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
        if told is None:
            os.environ.pop(FFMPEG_LOG, None)
