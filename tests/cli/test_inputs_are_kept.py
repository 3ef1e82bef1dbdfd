"""No command writes over what it reads: refused before any work, whatever leads to the file."""

import hashlib
import json
import os

import numpy as np
import pytest
from PIL import Image

from cosod.io import write_guard
from cosod.postprocess.render import save_sheet
from tests.cli.command_line import cosod


def picture(path, seed=0, size=(40, 50)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return path


def state(folder):
    """Every file and link under a folder, and what it holds."""
    found = {}
    for path in folder.rglob("*"):
        if not path.is_dir():
            content = path.read_bytes() if path.exists() else b""
            found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest(), path.is_symlink()
    return found


@pytest.fixture
def d(tmp_path, monkeypatch):
    """A folder ``d``, the working one, with ``mugs`` of JPEG photos and ``ph`` of PNG photos."""
    for i in range(3):
        picture(tmp_path / "d" / "mugs" / f"{i}.jpg", i)
        picture(tmp_path / "d" / "ph" / f"{i}.png", i)
    monkeypatch.chdir(tmp_path / "d")
    return tmp_path / "d"


def refused(d, capsys, *arguments, says="overwritten"):
    before = state(d)
    assert cosod(*arguments) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert len(shown) == 1 and shown[0].startswith("Error: ") and says in shown[0], shown
    assert state(d) == before, "something was written"
    return shown[0]


AMONG = "among the photos"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("segment ph -o .", "ph/0.png"),
        ("segment ph -o ../d", "ph/0.png"),
        ("segment ph/0.png ph/1.png -o .", "ph/0.png"),
        ("segment ph/0.png -o .", "ph/0.png"),
        ("segment mugs -o .", AMONG),
        ("segment mugs/0.jpg -o .", AMONG),
        ("segment ph -o out --sheet ph/1.png", "ph/1.png"),
        ("segment ph -o out --sheet ./mugs/../ph/1.png", "ph/1.png"),
        ("segment ph -o out --sheet ph/sheet.png", "taken for a photo"),
        ("segment ph -o out --sheet mugs/1.jpg", "not a contact sheet"),
        ("segment ph -o out --sheet out/ph/1.png", "another result"),
        ("segment ph -o out --sheet sheet.gif", ".png"),
        ("segment ph -o out --sheet mugs", "is a folder"),
        ("segment . -o ph", "exists and was not written"),
        ("cutout ph -o .", "ph/0.png"),
        ("cutout mugs -o . --format jpg --background white", "mugs/0.jpg"),
        ("cutout mugs -o .", AMONG),
        ("thumbnails mugs -o .", "mugs/0.jpg"),
        ("thumbnails ph -o .", AMONG),
        ("thumbnails ph -o out --sheet ph/1.png", "ph/1.png"),
        ("learn ph -o ph/1.png", "ph/1.png"),
        ("learn ph -o mugs/1.jpg", "is the name of another kind of file"),
        ("learn ph --mask ph/0.png=m.png -o m.png", "m.png"),
        ("inspect attention -o .", "attention/attention.png"),
        ("group albums.jpg ph -o .", "albums.jpg"),
        ("group album-001 -o . --overwrite", "album-001"),
        ("group leftovers/0.png ph -o .", "leftovers"),
        ("convert ph/0.png ph/0.png --to-published --overwrite", "ph/0.png"),
        ("convert a.safetensors b.safetensors --overwrite", "b.safetensors"),
        ("export --format torchscript --weights a.pt -o ./a.pt --overwrite", "a.pt"),
    ],
)
def test_what_is_read_is_not_written(d, capsys, arguments, says):
    picture(d / "attention" / "attention.png")
    picture(d / "albums.jpg")
    picture(d / "m.png")
    picture(d / "leftovers" / "0.png")
    picture(d / "album-001" / "0.png")
    picture(d / "ph" / "ph" / "0.png")
    (d / "a.pt").write_text("weights")
    (d / "a.safetensors").write_text("weights")
    os.link(d / "a.safetensors", d / "b.safetensors")
    if arguments.startswith("segment . -o ph"):
        picture(d / "ph" / "d" / "albums.png")
    refused(d, capsys, *arguments.split(), says=says)


@pytest.mark.parametrize("verb", ["segment", "cutout"])
@pytest.mark.parametrize("kind", ["folder", "file", "hard"])
def test_links_lead_to_the_photos(d, capsys, verb, kind):
    (d / "out").mkdir()
    if kind == "folder":
        (d / "out" / "ph").symlink_to(d / "ph")
    else:
        (d / "out" / "ph").mkdir()
        target = d / "out" / "ph" / "1.png"
        target.symlink_to(d / "ph" / "1.png") if kind == "file" else os.link(d / "ph" / "1.png", target)
    refused(d, capsys, verb, "ph", "-o", "out")


def test_photos_that_are_links(d, capsys):
    """The file that a link leads to is an input as well."""
    (d / "album").mkdir()
    for i in range(3):
        (d / "album" / f"{i}.png").symlink_to(f"../ph/{i}.png")
    (d / "out" / "album").parent.mkdir()
    (d / "out" / "album").symlink_to(d / "ph")
    refused(d, capsys, "segment", "album", "-o", "out")


