import unicodedata

import pytest

from cosod.errors import InputError
from cosod.evaluation.pairs import FLAT, find_images, pair_up, photos_by_key


@pytest.fixture
def folders(tmp_path):
    def folders(pred, gt):
        for root, names in (("pred", pred), ("gt", gt)):
            for name in names:
                (tmp_path / root / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / root / name).touch()
        return tmp_path / "pred", tmp_path / "gt"

    return folders


@pytest.mark.parametrize(
    ("pred", "gt", "key"),
    [
        ("cup/a.png", "cup/a.png", "cup/a"),
        ("cup/a.jpg", "cup/a.PNG", "cup/a"),
        ("a.b.png", "a.b.bmp", "a.b"),
        ("set/cup/a.png", "set/cup/a.png", "set/cup/a"),
        ("CoCA/cup/a.png", "CoCA/binary/cup/a.png", "CoCA/cup/a"),
        ("cup/a.png", "cup/GroundTruth/a.png", "cup/a"),
        ("maps/cup/a.png", "cup/a.png", "cup/a"),
    ],
)
def test_usual_layouts_meet(folders, pred, gt, key):
    pairing = pair_up(*folders([pred], [gt]))
    assert [p.key for p in pairing.pairs] == [key]
    assert pairing.missing == []
    assert pairing.extra == []


def test_photos_beside_truths_are_no_truths(folders):
    pairing = pair_up(*folders(["cup/a.png"], ["image/cup/a.jpg", "image/cup/b.jpg", "binary/cup/a.png"]))
    assert [p.key for p in pairing.pairs] == ["cup/a"]


def test_order_is_that_of_names_and_what_lacks_a_partner_is_known(folders):
    pairing = pair_up(*folders(["b/2.png", "b/x.png", "a/1.png"], ["b/2.png", "b/10.png", "a/1.png"]))
    assert [p.key for p in pairing.pairs] == ["a/1", "b/10", "b/2"]
    assert pairing.missing == ["b/10"]
    assert pairing.extra == ["b/x"]


def test_a_flat_folder_is_one_group(folders):
    pairing = pair_up(*folders(["1.png"], ["1.png", "2.png"]))
    assert {p.group for p in pairing.pairs} == {FLAT}


def test_hidden_and_other_files_are_passed_over(folders):
    folders(["1.png"], ["1.png", ".2.png", "__MACOSX/3.png", ".git/4.png", "Thumbs.db", "notes.txt"])
    pairing = pair_up(*folders([], []))
    assert [p.key for p in pairing.pairs] == ["1"]


def test_names_that_differ_are_shown(folders):
    with pytest.raises(InputError, match="'cup/a_sal' and 'cup/a'"):
        pair_up(*folders(["cup/a_sal.png"], ["cup/a.png"]))


def test_two_files_of_one_name(folders):
    with pytest.raises(InputError, match=r"a\.jpg and .*a\.png have the same name"):
        pair_up(*folders(["cup/a.png", "cup/a.jpg"], ["cup/a.png"]))


def test_missing_and_empty_folders(folders, tmp_path):
    with pytest.raises(InputError, match="no such folder; give the folder of the ground truth"):
        pair_up(*folders(["a.png"], []))
    (tmp_path / "gt").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        pair_up(*folders(["a.png"], []))
    with pytest.raises(InputError, match="no such folder"):
        find_images(tmp_path / "gt" / "none", "maps")


def test_photos_by_key_enters_the_set(tmp_path):
    for name in ("one/image/cup/a.jpg", "one/binary/cup/a.png", "two/cup/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list(photos_by_key(tmp_path, "one")) == ["cup/a"]
    assert list(photos_by_key(tmp_path, "two")) == ["cup/b"]


@pytest.mark.parametrize("forms", [("NFD", "NFC"), ("NFC", "NFD")])
def test_composed_and_decomposed_accents_are_one_name(folders, forms):
    pred, gt = ([unicodedata.normalize(form, "café/é.png")] for form in forms)
    found = pair_up(*folders(pred, gt))
    assert found.missing == [] and found.extra == []


def test_names_that_differ_in_usual_ways_are_told(folders):
    found = pair_up(*folders(["cup/a.png", "Cup/B.png", "cup/c_mask.png"], ["cup/a.png", "cup/b.png", "cup/c.png"]))
    assert found.alike == [("cup/b", "Cup/B"), ("cup/c", "cup/c_mask")]


def test_masks_and_overlays_of_the_program_are_no_predictions(folders):
    written = ["cup/a.png", "masks/cup/a.png", "overlays/cup/a.jpg"]
    found = pair_up(*folders(written, ["cup/a.png"]))
    assert found.extra == []
    assert found.pairs[0].prediction.endswith("pred/cup/a.png")


def test_masks_alone_are_predictions(folders):
    found = pair_up(*folders(["masks/cup/a.png", "overlays/cup/a.jpg"], ["cup/a.png"]))
    assert found.pairs[0].prediction.endswith("pred/masks/cup/a.png")


def test_a_group_may_be_called_masks(folders):
    found = pair_up(*folders(["masks/a.png", "cup/a.png"], ["masks/a.png", "cup/a.png"]))
    assert found.missing == [] and found.extra == []
