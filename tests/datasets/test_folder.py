"""Sets on disk, generated in each layout: what is recognized, and what is reported."""

import os
import unicodedata

import pytest

from cosod import datasets
from cosod.datasets import layouts, lookup
from cosod.datasets.folder import open_set
from cosod.errors import InputError


def make(root, images, truths, groups, suffix=".png", count=2):
    """Empty files: ``count`` images and masks in each group; the group "" is the folder itself."""
    for group in groups:
        for folder, ending in ((images, ".jpg"), (truths, suffix)):
            (root / folder / group).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                (root / folder / group / f"{i:03}{ending}").touch()
    return root


def kinds(found):
    return sorted(p.kind for p in found.problems)


@pytest.mark.parametrize(("images", "truths"), [pair[:2] for pair in layouts.PAIRS] + [("Image", "GroundTruth")])
def test_one_set_in_each_layout(tmp_path, images, truths):
    make(tmp_path / "photos", images, truths, ["a", "b c", "žluť"])
    found = datasets.open(tmp_path / "photos")
    assert (found.name, found.info, found.ok) == ("photos", None, True)
    assert found.layout == f"{images}/<group> + {truths}/<group>"
    assert list(found.groups) == ["a", "b c", "žluť"]
    root = tmp_path / "photos"
    assert found.groups["b c"][1] == (root / images / "b c" / "001.jpg", root / truths / "b c" / "001.png")
    assert (found.images, found.pairs) == (6, 6)


def test_level_of_sets(tmp_path):
    make(tmp_path, "images/CoCA", "gts/CoCA", ["dog"])
    make(tmp_path, "images/Cosal2015", "gts/CoSal2015", ["cat"])
    make(tmp_path, "images/ECSSD", "gts/ECSSD", [""])
    with pytest.raises(InputError, match=r"several sets \(CoCA, Cosal2015, ECSSD\), and no name"):
        datasets.open(tmp_path)
    with pytest.raises(InputError, match="not one 'MSRC'"):
        datasets.open(tmp_path, "MSRC")
    with pytest.warns(UserWarning, match="expected 50 groups / 2,015 images"):
        found = datasets.open(tmp_path, "cosal2015")
    assert (found.name, found.pairs, found.layout) == (
        "CoSal2015",
        2,
        "images/<set>/<group> + gts/<set>/<group>",
    )
    flat = datasets.open_all(tmp_path)[2]
    assert (flat.name, list(flat.groups), flat.layout) == ("ECSSD", [""], "images/<set> + gts/<set>")


def test_unknown_sets_below_images(tmp_path):
    make(tmp_path, "images/mine", "gts/mine", ["dog", "cat"])
    found = datasets.open(tmp_path)
    assert (found.name, list(found.groups), found.ok) == ("mine", ["cat", "dog"], True)


def test_folder_of_sets(tmp_path):
    make(tmp_path / "CoCA", "image", "binary", ["dog"])
    make(tmp_path / "MSRC7", "image", "groundtruth", lookup("MSRC").classes, ".bmp", 10)
    coca, msrc = datasets.open_all(tmp_path)
    assert (coca.name, kinds(coca)) == ("CoCA", ["count"])
    assert (msrc.name, msrc.ok, msrc.found) == ("MSRC", True, "7 groups / 70 images")
    assert datasets.open(tmp_path, "msrc").state.images == 70


def test_single_images(tmp_path):
    make(tmp_path / "holidays", "imgs", "gt", [""])
    found = datasets.open(tmp_path / "holidays")
    assert (found.layout, list(found.groups), found.found) == ("imgs + gt", [""], "2 images")


def test_recognized_by_its_groups_and_by_its_counts(tmp_path):
    make(tmp_path / "x", "image", "groundtruth", ["airplane", "car", "horse"], ".jpg", 100)
    assert datasets.open(tmp_path / "x").name == "Internet"
    make(tmp_path / "y", "images", "gts", [f"g{i}" for i in range(3)], count=1)
    assert datasets.open(tmp_path / "y").info is None
    make(tmp_path / "z", "img", "gt", [""], count=850)
    assert datasets.open(tmp_path / "z").name == "PASCAL-S"


def test_count_that_does_not_fit(tmp_path):
    make(tmp_path / "x", "img", "gt", ["a", "b"])
    message = r"CoCA: expected 80 groups / 1,295 images \(the whole set\), found 2 groups / 4 images"
    with pytest.raises(InputError, match=message):
        datasets.open(tmp_path / "x", "CoCA", strict=True)
    with pytest.warns(UserWarning, match=message):
        assert not datasets.open(tmp_path / "x", "CoCA").ok


