"""A photo that was read once and is gone, or another one, when its results are written: it alone fails, by name."""

import json
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

from cosod import errors
from cosod.inference.functions import load
from tests.cli.command_line import cosod


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "p").mkdir()
    for name in "abc":
        image = rng.integers(80, 120, (60, 80, 3), dtype=np.uint8)
        image[20:40, 20:50] = (220, 40, 30)
        Image.fromarray(image).save(tmp_path / "p" / f"{name}.png")
    return tmp_path / "p"


def bad_at(monkeypatch, where, nth=1, name="b.png", how=None):
    """From its ``nth`` reading by ``where`` (module:function) on, a photo of this name is gone, or as ``how`` says."""
    module, function = where.split(":")
    module = import_module(module)
    read, calls = getattr(module, function), []

    def reading(source, *arguments, **options):
        if getattr(source, "name", "") == name:
            calls.append(source)
            if len(calls) >= nth:
                if how is not None:
                    return how()
                source.unlink(missing_ok=True)
        return read(source, *arguments, **options)

    monkeypatch.setattr(module, function, reading)


def told(capsys):
    out, err = capsys.readouterr()
    (failed,) = json.loads(out.splitlines()[-1])["failed"]
    assert failed["image"].endswith("b.png") and "b.png" in failed["error"]
    assert err.count(failed["error"]) == 1 and "Traceback" not in err
    return failed["error"]


@pytest.mark.parametrize("save", ["overlays", "maps,masks,overlays", "masks"])
def test_segment(photos, tmp_path, monkeypatch, capsys, save):
    bad_at(monkeypatch, "cosod.apps.segment.results:read_image")
    more = ["--outline", "grabcut"] if save == "masks" else []
    run = ["segment", photos, "-o", tmp_path / "out", "--save", save, "--size", "64", *more, "--json"]
    assert cosod(*run) == 1
    assert "it changed while it was being processed; run again" in told(capsys)
    written = sorted(p.name[0] for p in (tmp_path / "out").rglob("p/?.*"))
    assert written == sorted("ac" * len(save.split(",")))
    monkeypatch.undo()
    assert cosod(*run) == 0  # of the two that are left
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["failed"] == []


def test_what_took_its_place_has_another_size(photos, tmp_path, monkeypatch, capsys):
    bad_at(monkeypatch, "cosod.apps.segment.results:read_image", how=lambda: np.zeros((10, 10, 3), np.uint8))
    run = ["segment", photos, "-o", tmp_path / "out", "--save", "overlays", "--size", "64", "--json"]
    assert cosod(*run) == 1 and "another size" in told(capsys)
    monkeypatch.undo()
    capsys.readouterr()
    assert cosod(*run) == 1  # the photo did not change for the record, which says that it failed
    assert "another size" in told(capsys)


def test_all_of_them(photos, tmp_path, monkeypatch, capsys):
    for name in ("a.png", "b.png", "c.png"):
        bad_at(monkeypatch, "cosod.apps.segment.results:read_image", name=name)
    assert cosod("segment", photos, "-o", tmp_path / "out", "--save", "overlays", "--size", "64", "--json") == 1
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (summary["images"], summary["groups"], len(summary["failed"])) == (0, 0, 3)


@pytest.mark.parametrize("consensuses", [1, 2])
def test_apply(photos, tmp_path, monkeypatch, capsys, consensuses):
    kept = [tmp_path / f"{number}.consensus" for number in range(consensuses)]
    for file in kept:
        assert cosod("learn", photos, "-o", file, "--size", "64") == 0
    bad_at(monkeypatch, "cosod.apps.segment.results:read_image")
    run = ["apply", *kept, photos, "-o", tmp_path / "out", "--save", "masks,overlays", "--absent", "report", "--json"]
    assert cosod(*run) == 1
    told(capsys)
    assert len(list((tmp_path / "out").rglob("p/?.png"))) == 2 * consensuses


@pytest.mark.parametrize("verb", ["cutout", "thumbnails"])
def test_applications(photos, tmp_path, monkeypatch, capsys, verb):
    bad_at(monkeypatch, f"cosod.apps.{verb}.job:read_image")
    assert cosod(verb, photos, "-o", tmp_path / "out", "--size" if verb == "thumbnails" else "--working-size", "64",
                 "--json") == 1  # fmt: skip
    told(capsys)
    assert len(list((tmp_path / "out" / "p").iterdir())) == 2


@pytest.mark.parametrize("copy", [[], ["--copy"]])
def test_group(photos, tmp_path, monkeypatch, capsys, copy):
    sort = import_module("cosod.apps.albums.job").sort

    def sorting(*arguments):
        (photos / "b.png").unlink()
        return sort(*arguments)

    monkeypatch.setattr("cosod.apps.albums.job.sort", sorting)
    assert cosod("group", photos, "-o", tmp_path / "out", "--size", "64", *copy, "--json") == 1
    told(capsys)
    assert sorted(p.name for p in (tmp_path / "out").glob("*/?.png")) == ["a.png", "c.png"]


@pytest.mark.parametrize("model", ["default", "gconet_plus"])
def test_gone_before_it_is_read_a_second_time(photos, monkeypatch, model):
    """Features that do not fit into memory are computed again, from files that are read again."""
    if model == "default":
        detector = load(device="cpu", size=64, feature_bytes=0)
    else:
        from cosod import models
        from cosod.inference.detector import Detector

        detector = Detector(models.create(model).eval(), device="cpu", size=64, feature_bytes=0)
    bad_at(monkeypatch, "cosod.io.prefetch:read_reduced", nth=2)
    images, failed = sorted(photos.iterdir()), []
    found = list(detector.results(images, lambda index, error: failed.append((index, str(error)))))
    assert [result.index for result in found] == [0, 2] and [index for index, _ in failed] == [1]
    with pytest.raises(errors.ImageError, match=r"b\.png"):
        list(detector.results(images))
