"""Files in folders that are not read are named at the end, with the way out; all that can be read is read."""

import json

import numpy as np
import pytest
from PIL import Image

from cosod.io.image_formats import HEIF_SUFFIXES, SUFFIXES
from tests.cli.command_line import cosod

LEFT_OUT = {
    "raw.CR2": "camera raw file",
    "plan.svg": "drawing",
    "paper.pdf": "drawing",
    "clip.mp4": "video",
    "deep/photo.heic": "HEIC photo",
    "new.jxl": "other picture",
    "gone.jpg": "dead link",
    "notes.txt": "other file",
}


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Photos of several formats, and files of each kind that is not read."""
    for module in ("image_formats", "photo_groups"):
        monkeypatch.setattr(f"cosod.io.{module}.SUFFIXES", SUFFIXES - HEIF_SUFFIXES)
    rng = np.random.default_rng(0)
    (tmp_path / "p" / "deep").mkdir(parents=True)
    for name in ("a.jpg", "b.avif", "c.jp2", "d.tga", "e.ICO", "deep/f.webp", "deep/g.bmp"):
        image = Image.fromarray(rng.integers(0, 256, (48, 48, 3), dtype=np.uint8))
        image.save(tmp_path / "p" / name, **({"sizes": [(48, 48)]} if name == "e.ICO" else {}))
    for name in LEFT_OUT:
        if name != "gone.jpg":
            (tmp_path / "p" / name).write_bytes(b"whatever it is")
    (tmp_path / "p" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    for ignored in (".hidden", "Thumbs.db", "desktop.ini"):
        (tmp_path / "p" / ignored).write_bytes(b"")
    return tmp_path / "p"


@pytest.mark.parametrize("verb", ["segment", "cutout", "thumbnails", "group", "learn", "apply", "inspect"])
def test_every_command_names_what_it_leaves_out(photos, tmp_path, capsys, verb):
    out = [tmp_path / "o.consensus"] if verb == "learn" else [tmp_path / "out", "--json"]
    out = out[:1] if verb == "inspect" else out
    size = "--working-size" if verb in ("cutout", "thumbnails") else "--size"
    given = [photos]
    if verb == "apply":
        assert cosod("learn", photos / "deep", "-o", tmp_path / "k.consensus", "--size", "64") == 0
        given = [tmp_path / "k.consensus", photos]
    capsys.readouterr()
    assert cosod(verb, *given, "-o", *out, size, "64") == 0
    told = capsys.readouterr()
    assert f"{len(LEFT_OUT)} files were left out" in told.err
    for name in LEFT_OUT:
        assert str(photos / name) in told.err, name
    assert "pip install 'cosod[heic]'" in told.err and "Thumbs.db" not in told.err
    if "--json" in out:
        summary = json.loads(told.out.splitlines()[-1])
        assert {entry["file"]: entry["reason"] for entry in summary["left_out"]} == {
            str(photos / name): kind for name, kind in LEFT_OUT.items()
        }
        assert all(entry["way_out"] for entry in summary["left_out"])


def test_a_folder_with_nothing_to_read_says_what_is_there(tmp_path, capsys, monkeypatch):
    for module in ("image_formats", "photo_groups"):
        monkeypatch.setattr(f"cosod.io.{module}.SUFFIXES", SUFFIXES - HEIF_SUFFIXES)
    for name in ("a.heic", "b.HEIC", "c.txt"):
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / name).write_bytes(b"x")
    assert cosod("segment", tmp_path / "p", "-o", tmp_path / "out") == 1
    assert "2 HEIC photos" in (told := capsys.readouterr().err) and "cosod[heic]" in told


@pytest.mark.parametrize("verb", ["segment", "cutout", "thumbnails"])
def test_black_pictures_hold_nothing(tmp_path, capsys, verb):
    (tmp_path / "p").mkdir()
    for number in range(3):
        Image.new("RGB", (60, 40)).save(tmp_path / "p" / f"{number}.jpg")
    size = "--size" if verb == "segment" else "--working-size"
    more = ["--labels", "coco"] if verb == "thumbnails" else []
    assert cosod(verb, tmp_path / "p", "-o", tmp_path / "out", size, "64", "--json", *more) == 0
    told = capsys.readouterr()
    images = [event for event in map(json.loads, told.out.splitlines()) if event["event"] == "image"]
    assert len(images) == 3 and all(event["notes"] and event.get("presence", 0) == 0 for event in images)
    assert told.err.count("Note: ") == 3
    if verb == "segment":
        assert all(not np.asarray(Image.open(event["maps"])).any() for event in images)
    elif verb == "cutout":
        assert all(not np.asarray(Image.open(event["file"]))[..., 3].any() for event in images)
    else:
        assert json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"] == []


def test_a_photo_that_lacks_its_last_bytes_is_done(tmp_path, capsys):
    (tmp_path / "p").mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        path = tmp_path / "p" / f"{number}.jpg"
        Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[: [None, -2, -3000][number]])
    assert cosod("segment", tmp_path / "p", "-o", tmp_path / "out", "--size", "64") == 0
    told = capsys.readouterr().err
    assert "Warning: " in told and "2.jpg: lacks its last bytes" in told and "1.jpg: lacks" not in told


@pytest.mark.parametrize("verb", ["thumbnails", "group", "learn", "apply", "inspect"])
def test_an_animated_picture_is_its_first_frame(tmp_path, capsys, verb):
    """Where a verb has no use for a clip, it says what it reads of one that is given by itself."""
    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    frames = [Image.fromarray(np.roll(photo, 4 * n, axis=1)) for n in range(3)]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.gif")
    files = [tmp_path / "still.gif", tmp_path / "clip.gif"]
    if verb == "apply":
        assert cosod("learn", files[0], "-o", tmp_path / "a.consensus", "--size", "64") == 0
        files = [tmp_path / "a.consensus", *files]
    output = tmp_path / ("o.consensus" if verb == "learn" else "out")
    size = [] if verb == "thumbnails" else ["--size", "64"]
    assert cosod(verb, *files, "-o", output, *size) == 0
    told = capsys.readouterr().err
    assert f"{tmp_path / 'clip.gif'} is animated: its first frame is used" in told
    assert "still.gif is animated" not in told


def test_files_beside_albums_and_thumbnails_are_nobodys_photos(photos, tmp_path, capsys):
    (tmp_path / "few").mkdir()
    for name in ("a.jpg", "b.avif"):
        (tmp_path / "few" / name).write_bytes((photos / name).read_bytes())
    assert cosod("group", tmp_path / "few", "-o", tmp_path / "albums", "--size", "64") == 0
    assert cosod("segment", tmp_path / "albums", "-o", tmp_path / "maps", "--size", "64") == 0
    assert "left out:" not in capsys.readouterr().err


def test_a_dead_link_given_by_itself_is_called_one(tmp_path, capsys):
    (tmp_path / "dead.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert cosod("segment", tmp_path / "dead.jpg", "-o", tmp_path / "out") == 1
    assert "dead.jpg: a link to a file that does not exist; check the path" in capsys.readouterr().err
