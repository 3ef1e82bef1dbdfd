"""Clips: reading whatever they are, maps that follow the object, smoothing, and the command."""

import json

import cv2
import numpy as np
import pytest

import cosod
from cosod.apps.video import Clip, Smoother
from cosod.apps.video.clips import even, writer
from cosod.apps.video.smoothing import Smoothing
from cosod.errors import InputError
from cosod.inference.functions import load
from tests.apps.video.conftest import scene, write_clip
from tests.cli.command_line import cosod as run


@pytest.fixture(scope="module")
def detector():
    return load(device="cpu", size=128)


def test_maps_follow_the_object(detector, clip, moving):
    images, masks = moving
    maps = list(cosod.segment_video(clip, detector, sample=4))
    assert len(maps) == len(images)
    for saliency, mask in zip(maps, masks, strict=True):
        assert saliency.shape == mask.shape and saliency.dtype == np.float32
        assert saliency.min() >= 0 and saliency.max() <= 1
        assert saliency[mask].mean() > saliency[~mask].mean() + 0.3


def test_smoothing_lowers_flicker_and_follows_the_motion(moving):
    images, masks = moving
    rng = np.random.default_rng(0)
    noisy = [(mask * (0.5 + 0.5 * rng.random())).astype(np.float32) for mask in masks]
    smoother = Smoother()
    smooth = [smoother(image, saliency) for image, saliency in zip(images, noisy, strict=True)]

    def flicker(maps):
        heights = [saliency[mask].mean() for saliency, mask in zip(maps, masks, strict=True)]
        return np.abs(np.diff(heights)).mean()

    assert flicker(smooth) < 0.7 * flicker(noisy)
    outside = [
        saliency[~cv2.dilate(m.astype(np.uint8), np.ones((9, 9))).astype(bool)].max()
        for saliency, m in zip(smooth, masks, strict=True)
    ]
    assert np.mean(outside) < 0.3  # no trail behind the object


def test_fast_motion_leaves_no_ghosts():
    images, masks = scene(frames=6, size=(240, 320))
    smoother = Smoother()
    for image, mask in zip(images, masks, strict=True):
        smooth = smoother(image, mask.astype(np.float32))
        near = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15))).astype(bool)
        assert smooth[~near].mean() < 0.01 and smooth[mask].mean() > 0.9


def test_a_cut_forgets_the_past(moving):
    image = moving[0][0]
    smoother = Smoother()
    smoother(image, np.ones(image.shape[:2], np.float32))
    fresh = smoother(255 - image, np.zeros(image.shape[:2], np.float32))
    assert fresh.max() == 0
    off = Smoother(Smoothing(strength=0))
    off(image, np.ones(image.shape[:2], np.float32))
    assert off(image, np.zeros(image.shape[:2], np.float32)).max() == 0
    with pytest.raises(InputError, match="smoothing"):
        Smoothing(strength=1.0)


@pytest.mark.parametrize(("frames", "count"), [(1, 4), (5, 4), (16, 4)])
def test_a_sample_is_spread_and_bounded(tmp_path, moving, frames, count):
    clip = Clip(write_clip(tmp_path / "a.mp4", moving[0][:frames]))
    kept, total = clip.spread(count, lambda frame: frame[::8, ::8])
    assert total == frames == len(list(clip.frames()))
    assert min(frames, count) <= len(kept) < 2 * count


def test_odd_sizes_are_written_and_read(tmp_path):
    frame = np.full((31, 45, 3), 90, np.uint8)
    with writer(tmp_path / "odd.mp4", 10, (31, 45)) as video:
        for _ in range(3):
            video.write(even(frame))
    assert [f.shape for f in Clip(tmp_path / "odd.mp4").frames()] == [(32, 46, 3)] * 3
    assert [p.name for p in tmp_path.iterdir()] == ["odd.mp4"]


def test_bad_clips(tmp_path, clip):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])  # its index is at the end
    for name in ("text.mp4", "empty.mp4", "cut.mp4", "missing.mp4"):
        with pytest.raises(InputError, match=name):
            Clip(tmp_path / name)
    with pytest.raises(InputError, match="over the limit"):
        Clip(clip, max_pixels=100)


def test_command_writes_maps_and_an_overlay_video_and_reports_bad_clips(tmp_path, moving, capsys):
    good = write_clip(tmp_path / "apple.mp4", moving[0][:4])
    (tmp_path / "bad.mp4").write_text("no video")
    out = tmp_path / "out"
    options = ["-o", out, "--save", "maps,overlays", "--size", 64, "--json"]
    assert run("segment", good, tmp_path / "bad.mp4", *options) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["images"] == 4 and [f["group"] for f in lines[-1]["failed"]] == ["bad"]
    assert sorted(p.name for p in (out / "apple").iterdir()) == [f"{n:06d}.png" for n in range(1, 5)]
    assert len(list(Clip(out / "overlays" / "apple.mp4").frames())) == 4
    assert run("segment", good, *options) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["skipped_groups"] == 1


def test_a_clip_that_breaks_off_is_done_as_far_as_it_goes(tmp_path, moving, capsys):
    whole = write_clip(tmp_path / "whole.avi", moving[0] * 2, codec="MJPG")
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert run("segment", tmp_path / "cut.avi", "-o", tmp_path / "out", "--size", 64) == 1
    assert "breaks off after" in capsys.readouterr().err
    assert len(list((tmp_path / "out" / "cut").iterdir())) > 4
