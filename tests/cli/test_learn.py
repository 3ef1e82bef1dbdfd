"""``cosod learn``: the photo of a mask by any spelling of its path, and photos of what the object is not."""

import json
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from cosod.cli.learn import marks_of
from cosod.errors import InputError
from cosod.inference.consensus_file import GroupConsensus
from tests.cli.command_line import cosod
from tests.inference.test_consensus_file import boards, scenes


@pytest.fixture
def photos(tmp_path, monkeypatch):
    names = ["1.jpg", "a=b.jpg", "é.jpg", "sub/1.jpg", "sub/only.jpg"]
    for name in names:
        path = tmp_path / "refs" / unicodedata.normalize("NFC", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "link").symlink_to("refs")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return [Path("refs") / unicodedata.normalize("NFC", name) for name in names]


@pytest.mark.parametrize(
    ("spelling", "number"),
    [
        ("refs/1.jpg", 0),
        ("./refs//1.jpg", 0),
        ("refs/sub/../1.jpg", 0),
        ("link/1.jpg", 0),
        ("{here}/refs/1.jpg", 0),
        ("~/refs/1.jpg", 0),
        ("refs/a=b.jpg", 1),
        ("a=b.jpg", 1),
        ("refs/" + unicodedata.normalize("NFD", "é.jpg"), 2),
        (unicodedata.normalize("NFD", "é.jpg"), 2),
        ("sub/1.jpg", 3),
        ("1.jpg", 0),
        ("only.jpg", 4),
    ],
)
def test_spellings_of_a_photo(photos, spelling, number):
    found = marks_of([f"{spelling.format(here=Path.cwd())}=m=1.png"], photos, [Path("refs")])
    assert found == [Path("m=1.png") if n == number else None for n in range(len(photos))]


@pytest.mark.parametrize(
    ("masks", "says"),
    [
        (["refs/1.jpg"], "give PHOTO=MASK"),
        (["=m.png"], "give PHOTO=MASK"),
        (["none.jpg=m.png"], "not among the photos"),
        (["refs/1.jpg=m.png", "link/1.jpg=n.png"], "another mask already"),
    ],
)
def test_what_is_no_mask_of_a_photo(photos, masks, says):
    with pytest.raises(InputError, match=says):
        marks_of(masks, photos, [Path("refs")])


def test_a_name_of_two_photos(photos):
    with pytest.raises(InputError, match="give its path"):
        marks_of(["1.jpg=m.png"], photos)


@pytest.fixture
def scenes_on_disk(tmp_path):
    """Photos of a red disc, and of a chequered square in folders of their own."""
    for folder, images in (("refs", scenes(3)), ("no", boards(2)), ("refs/no", boards(1, first=5))):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / folder / f"{number}.png")
    return tmp_path


def test_what_the_object_is_not(scenes_on_disk, capsys):
    root, kept = scenes_on_disk, scenes_on_disk / "disc.consensus"
    run = ["learn", root / "refs", "-o", kept, "--size", "64"]
    # A folder of such photos inside the one of the object is no part of it.
    assert cosod(*run, "--not", root / "no", "--not", root / "refs" / "no") == 0
    assert "Learned from 3 photos, against 3 photos without the object" in capsys.readouterr().err
    provenance = GroupConsensus.load(kept).provenance
    assert (provenance.images, provenance.negatives) == (3, 3)
    assert cosod("apply", kept, root / "no", root / "refs", "-o", root / "out", "--absent", "report", "--json") == 0
    out, err = capsys.readouterr()
    assert "The object counts as absent where presence is below 0.50" in err
    absent = {Path(entry["image"]).parent.name for entry in json.loads(out.splitlines()[-1])["absent"]}
    assert absent == {"no"}


def test_a_photo_given_as_both(scenes_on_disk, capsys):
    root = scenes_on_disk
    run = ["learn", root / "refs", "-o", root / "disc.consensus", "--size", "64"]
    assert cosod(*run, "--not", root / "refs") == 1
    assert "is given with --not and as showing the object" in capsys.readouterr().err
    assert cosod(*run, "--not", root / "refs" / "no", "--not", root / "refs" / "2.png") == 0
    assert "Learned from 2 photos, against 2 photos without the object" in capsys.readouterr().err


def test_negatives_that_are_not_there_or_would_be_written_over(scenes_on_disk, capsys):
    root = scenes_on_disk
    assert cosod("learn", root / "refs", "-o", root / "d.consensus", "--not", root / "none.jpg") == 1
    assert "none.jpg: no such file or folder" in capsys.readouterr().err
    (root / "no" / "bad.jpg").write_text("no image")
    (root / "no" / "0.consensus").symlink_to("0.png")
    assert cosod("learn", root / "refs", "-o", root / "no" / "0.consensus", "--size", "64", "--not", root / "no") == 1
    assert "0.png" in capsys.readouterr().err and Image.open(root / "no" / "0.png").size == (80, 60)
    assert cosod("learn", root / "refs", "-o", root / "d.consensus", "--size", "64", "--not", root / "no") == 1
    assert "bad.jpg" in capsys.readouterr().err and (root / "d.consensus").exists()


def test_the_name_of_a_consensus(scenes_on_disk, capsys):
    root = scenes_on_disk
    assert cosod("learn", root / "refs", "-o", root / "disc.png", "--size", "64") == 1
    assert "disc.png: is the name of another kind of file; give one as" in capsys.readouterr().err
    assert not (root / "disc.png").exists()
    assert cosod("learn", root / "refs", "-o", root / "disc", "--size", "64") == 0
    assert "rename the file to" in capsys.readouterr().err


def test_images_that_cannot_be_read_are_named_where_none_is_left(tmp_path, capsys):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no photo")
    assert cosod("learn", tmp_path / "a.jpg", tmp_path / "b.jpg", "-o", tmp_path / "o.consensus", "--size", 64) == 1
    shown = capsys.readouterr().err
    assert "a.jpg: is a text file" in shown and "b.jpg: is a text file" in shown
    assert shown.splitlines()[-1] == "Error: none of the images could be read"
