"""Damaged frames of a clip, and encoders that work, found by the messages of OpenCV in a separate process.

The FFmpeg in OpenCV conceals damaged frames, and reports them on standard error only. :func:`damaged_frames` and
:func:`encodes` run this file as a script, which imports nothing but OpenCV, and read its standard error.
"""

import contextlib
import functools
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

#: Environment variable with the log level of the FFmpeg in OpenCV.
FFMPEG_LOG = "OPENCV_FFMPEG_LOGLEVEL"
#: Words in messages of FFmpeg about damaged frames.
_DAMAGE = re.compile(
    r"damaged|error while decoding|error at mb|error count|error y=|overread|corrupt|conceal|marker bit missing|invalid"
    r"|illegal|slice_header error|no frame!|cabac|bytestream|out of range|overflow|error submitting|missing picture"
    r"|failed to decode|truncat|no end of image|get_bits|bits left",
    re.IGNORECASE,
)
#: Messages that undamaged clips cause too, about sound and metadata.
_HARMLESS = re.compile(
    r"\[(aac|mp3|ac3|eac3|opus|vorbis|flac|pcm)|\bSEI\b|edit list|color_range|deprecated", re.IGNORECASE
)


@contextlib.contextmanager
def damaged_frames(path: Path) -> Iterator[Callable[[], list[int]]]:
    """Looks for damaged frames of a clip while the block runs.

    Yields a function that waits for the end and returns the numbers of damaged frames, starting at 1. Damage in codecs
    without checks, such as VP9, is not found.

    Example:
        >>> with damaged_frames(Path("clip.mp4")) as found:  # doctest: +SKIP
        ...     segment()
        ...     print(found())
    """
    from cosod.io.file_names import text_path  # here, as the script runs without the package

    with tempfile.TemporaryFile() as told, text_path(path) as name:
        process = _start("frames", str(name), told)

        def found() -> list[int]:
            if process is None:
                return []
            process.wait()
            told.seek(0)
            return _numbers(told.read().decode("utf-8", "replace"))

        try:
            yield found
        finally:
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@functools.cache
def encodes(codec: str) -> bool:
    """Returns whether OpenCV on this machine writes MP4 files with a codec, which is given by its FourCC.

    Example:
        >>> encodes("mp4v")
        True
    """
    with tempfile.TemporaryDirectory(prefix="cosod-") as folder, tempfile.TemporaryFile() as told:
        process = _start(codec, str(Path(folder) / "probe.mp4"), told)
        return process is not None and process.wait() == 0


def _start(what: str, path: str, told: IO[bytes]) -> subprocess.Popen | None:
    command = [sys.executable, str(Path(__file__)), what, path]
    environment = {name: value for name, value in os.environ.items() if name != FFMPEG_LOG}
    try:
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=told
        )
    except OSError:
        return None


def _numbers(text: str) -> list[int]:
    """Returns the frames before which FFmpeg reported damage; frame N is reported as ``#N`` once it is decoded."""
    damaged: list[int] = []
    number = 1
    for line in text.splitlines():
        if line.startswith("#") and line[1:].isdigit():
            number = int(line[1:]) + 1
        elif _DAMAGE.search(line) and not _HARMLESS.search(line) and number not in damaged[-1:]:
            damaged.append(number)
    return damaged


def _main(what: str, path: str) -> int:
    import cv2
    import numpy as np

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    if what != "frames":
        video = cv2.VideoWriter(path, cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*what), 25.0, (64, 64))
        if not video.isOpened():
            return 1
        for level in (0, 128, 255):
            video.write(np.full((64, 64, 3), level, np.uint8))
        video.release()
        return 0 if Path(path).stat().st_size > 100 else 1
    # With one thread, the messages of FFmpeg refer to the current frame.
    options = [cv2.CAP_PROP_N_THREADS, 1] if hasattr(cv2, "CAP_PROP_N_THREADS") else []
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, options)
    number = 0
    while capture.grab():
        number += 1
        os.write(2, b"\n#%d\n" % number)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