def test_maps_backgrounds_and_consensuses_are_inputs(d, capsys):
    (d / "out").mkdir()
    (d / "maps" / "ph").mkdir(parents=True)
    for i in range(3):
        Image.new("L", (50, 40), 200).save(d / "maps" / "ph" / f"{i}.png")
    (d / "out" / "ph").symlink_to(d / "maps" / "ph")
    refused(d, capsys, "cutout", "ph", "-o", "out", "--maps", "maps")
    picture(d / "more" / "ph" / "1.png")
    refused(d, capsys, "cutout", "ph", "-o", "more", "--background", "more/ph/1.png")


def test_files_of_others_are_kept_unless_overwrite(d, capsys):
    picture(d / "out" / "mugs" / "1.png")
    message = refused(d, capsys, "segment", "mugs", "-o", "out", "--size", 64, says="was not written by cosod segment")
    assert "--overwrite" in message
    assert cosod("segment", "mugs", "-o", "out", "--size", 64, "--overwrite") == 0
    (d / "out" / "mugs" / "0.png").unlink()
    assert cosod("segment", "mugs", "-o", "out", "--size", 64) == 0, "its own results may be replaced"


def test_a_sheet_replaces_a_sheet(d):
    for name in ("sheet.png", "sheet.jpg"):
        save_sheet(np.zeros((20, 20, 3), np.uint8), d / name)
        assert cosod("segment", "mugs", "-o", "out", "--size", 64, "--sheet", name) == 0
        assert Image.open(d / name).width > 600


def test_evaluation(d, capsys):
    for kind in ("maps", "gts"):
        for i in range(2):
            (d / kind / "ph").mkdir(parents=True, exist_ok=True)
            Image.new("L", (50, 40), 200).save(d / kind / "ph" / f"{i}.png")
    given = ["evaluate", "--pred", "maps", "--gt", "gts", "-q"]
    refused(d, capsys, *given, "-o", "gts", says="is an input too")
    refused(d, capsys, *given, "--write-expect", "gts/ph/0.png")
    refused(d, capsys, *given, "--write-expect", "mugs/0.jpg", says="no kept figures")
    (d / "kept.json").write_text(json.dumps({"tolerance": 0.1, "expected": []}))
    refused(d, capsys, *given, "--expect", "kept.json", "--write-expect", "./kept.json")
    (d / "report").mkdir()
    (d / "report" / "figures").symlink_to(d / "gts" / "ph")
    refused(d, capsys, *given, "-o", "report", says="report/figures")
    (d / "report" / "figures").unlink()
    for _ in range(2):
        assert cosod(*given, "-o", "maps/report", "--no-figures") == 0, "results inside an input are no input"


def made_set(d):
    for group in ("a", "b"):
        for i in range(2):
            picture(d / "set" / "images" / group / f"{i}.png", i)
            (d / "set" / "gts" / group).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.eye(50, dtype=np.uint8)[:40] * 255).save(d / "set" / "gts" / group / f"{i}.png")


def test_training_and_its_tests(d, capsys):
    made_set(d)
    (d / "run").mkdir()
    for name in ("weights.safetensors", "held_out.txt"):
        (d / "run" / name).write_text("a\n")
    train = ["train", "gconet_released", "--data", "set", "--epochs", 1]
    refused(d, capsys, *train, "-o", "run", "--init", "run", says="run/weights.safetensors")
    refused(d, capsys, *train, "-o", "run", "--backbone", "./run/weights.safetensors")
    refused(d, capsys, *train, "-o", "run", "--hold-out", "run/held_out.txt")
    picture(d / "run" / "order" / "group_0.txt.png")
    refused(d, capsys, *train, "-o", "run", "--replay", "run/order", says="run/order")
    refused(d, capsys, *train, "-o", "set", says="is an input too")
    (d / "table" / "gconet_released" / "seed_1").mkdir(parents=True)
    (d / "table" / "gconet_released" / "seed_1" / "maps").symlink_to(d / "set")
    ablate = ["ablate", "gconet_released", "--data", "set", "--test", "set", "--seeds", 1]
    refused(d, capsys, *ablate, "-o", "table", says="maps")
    (d / "joined").mkdir()
    (d / "joined" / "images").symlink_to(d / "set" / "images")
    refused(d, capsys, "make-distractors", "set", "-o", "joined", "-q")


def test_active_learning(d, capsys):
    made_set(d)
    (d / "run").mkdir()
    (d / "run" / "maps").symlink_to(d / "set" / "images")
    refused(d, capsys, "active", "run", "--data", "set", "-o", "run", "--test", "set", says="run/maps")
    refused(d, capsys, "active", "run", "--data", "set", "-o", "set", says="is an input too")
    (d / "run" / "maps").unlink()
    (d / "run" / "pool.json").write_text("{}")
    refused(d, capsys, "active", "query", "run", "-o", "run")


def test_the_writer_asks_again(d):
    """What a command did not foresee is refused when it is written."""
    write_guard.protect(write_guard.InputFiles([d / "ph" / "0.png"]))
    try:
        with pytest.raises(Exception, match="overwritten"):
            save_sheet(np.zeros((20, 20, 3), np.uint8), d / "mugs" / ".." / "ph" / "0.png")
    finally:
        write_guard.release()
