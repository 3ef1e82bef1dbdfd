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
    (tmp_path / "link.mp4").symlink_to(tmp_path / "gone.mp4")
    for name, why in (("missing.mp4", "no such video"), ("link.mp4", "a link to a file that does not exist")):
        with pytest.raises(InputError, match=f"{name}: {why}"):
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
    assert (lines[-1]["clips"], lines[-1]["frames"]) == (1, 4)
    assert run("segment", good, *options) == 0
    shown = capsys.readouterr()
    last = json.loads(shown.out.splitlines()[-1])
    assert (last["skipped_groups"], last["skipped_clips"]) == (1, 1)
    assert "1 clip was finished already" in shown.err


def test_the_summary_speaks_of_frames_and_clips(tmp_path, moving, capsys):
    one, two = (write_clip(tmp_path / f"{n}.mp4", moving[0][:n]) for n in (1, 2))
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(2):
        cv2.imwrite(str(photos / f"{number}.png"), moving[0][number][..., ::-1])
    options = ["-o", tmp_path / "out", "--size", 64]
    assert run("segment", one, *options) == 0
    shown = capsys.readouterr().err
    assert "1 frame of 1 clip done" in shown and " frames/s)" in shown and "image" not in shown
    assert run("segment", one, two, photos, *options) == 0
    assert "2 images in 1 group and 2 frames of 1 clip done" in capsys.readouterr().err
    assert run("segment", one, two, photos, *options) == 0
    assert "1 group and 2 clips were finished already (--overwrite redoes them)" in capsys.readouterr().err
    (tmp_path / "bad.mp4").write_text("no video")
    assert run("segment", tmp_path / "bad.mp4", "-o", tmp_path / "new", "--size", 64) == 1
    shown = capsys.readouterr().err
    assert "0 frames of 0 clips done" in shown and "1 clip could not be read:" in shown and "Results in" not in shown


def test_frames_without_the_object_are_named_and_left_blank(tmp_path, moving, capsys):
    rng = np.random.default_rng(3)
    bare = [rng.integers(0, 256, moving[0][0].shape, np.uint8) for _ in range(3)]
    clip = write_clip(tmp_path / "apple.mp4", [*moving[0][:6], *bare])
    options = ["-o", tmp_path / "out", "--size", 128, "--absent", "blank"]
    assert run("segment", clip, *options, "--json") == 0
    shown = capsys.readouterr()
    events = [json.loads(line) for line in shown.out.splitlines()]
    presence = [event["presence"] for event in events if event["event"] == "image"]
    assert min(presence[:6]) > 0.5 > max(presence[6:])
    assert [entry["frame"] for entry in events[-1]["absent"]] == [7, 8, 9]
    assert f"3 frames are without the object (presence below 0.50):\n  {clip}: 7 to 9" in shown.err
    assert all(cv2.imread(str(tmp_path / "out" / "apple" / f"00000{n}.png")).max() == 0 for n in (7, 8, 9))
    assert cv2.imread(str(tmp_path / "out" / "apple" / "000001.png")).max() > 0
    assert run("segment", clip, *options) == 0  # finished, and told again
    assert "3 frames are without the object" in capsys.readouterr().err


def test_a_clip_that_breaks_off_is_done_as_far_as_it_goes(tmp_path, moving, capsys):
    whole = write_clip(tmp_path / "whole.avi", moving[0] * 2, codec="MJPG")
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert run("segment", tmp_path / "cut.avi", "-o", tmp_path / "out", "--size", 64) == 1
    shown = capsys.readouterr().err
    assert "breaks off after" in shown and "1 clip was read, but not without faults:" in shown
    assert len(list((tmp_path / "out" / "cut").iterdir())) > 4
