"""Photos of odd shapes, and one that nothing can be done with, beside good ones: the good ones are done."""

import json

import numpy as np
import pytest
from PIL import Image

from cosod.apps.thumbnails.thumbnails import thumbnails
from tests.cli.command_line import cosod

ODD = [(1, 300), (300, 1), (1, 1), (2, 3), (3, 9000), (66_000, 1)]


@pytest.fixture
def photos(tmp_path):
    """Two good photos and odd ones, and maps that mark the upper left of each."""
    rng = np.random.default_rng(0)
    for name, (height, width) in {"a": (60, 80), "b": (80, 60), **{f"odd{h}x{w}": (h, w) for h, w in ODD}}.items():
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image[: height // 2 + 1, : width // 3 + 1] //= 4
        map_ = np.zeros((height, width), np.uint8)
        map_[: height // 2 + 1, : width // 3 + 1] = 255
        for folder, array in (("p", image), ("maps/p", map_)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(tmp_path / folder / f"{name}.png")
    return tmp_path / "p"


@pytest.mark.parametrize(
    "verb, options",
    [
        ("segment", ["--save", "maps,masks,overlays", "--sheet", "sheet.jpg", "--size", "64", "--closer"]),
        ("segment", ["--save", "masks", "--outline", "grabcut", "--size", "64"]),
        ("cutout", ["--maps", "maps", "--absent", "keep"]),
        ("cutout", ["--maps", "maps", "--background", "blur", "--size", "50x40", "--format", "jpg"]),
        ("thumbnails", ["--maps", "maps", "--labels", "coco,yolo", "--masks", "polygons", "--sheet", "sheet.jpg"]),
        ("thumbnails", ["--maps", "maps", "--edges", "inside", "--fill", "0.9", "--size", "200x40"]),
        ("group", ["--size", "64"]),
        ("learn", ["--size", "64"]),
        ("inspect", ["--size", "64"]),
    ],
)
def test_odd_shapes(photos, tmp_path, monkeypatch, capsys, verb, options):
    monkeypatch.chdir(tmp_path)
    json_too = [] if verb in ("learn", "inspect") else ["--json"]
    assert cosod(verb, photos, "-o", tmp_path / "out", *options, *json_too) == 0, capsys.readouterr().err
    if verb in ("segment", "cutout", "thumbnails"):
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["images"] == 2 + len(ODD)


def test_applied(photos, tmp_path):
    assert cosod("learn", photos, "-o", tmp_path / "k.consensus", "--size", "64") == 0
    assert cosod("apply", tmp_path / "k.consensus", photos, "-o", tmp_path / "out", "--save", "maps,overlays") == 0


@pytest.mark.parametrize(
    "verb, step", [("cutout", "cut_out_noted"), ("thumbnails", "annotate"), ("thumbnails", "crop")]
)
@pytest.mark.parametrize("error", [ZeroDivisionError("nothing"), MemoryError()])
def test_a_photo_that_nothing_can_be_done_with(photos, tmp_path, monkeypatch, capsys, verb, step, error):
    from importlib import import_module

    module = import_module(f"cosod.apps.{verb}.job")
    real, calls = getattr(module, step), []

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(module, step, failing)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # photos are processed in one thread, one after the other
    more = ["--labels", "coco"] if verb == "thumbnails" else []
    given = [photos / f"{name}.png" for name in ("a", "b", "odd2x3")]
    run = [verb, *given, "-o", tmp_path / "out", "--maps", tmp_path / "maps", *more, "--json"]
    assert cosod(*run) == 1
    told = capsys.readouterr()
    (failed,) = json.loads(told.out.splitlines()[-1])["failed"]
    assert failed["image"].endswith("b.png") and "b.png" in failed["error"] and "b.png" in told.err
    assert len(list((tmp_path / "out" / "p").iterdir())) == 2
    if verb == "thumbnails":
        labeled = json.loads((tmp_path / "out" / "coco.json").read_text())["images"]
        assert [image["file_name"] for image in labeled] == ["p/a.png", "p/odd2x3.png"]


def test_thumbnails_of_lines():
    for height, width in ODD:
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        for map_ in (np.ones((height, width), np.float32), np.zeros((height, width), np.float32)):
            for options in ({}, {"edges": "inside"}, {"fill": 0.9, "size": (200, 40)}):
                (picture,) = thumbnails([image], maps=[map_], **options)
                assert picture.shape[1::-1] == options.get("size", (320, 320))


def test_a_cut_out_that_would_be_huge_fails_alone(photos, tmp_path, capsys):
    out = ["-o", tmp_path / "out", "--maps", tmp_path / "maps", "--padding", "0.4"]
    assert cosod("cutout", photos, *out) == 1
    assert "odd66000x1.png: the cut-out would have" in capsys.readouterr().err
    assert len(list((tmp_path / "out" / "p").iterdir())) == 1 + len(ODD)
