"""Folders become groups, the same on every machine."""

import os

import pytest

from cosod.errors import InputError
from cosod.io.photo_groups import find_groups


def make(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


def listing(groups):
    return {group.name: [path.name for path in group.images] for group in groups}


def test_a_folder_of_images_is_one_group(tmp_path):
    make(tmp_path / "photos", "b.jpg", "a.PNG", "c.webp", "notes.txt", ".hidden.jpg", "Thumbs.db")
    assert listing(find_groups([tmp_path / "photos"])) == {"photos": ["a.PNG", "b.jpg", "c.webp"]}


def test_a_folder_of_folders_is_one_group_each(tmp_path):
    make(tmp_path, "x/2.jpg", "x/1.jpg", "y/1.jpg", "deep/er/1.jpg", "empty/readme.md", ".git/1.jpg")
    assert listing(find_groups([tmp_path])) == {"deep/er": ["1.jpg"], "x": ["1.jpg", "2.jpg"], "y": ["1.jpg"]}


def test_records_that_are_removed_during_the_search(tmp_path, monkeypatch):
    make(tmp_path / "photos", "a.jpg", ".cosod/x.json")
    monkeypatch.setattr("cosod.io.photo_groups.results_in", lambda folder: None)
    assert listing(find_groups([tmp_path / "photos"])) == {"photos": ["a.jpg"]}


def test_files_form_one_group(tmp_path):
    make(tmp_path / "set", "1.jpg", "2.jpg", "3.jpg")
    files = [tmp_path / "set" / n for n in ("3.jpg", "1.jpg", "1.jpg")]
    assert listing(find_groups(files)) == {"set": ["1.jpg", "3.jpg"]}


def test_names_and_stems_are_unique(tmp_path):
    make(tmp_path, "a/photos/1.jpg", "b/photos/1.jpg", "c/masks/1.jpg", "c/masks/1.png", "c/masks/1.PNG.jpg")
    groups = find_groups([tmp_path / "a/photos", tmp_path / "b/photos", tmp_path / "c/masks"], reserved=["masks"])
    assert [g.name for g in groups] == ["photos", "photos-2", "masks-2"]
    assert groups[2].stems == ("1.PNG", "1_jpg", "1_png")
    make(tmp_path / "d", "a.jpg", "A.jpg", "a_jpg.png")
    stems = find_groups([tmp_path / "d"])[0].stems
    assert len({s.casefold() for s in stems}) == 3


def test_odd_names(tmp_path):
    name = 'it\'s a "féte" 日本 %s {x}'
    make(tmp_path, f"{name}/ü 1.jpg")
    (group,) = find_groups([tmp_path])
    assert group.name == name and group.stems == ("ü 1",)


def test_links_that_loop(tmp_path):
    make(tmp_path, "x/1.jpg")
    (tmp_path / "x" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "x" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert listing(find_groups([tmp_path])) == {"x": ["1.jpg"]}


def test_the_output_folder_is_not_an_input(tmp_path):
    make(tmp_path, "1.jpg", "out/photos/1.png", "more/1.jpg")
    assert set(listing(find_groups([tmp_path], exclude=[tmp_path / "out"]))) == {tmp_path.name, "more"}


def test_the_current_folder_has_a_name(tmp_path, monkeypatch):
    make(tmp_path / "here", "1.jpg")
    monkeypatch.chdir(tmp_path / "here")
    assert find_groups(["."])[0].name == "here"


def test_nothing_to_do(tmp_path):
    with pytest.raises(InputError, match=r"no images in .*expected files ending in"):
        find_groups([make(tmp_path, "readme.txt")])
    with pytest.raises(InputError, match="no such file or folder"):
        find_groups([tmp_path / "missing"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    make(tmp_path, "x/1.jpg")
    (tmp_path / "x").chmod(0)
    try:
        with pytest.raises(InputError, match="check its permissions"):
            find_groups([tmp_path])
    finally:
        (tmp_path / "x").chmod(0o755)
