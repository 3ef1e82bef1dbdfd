"""Cut-outs of clips: a picture with transparency for each frame."""

import json

import numpy as np
from PIL import Image

from tests.apps.video.conftest import write_clip
from tests.apps.video.test_opencv_probe import damage
from tests.apps.video.test_video import run


def test_every_frame_is_cut_out(tmp_path, moving, capsys):
    clip = write_clip(tmp_path / "apple.mp4", moving[0][:3])
    out = tmp_path / "out"
    options = ["-o", out, "--working-size", 64, "--method", "threshold"]
    assert run("cutout", clip, *options, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    frames = [line for line in lines if line["event"] == "image"]
    assert [frame["time"] for frame in frames] == [0.0, 0.083, 0.167]
    files = sorted((out / "apple").iterdir())
    assert [file.name for file in files] == ["000001.png", "000002.png", "000003.png"]
    assert [frame["file"] for frame in frames] == [str(file) for file in files]
    for file in files:
        pixels = np.asarray(Image.open(file))
        assert pixels.shape == (*moving[0][0].shape[:2], 4)
    assert run("cutout", clip, *options) == 0
    assert "finished already" in capsys.readouterr().err
    assert run("segment", clip, "-o", out, "--size", 64) == 1
    assert "holds results of cosod cutout" in capsys.readouterr().err


def test_clips_beside_photos_on_a_background(tmp_path, moving, capsys):
    clip = write_clip(tmp_path / "apple.mp4", moving[0][:2])
    for number in range(2):
        Image.fromarray(moving[0][number]).save(tmp_path / f"{number}.png")
    options = ["-o", tmp_path / "out", "--working-size", 64, "--background", "white", "--format", "jpg"]
    assert run("cutout", clip, tmp_path / "0.png", tmp_path / "1.png", *options) == 0
    assert "2 images in 1 group and 1 video clip" in capsys.readouterr().err
    assert Image.open(tmp_path / "out" / "apple" / "000002.jpg").mode == "RGB"


def test_what_cannot_be_done_is_one_sentence(tmp_path, moving, capsys):
    clip = write_clip(tmp_path / "apple.mp4", moving[0][:2])
    (tmp_path / "maps").mkdir()
    assert run("cutout", clip, "--maps", tmp_path / "maps", "-o", tmp_path / "out") == 1
    assert "--maps" in capsys.readouterr().err
    (tmp_path / "bad.mp4").write_text("no video")
    assert run("cutout", tmp_path / "bad.mp4", "-o", tmp_path / "out", "--working-size", 64) == 1
    assert "bad.mp4: cannot be opened as video" in capsys.readouterr().err


def test_damaged_frames_are_counted(tmp_path, moving, capsys):
    clip = damage(write_clip(tmp_path / "apple.mp4", moving[0]))
    assert run("segment", clip, "-o", tmp_path / "out", "--size", 64, "--save", "masks", "--json") == 1
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["images"] == len(moving[0])
    assert " of 16 frames are damaged (number " in summary["failed"][0]["error"]
    assert (
        run("segment", clip, "-o", tmp_path / "out", "--size", 64, "--save", "masks") == 1
    )  # finished, and told again
    assert "are damaged" in capsys.readouterr().err
