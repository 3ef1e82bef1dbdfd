"""Results whose photos were replaced, joined by others of their name, or removed."""

import json
import os

import pytest

from tests.apps.made import photo
from tests.cli.command_line import cosod, files

FAST = {"segment": ["--size", 64], "cutout": ["--working-size", 64, "--method", "alpha"]}
FAST["thumbnails"] = ["--working-size", 64]


@pytest.fixture
def P(tmp_path, monkeypatch):
    for i in range(3):
        photo(tmp_path / "P" / f"{i}.jpg", i)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "P"


def test_the_map_of_a_photo_that_was_replaced_is_not_used(P, capsys):
    assert cosod("segment", "P", "-o", "maps", *FAST["segment"]) == 0
    state = (P / "1.jpg").stat()
    photo(P / "1.jpg", 3)
    os.utime(P / "1.jpg", ns=(state.st_atime_ns, state.st_mtime_ns + 10**9))
    capsys.readouterr()
    assert cosod("cutout", "P", "-o", "cut", "--maps", "maps") == 1
    shown = capsys.readouterr().err
    assert "P/1.jpg: its map maps/P/1.png is made of an earlier version" in shown and "1 image could not" in shown
    assert files(P.parent / "cut") == ["P/0.png", "P/2.png"]
    assert cosod("segment", "P", "-o", "maps", *FAST["segment"]) == 0
    assert cosod("cutout", "P", "-o", "cut", "--maps", "maps") == 0


def test_a_second_photo_of_the_stem(P, capsys):
    assert cosod("segment", "P", "-o", "maps", *FAST["segment"]) == 0
    photo(P / "1.png", 3)
    assert cosod("thumbnails", "P/1.png", "-o", "small", "--maps", "maps") == 1
    assert "P/1.png: its map maps/P/1.png is made of" in capsys.readouterr().err
    assert cosod("thumbnails", "P", "-o", "small", "--maps", "maps") == 1
    shown = capsys.readouterr().err
    assert "P/1.png: has no map" in shown and "1 image could not be read" in shown
    assert files(P.parent / "small") == ["P/0.jpg", "P/1_jpg.jpg", "P/2.jpg"], "the map is found by its photo"
    capsys.readouterr()
    assert cosod("segment", "P", "-o", "maps", *FAST["segment"]) == 0
    assert "1 result is of a photo that is gone (--prune deletes):\n  maps/P/1.png" in capsys.readouterr().err


def test_maps_of_copies_serve(P):
    assert cosod("segment", "P", "-o", "maps", *FAST["segment"]) == 0
    for i in range(3):
        photo(P.parent / "large" / "P" / f"{i}.jpg", i)
    assert cosod("cutout", "large/P", "-o", "cut", "--maps", "maps") == 0


@pytest.mark.parametrize("verb", ["segment", "cutout", "thumbnails"])
def test_results_of_removed_photos_are_named_and_pruned(P, capsys, verb):
    more = {"segment": ["--save", "maps,masks"], "cutout": [], "thumbnails": ["--labels", "coco,yolo"]}[verb]
    run = [verb, "P", "-o", "out", *FAST[verb], *more]
    assert cosod(*run) == 0
    before = files(P.parent / "out")
    (P / "1.jpg").unlink()
    for _ in range(2):
        capsys.readouterr()
        assert cosod(*run, "--json") == 0
        shown = capsys.readouterr()
        summary = json.loads(shown.out.splitlines()[-1])
        assert summary["stale"] and all("/1." in file for file in summary["stale"])
        assert "gone (--prune deletes)" in shown.err and files(P.parent / "out") == before, "nothing is deleted unasked"
    (P.parent / "out" / "P" / "mine.txt").write_text("of the user")
    assert cosod(*run, "--prune") == 0
    left = [name for name in before if "/1." not in name]
    assert files(P.parent / "out") == sorted([*left, "P/mine.txt"])
    capsys.readouterr()
    assert cosod(*run) == 0 and "gone" not in capsys.readouterr().err


def test_other_groups_are_stale_only_when_their_photos_are_gone(P, capsys):
    photo(P.parent / "Q" / "a.jpg")
    for name in "PQ":
        assert cosod("segment", name, "-o", "out", *FAST["segment"]) == 0
    assert "gone" not in capsys.readouterr().err
    (P.parent / "Q" / "a.jpg").unlink()
    assert cosod("segment", "P", "-o", "out", "--prune", *FAST["segment"]) == 0
    assert "Deleted 1 result of photos that are gone" in capsys.readouterr().err
    assert files(P.parent / "out") == ["P/0.png", "P/1.png", "P/2.png"]