def test_every_mask_that_does_not_fit_is_listed(tmp_path):
    root = make(tmp_path / "s", "images", "gts", ["a", "b", "c"], count=4)
    (root / "gts/a/000.png").unlink()
    (root / "gts/a/001.png").unlink()
    (root / "gts/a/002.png").rename(root / "gts/a/002_gt.png")
    (root / "gts/b/000.png").rename(root / "gts/b/000.jpg.png")
    (root / "gts/b/spare.png").touch()
    (root / "images/b/003.png").touch()
    (root / "gts/b/001.bmp").touch()
    found = open_set(root, warn=False)
    messages = [p.message for p in found.problems]
    assert messages == [
        "no mask for '000.jpg' of group 'a'",
        "no mask for '001.jpg' of group 'a'",
        "the mask of '002.jpg' of group 'a' is called '002_gt.png'; rename it '002.png'",
        "'001.bmp' and '001.png' are masks of one image of group 'b'",
        "'003.png' and '003.jpg' of group 'b' share one mask and one result",
        "the mask of '000.jpg' of group 'b' is called '000.jpg.png'; rename it '000.png'",
        "the mask 'spare.png' of group 'b' has no image",
    ]
    assert [len(found.groups[g]) for g in "abc"] == [1, 3, 4]
    assert (found.images, found.pairs) == (13, 8)


def test_groups_that_do_not_fit(tmp_path):
    root = make(tmp_path / "s", "images", "gts", ["Dog", "cat"])
    (root / "gts/Dog").rename(root / "gts/dog")
    (root / "images/none").mkdir()
    (root / "gts/spare").mkdir()
    (root / "images/loose.jpg").touch()
    (root / "images/cat/more").mkdir()
    found = open_set(root, warn=False)
    assert kinds(found) == [
        "empty group",
        "extra group",
        "misnamed group",
        "missing masks",
        "nested folder",
        "stray image",
    ]
    assert "is it meant for the group 'Dog'?" in " ".join(p.message for p in found.problems)
    assert "2 images are without one" in " ".join(p.message for p in found.problems)


def test_empty_set_of_a_known_name(tmp_path):
    make(tmp_path, "images/mine", "gts/mine", ["dog"])
    (tmp_path / "images/CoCA").mkdir()
    coca, mine = datasets.open_all(tmp_path)
    assert not coca.ok and mine.ok
    assert "found 0 images" in coca.problems[0].message


def test_system_files_are_ignored(tmp_path):
    root = make(tmp_path / "s", "images", "gts", ["a"])
    for name in ("images/Thumbs.db", "images/a/.DS_Store", "images/a/._000.jpg", "gts/a/notes.txt", "images/.x.jpg"):
        (root / name).touch()
    (root / "images/__MACOSX").mkdir()
    (root / "images/.git").mkdir()
    found = datasets.open(root)
    assert found.ok and found.images == 2


def test_composed_and_decomposed_names_are_one(tmp_path):
    (tmp_path / "images/a").mkdir(parents=True)
    (tmp_path / "gts/a").mkdir(parents=True)
    (tmp_path / "images/a" / (unicodedata.normalize("NFC", "žluť") + ".jpg")).touch()
    (tmp_path / "gts/a" / (unicodedata.normalize("NFD", "žluť") + ".png")).touch()
    assert datasets.open(tmp_path).pairs == 1


def test_links(tmp_path):
    root = make(tmp_path / "s", "images", "gts", ["a"])
    (root / "images/a/up").symlink_to(root)
    (root / "images/loop").symlink_to(root / "images/loop")
    (root / "images/a/gone.jpg").symlink_to(root / "nowhere.jpg")
    (root / "images/b").symlink_to(root / "images/a")
    (root / "gts/b").symlink_to(root / "gts/a")
    found = open_set(root, warn=False)
    assert list(found.groups) == ["a", "b"]
    assert (found.images, found.pairs) == (4, 4)
    assert set(kinds(found)) == {"unreadable"}


def test_folder_that_cannot_be_read(tmp_path, monkeypatch):
    root = make(tmp_path / "s", "images", "gts", ["a", "b"])
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("gts/b"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = open_set(root, warn=False)
    assert kinds(found) == ["missing mask", "missing mask", "unreadable"]
    assert len(found.groups["a"]) == 2


@pytest.mark.parametrize("name", ["nowhere", "file", "other"])
def test_no_data_set(tmp_path, name):
    (tmp_path / "file").touch()
    (tmp_path / "other/pictures").mkdir(parents=True)
    cause = {"nowhere": "does not exist", "file": "is a file", "other": r"found: pictures.*\n.*images \+ gts"}[name]
    with pytest.raises(InputError, match=cause):
        datasets.open(tmp_path / name)


def test_many_files_take_few_listings(tmp_path, monkeypatch):
    """A folder is listed twice at most, whatever the number of its files."""
    root = make(tmp_path / "s", "images", "gts", [f"g{i}" for i in range(20)], count=50)
    calls = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda p: calls.append(p) or scandir(p))
    assert datasets.open(root).pairs == 1000
    assert len(calls) <= 90
