"""``cosod learn --mask``: the photo by any spelling of its path."""

import unicodedata
from pathlib import Path

import pytest

from cosod.cli.learn import marks_of
from cosod.errors import InputError


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
