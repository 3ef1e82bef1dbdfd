"""Videos that browsers play, at the clip's own times, with its sound where FFmpeg is there."""

import base64
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from cosod.apps.video import encoding
from cosod.apps.video.clips import Clip
from cosod.apps.video.encoding import even_times, has_sound, shortcomings, writer
from cosod.errors import OutputError
from tests.browser import chromium, needs_browser

FFMPEG = shutil.which("ffmpeg")


@pytest.fixture(autouse=True)
def fresh():
    """What this machine has is looked up anew in each test."""
    yield
    encoding.h264_of_ffmpeg.cache_clear()


@pytest.fixture
def without_ffmpeg(monkeypatch):
    monkeypatch.setattr(encoding.shutil, "which", lambda name: None)
    encoding.h264_of_ffmpeg.cache_clear()


def written(path, frames=8, size=(48, 64), **options):
    with writer(path, 10, size, **options) as video:
        for number in range(frames):
            video.write(np.full((*size, 3), 20 * number, np.uint8))
    return path


def codec_of(path):
    capture = cv2.VideoCapture(str(path))
    code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1")
    capture.release()
    return code


def test_codecs_of_opencv(tmp_path, without_ffmpeg):
    path = written(tmp_path / "a.mp4")
    if encoding._codec() == "mp4v":
        assert "browsers do not play" in shortcomings(path)[0]
    else:
        assert codec_of(path).lower() in ("avc1", "h264", "vp09", "vp90")
        assert shortcomings(path) == []
    assert len(list(Clip(path).frames())) == 8


def test_the_last_choice_is_named(tmp_path, without_ffmpeg, monkeypatch):
    monkeypatch.setattr(encoding, "_codec", lambda: "mp4v")
    path = written(tmp_path / "a.mp4")
    assert "install ffmpeg for H.264" in shortcomings(path)[0]


def test_sound_is_named_where_it_is_lost(tmp_path, without_ffmpeg):
    path = written(tmp_path / "a.mp4")
    assert not has_sound(path) and not has_sound(tmp_path / "none.mp4")
    loud = tmp_path / "loud.mp4"
    loud.write_bytes(path.read_bytes() + b"....hdlr........soun....")
    assert has_sound(loud)
    assert "no sound; install ffmpeg" in shortcomings(loud)[-1]
    (tmp_path / "loud.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(50) + b"A_OPUS" + bytes(50))
    assert has_sound(tmp_path / "loud.mkv")


def test_a_failure_of_ffmpeg_is_one_sentence_and_leaves_nothing(tmp_path, monkeypatch):
    fake = tmp_path / "bin" / "ffmpeg"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\ncase "$*" in *-encoders*) echo " V libx264 x";; *) echo "no room" >&2; exit 1;; esac\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    encoding.h264_of_ffmpeg.cache_clear()
    with pytest.raises(OutputError, match=r"cannot write .*a\.mp4: ffmpeg failed \(no room\)"):
        written(tmp_path / "a.mp4", frames=400)
    assert [p.name for p in tmp_path.iterdir()] == ["bin"]


@pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed")
def test_sound_is_kept(tmp_path):
    silent = written(tmp_path / "silent.mp4")
    loud = tmp_path / "loud.mp4"
    command = [FFMPEG, "-v", "error", "-i", silent, "-f", "lavfi", "-i", "sine=440:d=0.8", "-c:v", "copy", loud]
    subprocess.run([str(part) for part in command], check=True)
    assert has_sound(loud)
    path = written(tmp_path / "a.mp4", sound=loud)
    assert has_sound(path) and codec_of(path) in ("avc1", "h264")
    assert not has_sound(written(tmp_path / "b.mp4", sound=silent))


def test_times():
    assert even_times([0.0, 0.04, 0.08], 25.0) == ([1, 1, 1], 25.0)
    assert even_times([0.0, 0.033, 0.081], 25.0) == ([1, 1, 1], 25.0)  # the jitter of phones
    assert even_times([0.0, 0.1, 0.4], 5.0) == ([1, 3, 1], 10.0)
    assert even_times([0.0], 25.0) == ([1], 25.0)
    assert even_times([0.0, 0.0, 0.0], 25.0) == ([1, 1, 1], 25.0)
    times = np.cumsum([0, *np.random.default_rng(0).choice([0.04, 0.08, 0.5], 40)]).tolist()
    copies, rate = even_times(times, 12.0)
    shown = np.cumsum([0, *copies[:-1]]) / rate
    assert np.abs(shown - times).max() <= 0.5 / rate + 1e-6


@needs_browser
def test_chromium_plays_what_is_written(tmp_path):
    if encoding.h264_of_ffmpeg() is None and encoding._codec() == "mp4v":
        pytest.skip("no encoder that browsers play")
    data = base64.b64encode(written(tmp_path / "a.mp4", frames=12).read_bytes()).decode()
    with chromium() as browser:
        page = browser.new_page()
        page.set_content(f'<video muted src="data:video/mp4;base64,{data}"></video>')
        state = page.evaluate(
            """async () => {
                const video = document.querySelector("video");
                await video.play();
                await new Promise((done) => { video.onended = done; setTimeout(done, 5000); });
                return [video.videoWidth, video.videoHeight, video.currentTime, video.error];
            }"""
        )
    assert state[:2] == [64, 48] and state[2] > 0.5 and state[3] is None


def test_a_video_that_could_not_be_written_to_its_end_is_an_error(tmp_path, without_ffmpeg):
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # as a disk that is full
    try:
        with (
            pytest.raises(OutputError, match="the video could not be written to its end"),
            writer(tmp_path / "a.mp4", 10, (240, 320)) as video,
        ):
            for _ in range(10):
                video.write(noise.integers(0, 256, (240, 320, 3), np.uint8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
