"""``cosod group``: albums of links or copies, and nothing of the user's touched."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cosod.apps.albums.job as job_module
from cosod.apps.albums.grouping import Albums
from tests.cli.command_line import cosod as run

FAST = ["--size", "64"]


@pytest.fixture
def photos(tmp_path):
    """Two photos of one name in two folders, and three more."""
    rng = np.random.default_rng(0)
    for name in ("a/one.png", "b/one.png", "b/two.png", "three.png", "four.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def known(monkeypatch):
    """Albums that are certain, whatever the weights: the first three photos, and the rest left over."""
    monkeypatch.setattr(
        job_module,
        "sort",
        lambda indices, *rest: Albums((tuple(indices[:3]),), tuple(indices[3:]), ()),
    )


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_links_sheet_record_and_maps(photos, known):
    out = photos / "albums"  # inside the input, and left out of it
    assert run("group", photos, "-o", out, *FAST) == 0
    links = [*(out / "album-001").iterdir(), *(out / "leftovers").iterdir()]
    assert len(links) == 5 and len({link.name for link in links}) == 5
    assert all(link.is_symlink() and not Path(link.readlink()).is_absolute() and link.exists() for link in links)
    assert (out / "albums.jpg").exists()
    assert len(json.loads((out / "albums.json").read_text())["names"]["album-001"]) == 3
    assert names(out / "results" / "album-001") == sorted(f"{p.stem}.png" for p in (out / "album-001").iterdir())


def test_photos_without_their_albums_object_are_reported(photos, known, capsys):
    options = ["group", photos, "-o", photos.parent / "out", "--json", *FAST]
    assert run(*options, "--absent", "report") == 0
    shown = capsys.readouterr()
    absent = json.loads(shown.out)["absent"]
    assert ("without the object" in shown.err) == bool(absent)
    assert run(*options, "--absent", "perhaps") == 2


def test_again_does_nothing_and_other_photos_need_overwrite(photos, known, capsys):
    out = photos.parent / "out"
    options = ["group", photos, "-o", out, "--no-segment", *FAST]
    assert run(*options) == 0 and run(*options) == 0
    assert "earlier run" in capsys.readouterr().err
    (out / "album-001" / "mine.txt").write_text("kept")
    (photos / "three.png").unlink()
    assert run(*options) == 1
    assert "other photos or options" in capsys.readouterr().err
    assert run(*options, "--overwrite") == 0
    assert (out / "album-001" / "mine.txt").read_text() == "kept"
    assert sum(p.is_symlink() for p in out.rglob("*")) == 4


def test_copies_and_no_file_is_overwritten(photos, known, capsys):
    out = photos.parent / "out"
    assert run("group", photos, "-o", out, "--copy", "--no-segment", *FAST) == 0
    copies = [p for p in (out / "album-001").iterdir()]
    assert len(copies) == 3 and not any(p.is_symlink() for p in copies)
    other = photos.parent / "other"
    (other / "album-001").mkdir(parents=True)
    theirs = other / "album-001" / copies[0].name
    theirs.write_text("theirs")
    assert run("group", photos, "-o", other, "--no-segment", *FAST) == 1
    assert theirs.read_text() == "theirs" and "not of this run" in capsys.readouterr().err


def test_unreadable_photos_and_foreign_records(photos, known, capsys):
    (photos / "bad.jpg").write_text("no photo")
    out = photos.parent / "out"
    assert run("group", photos, "-o", out, "--no-segment", "--json", *FAST) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found["failed"]) == 1 and len(found["leftovers"]) == 2
    (out / "albums.json").write_text('{"my": "own"}')
    assert run("group", photos, "-o", out, "--no-segment", *FAST) == 1
    assert (out / "albums.json").read_text() == '{"my": "own"}'


def test_leftovers_only_are_said(photos, monkeypatch, capsys):
    monkeypatch.setattr(job_module, "sort", lambda indices, *rest: Albums((), tuple(indices), ()))
    assert run("group", photos, "-o", photos.parent / "out", *FAST) == 0
    assert "No two of the 5 photos share an object" in capsys.readouterr().err


def test_photos_of_one_color_are_left_over(photos, tmp_path):
    for name in ("black", "white", "also black"):
        Image.new("RGB", (50, 40), name.split()[-1]).save(photos / f"{name}.png")
    assert run("group", photos, "-o", tmp_path / "out", "--no-segment", "--size", "64") == 0
    assert {"black.png", "white.png", "also black.png"} <= set(names(tmp_path / "out" / "leftovers"))
    for path in photos.rglob("*.png"):
        Image.new("RGB", (50, 40)).save(path)
    assert run("group", photos, "-o", tmp_path / "plain", "--no-segment", "--size", "64") == 0
    assert len(names(tmp_path / "plain" / "leftovers")) == 8


def test_a_stopped_run_is_resumed_but_not_with_descriptors_of_an_earlier_version(photos, known, monkeypatch):
    described = []
    describe = job_module.describe
    monkeypatch.setattr(job_module, "describe", lambda *args: described.append(1) or describe(*args))
    out = photos.parent / "out"
    options = ["group", photos, "-o", out, "--no-segment", *FAST]
    assert run(*options) == 0 and len(described) == 1
    (out / "albums.json").unlink()
    assert run(*options) == 0 and len(described) == 1
    (out / "albums.json").unlink()
    monkeypatch.setattr(job_module, "FORM", job_module.FORM - 1)
    assert run(*options) == 0 and len(described) == 2
