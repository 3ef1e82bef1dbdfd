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
