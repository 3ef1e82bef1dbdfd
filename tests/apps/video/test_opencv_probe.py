"""Damage that only FFmpeg's messages tell of, found without a message of theirs on the terminal."""

import subprocess
import sys

import numpy as np
import pytest

from cosod.apps.video.clips import Clip
from cosod.apps.video.opencv_probe import _numbers, damaged_frames, encodes
from tests.apps.video.conftest import write_clip


def damage(path, places=(0.4, 0.6), length=60):
    """Overwrites bytes of the frames with noise."""
    data = bytearray(path.read_bytes())
    for place in places:
        at = int(len(data) * place)
        data[at : at + length] = np.random.default_rng(at).integers(0, 256, length, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "mp4v"), ("avi", "MJPG"), ("mkv", "mp4v")])
def test_damaged_frames_are_found(tmp_path, moving, suffix, codec):
    path = write_clip(tmp_path / f"a.{suffix}", moving[0], codec)
    with damaged_frames(path) as found:
        assert found() == []
    damage(path)
    with damaged_frames(path) as found:
        frames = list(Clip(path).frames())
        numbers = found()
    assert 1 <= len(numbers) < len(frames) and all(1 < n <= len(frames) for n in numbers)


def test_nothing_of_ffmpeg_reaches_the_terminal(tmp_path, moving):
    path = damage(write_clip(tmp_path / "a.mp4", moving[0]))
    # FFmpeg learns how much to tell when the first video of a process is opened, so this needs one of its own.
    code = f"from cosod.apps.video import Clip; print(len(list(Clip({str(path)!r}).frames())))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("16", "")


def test_the_search_ends_with_the_block(tmp_path, moving):
    with damaged_frames(write_clip(tmp_path / "a.mp4", moving[0])):
        pass
    with damaged_frames(tmp_path / "none.mp4") as found:
        assert found() == []


def test_messages_count_by_frame():
    told = "[h264 @ 0x1] error while decoding MB 3 4, bytestream 7\n\n#1\n\n#2\n[h264 @ 0x1] concealing 9 DC\n"
    told += (
        "[h264 @ 0x1] concealing 8 AC\n\n#3\n[aac @ 0x2] invalid band type\n[h264 @ 0x1] SEI type 5 truncated\n\n#4\n"
    )
    assert _numbers(told) == [1, 3]


def test_encoders():
    assert encodes("mp4v")
    assert not encodes("none")
