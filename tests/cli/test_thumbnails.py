"""``cosod thumbnails`` as a person uses it: crops, labels, resuming, bad input."""

import json

import pytest
from PIL import Image

from tests.apps.made import write_groups
from tests.cli.command_line import cosod
from tests.cli.test_cutout import files


@pytest.fixture
def photos(tmp_path):
    return write_groups(tmp_path)


def test_thumbnails_have_one_size(photos, tmp_path):
    options = ["--size", "48x36", "--sheet", tmp_path / "sheet.png"]
    assert cosod("thumbnails", photos, "-o", tmp_path / "out", "--maps", tmp_path / "maps", *options) == 0
    assert files(tmp_path / "out") == ["red balls/0.jpg", "red balls/1.jpg", "ü/0.jpg", "ü/1.jpg"]
    for name in files(tmp_path / "out"):
        with Image.open(tmp_path / "out" / name) as stored:
            assert stored.size == (48, 36)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 2 * 48


def test_labels_are_whole_whatever_was_done_before(photos, tmp_path):
    run = ["thumbnails", photos, "-o", tmp_path / "out", "--maps", tmp_path / "maps"]
    run += ["--labels", "coco,yolo", "--masks", "polygons"]
    assert cosod(*run) == 0
    written = (tmp_path / "out" / "coco.json").read_text()
    content = json.loads(written)
    assert [i["file_name"] for i in content["images"]] == ["red balls/0.png", "red balls/1.png", "ü/0.png", "ü/1.png"]
    assert len(content["annotations"]) == 4 and content["annotations"][0]["segmentation"]
    assert (tmp_path / "out" / "labels" / "classes.txt").read_text(encoding="utf-8") == "red balls\nü\n"
    (line,) = (tmp_path / "out" / "labels" / "ü" / "1.txt").read_text().splitlines()
    assert line.startswith("1 0.") and len(line.split()) > 9
    for name in ("coco.json", "labels/ü/1.txt"):
        (tmp_path / "out" / name).unlink()
    assert cosod(*run) == 0
    assert (tmp_path / "out" / "coco.json").read_text() == written
    assert (tmp_path / "out" / "labels" / "ü" / "1.txt").exists()


def test_a_bad_image_and_a_photo_without_the_object(photos, tmp_path, capsys):
    (photos / "ü" / "text.png").write_text("no image")
    Image.new("L", (80, 60)).save(tmp_path / "maps" / "ü" / "0.png")
    arguments = ["thumbnails", photos, "-o", tmp_path / "out", "--maps", tmp_path / "maps", "--labels", "coco"]
    assert cosod(*arguments) == 1
    shown = capsys.readouterr().err
    assert "text.png" in shown and "no object was found" in shown
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert len(content["images"]) == 4 and len(content["annotations"]) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "2x2"], "size (2, 2)"),
        (["--fill", "2"], "fill 2"),
        (["--edges", "wrap"], "--edges wrap"),
        (["--labels", "voc"], "--labels voc"),
        (["--labels", "coco", "--masks", "png"], "--masks png"),
        (["--masks", "rle"], "--labels"),
        (["--labels", "yolo", "--masks", "rle"], "YOLO has no run-length"),
    ],
)
def test_wrong_arguments_are_one_sentence(photos, tmp_path, capsys, arguments, message):
    assert cosod("thumbnails", photos, "-o", tmp_path / "out", *arguments) == 1
    shown = capsys.readouterr().err.strip().splitlines()
    assert message in shown[-1] and shown[-1].startswith("Error: ")


def test_a_group_named_as_the_folder_of_labels(photos, tmp_path, capsys):
    (photos / "ü").rename(photos / "Labels")
    assert cosod("thumbnails", photos, "-o", tmp_path / "out", "--labels", "yolo") == 1
    assert "rename it" in capsys.readouterr().err
