"""Where photos are looked for and what they are called: results among them, doubles, long names."""

import json

import pytest

from tests.apps.made import photo
from tests.cli.command_line import cosod, files

SMALL = ["--working-size", 64]


def test_results_inside_the_photos_are_left_out_and_said(tmp_path, capsys):
    for i in range(2):
        photo(tmp_path / "P" / f"{i}.jpg", i)
    sheet = tmp_path / "P" / "maps" / "sheet.png"
    save = ["--save", "maps,masks,overlays"]
    assert cosod("segment", tmp_path / "P", "-o", tmp_path / "P" / "maps", "--sheet", sheet, "--size", 64, *save) == 0
    capsys.readouterr()
    assert cosod("cutout", tmp_path / "P", "-o", tmp_path / "cut", *SMALL, "--method", "alpha") == 0
    assert "maps holds results of cosod segment, which are left out" in capsys.readouterr().err
    assert files(tmp_path / "cut") == ["P/0.png", "P/1.png"]
    assert cosod("cutout", tmp_path / "P" / "maps", "-o", tmp_path / "cut", *SMALL) == 1
    assert "holds results of cosod segment" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["segment", "cutout", "thumbnails"])
def test_names_as_long_as_file_systems_take(tmp_path, verb):
    for i, ending in enumerate((".jpg", ".png")):
        photo(tmp_path / ("g" * 255) / ("m" * 251 + ending), i)
    more = {
        "segment": ["--size", 64, "--save", "maps,masks,overlays"],
        "cutout": [*SMALL, "--format", "webp", "--method", "alpha"],
        "thumbnails": [*SMALL, "--labels", "coco,yolo"],
    }[verb]
    for done in (0, 1):
        assert cosod(verb, tmp_path / ("g" * 255), "-o", tmp_path / "out", *more) == 0, done
    assert len([name for name in files(tmp_path / "out") if not name.startswith(("labels", "coco"))]) in (2, 6)


def test_albums_of_long_names(tmp_path, capsys):
    for i, ending in enumerate((".jpg", ".jpeg")):
        photo(tmp_path / "P" / ("m" * (255 - len(ending)) + ending), i)
    options = ["--size", 64, "--copy", "--json"]
    assert cosod("group", tmp_path / "P", "-o", tmp_path / "albums", *options) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(map(len, found["albums"].values())) + len(found["leftovers"]) == 2


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "file is no folder"),
        ("file/sub", "file is no folder"),
        ("dead", "dead is a link to a folder that does not exist"),
        ("circle", "circle: is a link that leads back to itself"),
        ("circle/sub", "circle/sub: is a link that leads back to itself"),
    ],
)
def test_places_where_no_folder_can_be(tmp_path, monkeypatch, capsys, place, why):
    monkeypatch.chdir(tmp_path)
    for i in range(2):
        photo(tmp_path / "P" / f"{i}.jpg", i)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "dead").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    assert cosod("segment", "P", "-o", place, "--size", 64) == 1
    assert why in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "kept"
    assert cosod("segment", "circle", "-o", "out") == 1
    assert "circle: is a link that leads back to itself" in capsys.readouterr().err
