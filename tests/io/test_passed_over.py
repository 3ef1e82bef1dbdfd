"""What a search for photos leaves out: folders of systems, results, what was found already; and names that are long."""

import os

import numpy as np
import pytest
from PIL import Image

from cosod.errors import InputError
from cosod.io import find_groups
from cosod.io.file_names import shortened
from cosod.io.passed_over import is_sheet
from cosod.io.run_records import begin, record_of
from cosod.postprocess.render import save_sheet


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def found(*paths, **options):
    return {group.name: [path.name for path in group.images] for group in find_groups(paths, **options)}


@pytest.mark.parametrize(
    "name", ["@eaDir", "#recycle", "@Recycle", "$RECYCLE.BIN", "__MACOSX", ".thumbnails", "x Previews.lrdata"]
)
def test_folders_of_systems(tmp_path, name):
    photo(tmp_path / "p" / "a.jpg")
    photo(tmp_path / "p" / name / "a.jpg" / "SYNOPHOTO_THUMB_M.jpg")
    photo(tmp_path / "p" / "b" / name / "b.jpg")
    assert found(tmp_path / "p") == {"p": ["a.jpg"]}
    assert found(tmp_path / "p" / name / "a.jpg"), "what is given itself is entered"


def test_folders_of_results_are_not_entered_and_said(tmp_path):
    photo(tmp_path / "p" / "a.jpg")
    photo(tmp_path / "p" / "out" / "p" / "a.png")
    begin(record_of(tmp_path / "p" / "out", "p"), "segment")
    said = []
    assert found(tmp_path / "p", on_results=lambda *what: said.append(what)) == {"p": ["a.jpg"]}
    assert said == [(tmp_path / "p" / "out", ("segment",))]
    with pytest.raises(InputError, match="holds results of cosod segment"):
        find_groups([tmp_path / "p" / "out"])
    assert found(tmp_path / "p" / "out" / "p") == {"p": ["a.png"]}, "results that are given themselves"


def test_photos_beside_results(tmp_path):
    """A folder that is given is entered, but for what the records name."""
    photo(tmp_path / "p" / "mugs" / "a.png")
    photo(tmp_path / "p" / "masks" / "mugs" / "a.png")
    photo(tmp_path / "p" / "cups" / "b.jpg")
    photo(tmp_path / "p" / "c.jpg")
    save_sheet(np.zeros((9, 9, 3), np.uint8), tmp_path / "p" / "sheet.png")
    begin(record_of(tmp_path / "p", "part 0/mugs"), "segment")
    said = []
    groups = found(tmp_path / "p", on_results=lambda folder, verbs: said.append(folder))
    assert groups == {"p": ["c.jpg"], "cups": ["b.jpg"]} and said == [tmp_path / "p"]


def test_albums_are_photos_and_what_lies_beside_them_is_not(tmp_path):
    for name in ("album-001/a.jpg", "album-002/b.jpg", "leftovers/c.jpg", "albums.jpg"):
        photo(tmp_path / "p" / name)
    photo(tmp_path / "p" / "results" / "album-001" / "a.png")
    begin(record_of(tmp_path / "p" / "results", "album-001"), "segment")
    (tmp_path / "p" / ".cosod").mkdir()
    (tmp_path / "p" / "albums.json").write_text("{}")
    said = []
    groups = found(tmp_path / "p", on_results=lambda folder, verbs: said.append((folder.name, verbs)))
    assert groups == {"album-001": ["a.jpg"], "album-002": ["b.jpg"]} and said == [("p", ("group",))]


def test_sheets_are_known(tmp_path):
    for name in ("a.png", "a.jpg"):
        save_sheet(np.zeros((9, 9, 3), np.uint8), tmp_path / name)
        assert is_sheet(tmp_path / name)
    assert not is_sheet(photo(tmp_path / "b.png")) and not is_sheet(tmp_path / "none.png")


def test_nothing_is_taken_twice(tmp_path, monkeypatch):
    for name in ("a", "b"):
        photo(tmp_path / "p" / f"{name}.jpg")
    photo(tmp_path / "p" / "in" / "c.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "p")
    monkeypatch.chdir(tmp_path)
    once = {"p": ["a.jpg", "b.jpg"], "in": ["c.jpg"]}
    assert found("p", "p") == found("p", "./p/", "link", tmp_path / "p") == once
    assert found("p", "p/in") == found("p", "p/a.jpg", "link/in/c.jpg") == once
    assert found("p/a.jpg", "./p/a.jpg", "link/a.jpg", "p/b.jpg") == {"p": ["a.jpg", "b.jpg"]}


@pytest.mark.parametrize("letter", ["m", "ü", "\udcff"])
def test_long_names_are_shortened_and_stay_apart(tmp_path, letter):
    names = [letter * 400 + ending for ending in "ab"]
    short = [shortened(name) for name in names]
    assert all(len(os.fsencode(name)) <= 240 for name in short) and len(set(short)) == 2
    assert short == [shortened(name) for name in names] and shortened("mug") == "mug"
    folder = tmp_path / ("f" * 252)
    for ending in (".jpg", ".png"):
        photo(folder / ("m" * 250 + ending))
    (group,) = find_groups([folder])
    assert all(len(os.fsencode(name)) <= 240 for name in (group.name, *group.stems)) and len(set(group.stems)) == 2
