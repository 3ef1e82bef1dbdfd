"""Animated pictures are clips: all frames, at their own times."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from cosod.apps.video.clips import Animation, Clip, is_clip, open_clip, split
from cosod.errors import InputError
from tests.apps.video.conftest import write_clip
from tests.apps.video.test_video import run

TIMES = [0.0, 0.1, 0.2, 0.6, 0.7, 0.8]
DURATIONS = [100, 100, 400, 100, 100, 200]
KINDS = ["gif", "png", "apng", "webp", *(["avif"] if features.check("avif") else [])]


def animation(path, images, **options):
    first, *others = [Image.fromarray(image) for image in images]
    kind = {"apng": "png"}.get(path.suffix[1:])
    first.save(path, kind, save_all=True, append_images=others, duration=DURATIONS[: len(images)], **options)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_their_times(tmp_path, moving, kind):
    clip = open_clip(animation(tmp_path / f"a.{kind}", moving[0][:6]))
    assert isinstance(clip, Animation) and clip.promised == 6 and clip.rate == pytest.approx(10)
    kept, total = clip.spread(8, lambda frame: frame)
    assert total == len(kept) == 6
    assert np.allclose(clip.times, TIMES)
    for frame, image in zip(clip.frames(), moving[0], strict=False):
        assert frame.dtype == np.uint8 and frame.shape == image.shape
        assert np.abs(frame.astype(int) - image).mean() < 8


def test_transparency_lies_over_white_and_frames_over_one_another(tmp_path):
    frames = []
    for left in (2, 12):
        pixels = np.zeros((20, 24, 4), np.uint8)
        pixels[5:15, left : left + 6] = (200, 30, 30, 255)
        frames.append(Image.fromarray(pixels))
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50, disposal=2)
    first, second = open_clip(tmp_path / "a.gif").frames()
    assert (first[0, 0] == 255).all() and (second[10, 4] == 255).all()
    assert first[10, 4, 1] < 60 and second[10, 14, 1] < 60


def test_only_what_moves_is_a_clip(tmp_path, moving):
    moves = animation(tmp_path / "a.gif", moving[0][:2])
    still = tmp_path / "b.gif"
    Image.fromarray(moving[0][0]).save(still)
    (tmp_path / "c.png").write_bytes(b"no picture")
    (tmp_path / "d.gif").mkdir()
    video = write_clip(tmp_path / "e.mp4", moving[0][:2])
    paths = [moves, still, tmp_path / "c.png", tmp_path / "d.gif", video, tmp_path / "none.gif", Path("none.mp4")]
    assert split(paths) == ([moves, video, Path("none.mp4")], [still, paths[2], paths[3], paths[5]])
    assert is_clip(moves) and not is_clip(still)
    assert type(open_clip(video)) is Clip


def test_bad_animations(tmp_path, moving):
    path = animation(tmp_path / "a.gif", moving[0][:6])
    with pytest.raises(InputError, match="over the limit"):
        open_clip(path, max_pixels=100)
    path.write_bytes(b"GIF89a and nothing")
    with pytest.raises(InputError, match=r"a\.gif: damaged or truncated"):
        open_clip(path)


def test_all_frames_of_a_gif_are_segmented(tmp_path, moving, capsys):
    path = animation(tmp_path / "apple.gif", moving[0][:4])
    out = tmp_path / "out"
    assert run("segment", path, "-o", out, "--size", 64, "--save", "maps,overlays") == 0
    assert "1 video clip" in capsys.readouterr().err
    assert [p.name for p in sorted((out / "apple").iterdir())] == [f"{n:06d}.png" for n in range(1, 5)]
    # At ten frames a second the third, shown four times as long, stands four times.
    assert len(list(Clip(out / "overlays" / "apple.mp4").frames())) == 7


def test_a_gif_that_breaks_off_is_told(tmp_path, moving, capsys):
    path = animation(tmp_path / "apple.png", moving[0][:6])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert run("segment", path, "-o", tmp_path / "out", "--size", 64) == 1
    assert "breaks off after" in capsys.readouterr().err
