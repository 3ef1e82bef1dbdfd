"""One photo in, one file out: by name, and through standard input and output."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.apps.made import scene
from tests.cli.command_line import cosod
from tests.cli.test_inputs_are_kept import refused

FAST = {"segment": ["--size", 64], "cutout": ["--working-size", 64, "--method", "alpha"]}
FAST["thumbnails"] = ["--working-size", 64]
FAST["apply"] = ["mug.consensus", "--size", 64]


@pytest.fixture
def P(tmp_path, monkeypatch):
    (tmp_path / "P").mkdir()
    for i in range(2):
        Image.fromarray(scene(60, 80, (36 + 4 * i, 30), 15, i)[0]).save(tmp_path / "P" / f"{i}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "P"


def learned():
    assert cosod("learn", "P", "-o", "mug.consensus", "--size", 64) == 0


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize(
    ("verb", "name", "mode", "more"),
    [
        ("segment", "P/out.png", "L", []),
        ("segment", "new/out.jpg", "RGB", ["--save", "overlays"]),
        ("segment", "out.png", "1", ["--save", "masks"]),
        ("apply", "out.png", "L", []),
        ("cutout", "out.png", "RGBA", []),
        ("cutout", "out.webp", "RGBA", []),
        ("cutout", "P/out.JPG", "RGB", ["--background", "white"]),
        ("thumbnails", "out.jpg", "RGB", []),
    ],
)
def test_a_file_is_written_and_nothing_else(P, verb, name, mode, more):
    if verb == "apply":
        learned()
    before = set(files(P.parent))
    assert cosod(verb, *FAST[verb], "P/0.jpg", "-o", name, *more) == 0
    assert set(files(P.parent)) - before - {"new"} == {name}
    with Image.open(name) as stored:
        assert stored.mode == mode and stored.size == ((320, 320) if verb == "thumbnails" else (80, 60))
    assert cosod(verb, *FAST[verb], "P/0.jpg", "-o", name, *more) == 1, "what is there is kept"
    assert cosod(verb, *FAST[verb], "P/0.jpg", "-o", name, *more, "--overwrite") == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("cutout P/0.jpg P/1.jpg -o out.png", "2 photos are given"),
        ("segment P/0.jpg P/1.jpg -o out.png", "2 photos are given"),
        ("thumbnails P/0.jpg P/1.jpg -o out.jpg", "2 photos are given"),
        ("cutout P -o out.png", "2 photos are given"),
        ("cutout P/0.jpg -o P/0.jpg --background white", "overwritten"),
        ("cutout P/0.jpg -o out.jpg", "no transparency"),
        ("cutout P/0.jpg -o out.gif", "ends in .png"),
        ("cutout P/0.jpg -o out.png --format webp", "ends in .webp"),
        ("segment P/0.jpg -o out.jpg", "ends in .png"),
        ("segment P/0.jpg -o out.png --save maps,masks", "several files"),
        ("segment P/0.jpg -o out.png --sheet s.png", "--sheet needs a folder"),
        ("thumbnails P/0.jpg -o out.jpg --labels coco", "--labels needs a folder"),
        ("cutout - -o out", "is a folder"),
        ("cutout - P/0.jpg -o out", "give no other photos"),
        ("cutout P/0.jpg -o - --json", "--json and -o -"),
        ("cutout P/0.jpg P/1.jpg -o -", "2 photos"),
        ("segment clip.mp4 -o out.png", "video"),
        ("group P -o out.png", "name of a file"),
        ("inspect P -o out.png", "name of a file"),
        ("evaluate --pred P --gt P -o report.html", "name of a file"),
        ("train gconet_released --data P -o weights.safetensors", "name of a file"),
        ("make-distractors P -o out.zip", "name of a file"),
        ("active run --data P -o run.json", "name of a file"),
    ],
)
def test_what_is_no_file_is_refused(P, capsys, arguments, says):
    (P.parent / "clip.mp4").write_text("")
    refused(P.parent, capsys, *arguments.split(), says=says)
    assert not (P.parent / "out.png").exists()


def test_a_folder_that_is_called_like_a_file_goes_on_as_one(P):
    (P.parent / "out.png").mkdir()
    assert cosod("segment", "P", "-o", "out.png", *FAST["segment"]) == 0
    assert (P.parent / "out.png" / "P" / "0.png").exists()


def test_standard_input_and_output(P):
    command = [sys.executable, "-m", "cosod", "cutout", "-", "-o", "-", *map(str, FAST["cutout"])]
    done = subprocess.run(command, input=(P / "0.jpg").read_bytes(), capture_output=True)
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as found:
        assert found.mode == "RGBA" and found.size == (80, 60) and np.asarray(found)[..., 3].any()
    assert files(P.parent) == ["P", "P/0.jpg", "P/1.jpg"]
    done = subprocess.run(command, input=b"no photo", capture_output=True, text=False)
    assert done.returncode == 1 and done.stdout == b"" and b"standard input: is a text file" in done.stderr
    assert b"cosod-" not in done.stderr


def test_standard_input_is_called_by_its_name(P, capfd, monkeypatch):
    frames = [Image.open(f"P/{i}.jpg") for i in range(2)]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    command = [sys.executable, "-m", "cosod", "cutout", "-", "-o", "-", *map(str, FAST["cutout"])]
    done = subprocess.run(command, input=data.getvalue(), capture_output=True)
    shown = done.stderr.decode()
    assert done.returncode == 0 and done.stdout.startswith(b"\x89PNG")
    assert "Note: standard input is animated: its first frame is used" in shown
    assert "Warning: standard input: one image only" in shown and "cosod-" not in shown


@pytest.mark.parametrize(
    ("stream", "arguments"), [("stdin", ["-", "-o", "out.png"]), ("stdout", ["P/0.jpg", "-o", "-"])]
)
def test_a_stream_that_is_closed_is_one_sentence(P, capsys, monkeypatch, stream, arguments):
    with monkeypatch.context() as closed:
        closed.setattr(sys, stream, None)
        assert cosod("segment", *arguments, *FAST["segment"]) == 1
    shown = capsys.readouterr().err
    assert f"Error: standard {stream.removeprefix('std')}put is closed" in shown


@pytest.mark.parametrize("verb", ["learn", "group"])
def test_commands_that_read_no_standard_input_say_so(P, capsys, verb):
    assert cosod(verb, "-", "-o", "new.consensus" if verb == "learn" else "new") == 1
    assert "- stands for standard input, which this command does not read" in capsys.readouterr().err
