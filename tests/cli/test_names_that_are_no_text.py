"""Folders and photos whose names are no UTF-8, as old archives and cameras leave them, in every command."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cosod.io.file_names import printable, text_path
from tests.cli.command_line import cosod

pytestmark = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="this system takes text only")

GROUP, PHOTO = os.fsdecode(b"gr\xfcn"), os.fsdecode(b"p\xff")


@pytest.fixture
def photos(tmp_path):
    """A group of three photos, one that cannot be read, and a mask of the first; all in a folder."""
    folder = tmp_path / os.fsdecode(b"\xe4ll") / GROUP
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        with (folder / f"{PHOTO}{number}.png").open("wb") as file:
            Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(file, "PNG")
    (folder / f"{PHOTO}.png").write_bytes(b"no image")
    mask = np.zeros((48, 64), np.uint8)
    mask[10:30, 10:30] = 255
    with (tmp_path / f"{PHOTO}.png").open("wb") as file:
        Image.fromarray(mask).save(file, "PNG")
    return folder.parent


def summary(capsys):
    return json.loads(capsys.readouterr().out.encode().splitlines()[-1])


@pytest.mark.parametrize("verb", ["segment", "cutout", "thumbnails", "group", "inspect"])
def test_commands_on_folders(photos, tmp_path, capsys, verb):
    out = tmp_path / os.fsdecode(b"\xf6ut")
    more = {
        "segment": ["--save", "maps,masks,overlays", "--sheet", tmp_path / f"{PHOTO}.sheet.png"],
        "thumbnails": ["--labels", "coco,yolo", "--sheet", tmp_path / f"{PHOTO}.sheet.png"],
    }.get(verb, [])
    size = "--working-size" if verb in ("cutout", "thumbnails") else "--size"
    arguments = [verb, photos, "-o", out, size, "64", *more, *([] if verb == "inspect" else ["--json"])]
    assert cosod(*arguments) == 1, "one photo cannot be read"
    if verb == "inspect":
        assert len(list(out.rglob("*.csv"))) and len(list(out.rglob("*.png")))
        return
    (failed,) = summary(capsys)["failed"]
    assert Path(failed["image"]) == photos / GROUP / f"{PHOTO}.png", "JSON gives the name back"
    if verb == "thumbnails":
        names = [image["file_name"] for image in json.loads((out / "coco.json").read_text(encoding="utf-8"))["images"]]
        assert names == [f"{GROUP}/{PHOTO}{number}.png" for number in range(3)]
    elif verb != "group":
        assert (out / GROUP / f"{PHOTO}1.png").exists()
    assert cosod(*arguments) == 1
    assert [f["image"] for f in summary(capsys)["failed"]] == [failed["image"]], "what is finished is known again"


def test_consensus_and_evaluation(photos, tmp_path, capsys):
    kept, maps = tmp_path / f"{PHOTO}.consensus", tmp_path / os.fsdecode(b"m\xe4ps")
    mark = f"{photos / GROUP / PHOTO}0.png={tmp_path / PHOTO}.png"
    assert cosod("learn", photos, "-o", kept, "--mask", mark, "--size", "64") == 1
    assert cosod("apply", kept, photos, "-o", maps, "--json") == 1
    assert summary(capsys)["images"] == 3
    report = tmp_path / os.fsdecode(b"rep\xf6rt")
    assert cosod("evaluate", maps, "--gt", maps, "-o", report) == 0
    assert (report / "summary.json").read_text(encoding="utf-8")


def test_sets_and_pools(photos, tmp_path):
    (photos / GROUP / f"{PHOTO}.png").unlink()
    root = tmp_path / os.fsdecode(b"s\xe4t")
    for kind in ("img", "gt"):
        for group in (GROUP, "other"):
            (root / kind / group).mkdir(parents=True)
            for number in range(2):
                data = (photos / GROUP / f"{PHOTO}{number}.png").read_bytes()
                (root / kind / group / f"{PHOTO}{number}.png").write_bytes(data)
    assert cosod("datasets", "check", root, "--json") == 0
    assert cosod("make-distractors", root, "-o", tmp_path / os.fsdecode(b"dist\xfcrbed"), "-q") == 0
    wanted = ["--data", root / "img", "--preset", "random10", "--backbone", "none"]
    formats = ["-o", tmp_path / "points", "--format", "json,labelstudio,cvat", "--image-url", "http://here/"]
    assert cosod("active", "query", tmp_path / os.fsdecode(b"r\xfcn"), *wanted, *formats) == 0
    assert "http://here/gr%FCn/p%FF0.png" in (tmp_path / "points" / "label_studio_tasks.json").read_text()


def test_names_for_pictures_and_for_libraries(tmp_path):
    assert printable(PHOTO) == "p\ufffd" and printable("ä") == "ä" and printable("a\nb\r") == "a\ufffdb\ufffd"
    (tmp_path / f"{PHOTO}.mp4").write_bytes(b"content")
    with text_path(tmp_path / f"{PHOTO}.mp4") as path:
        assert str(path).encode() and path.suffix == ".mp4" and path.read_bytes() == b"content"
    assert not path.exists()
    with text_path(tmp_path / "ä.mp4") as path:
        assert path == tmp_path / "ä.mp4"


def test_names_with_line_breaks_are_drawn(tmp_path, photos):
    folder = tmp_path / "lines"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}\n\r.png").write_bytes((photos / GROUP / f"{PHOTO}{number}.png").read_bytes())
    assert cosod("inspect", folder, "-o", tmp_path / "drawn", "--size", "64") == 0


def test_names_with_a_dash_in_front(tmp_path, photos, monkeypatch, capsys):
    (tmp_path / "-dash.png").write_bytes((photos / GROUP / f"{PHOTO}0.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert cosod("segment", "-dash.png", "-o", "out", "--size", "64") == 2
    assert "The file -dash.png is given as ./-dash.png." in capsys.readouterr().err
    assert cosod("segment", "./-dash.png", "-o", "out", "--size", "64") == 0
