"""Labels: run lengths against cases worked out by hand, polygons, COCO and YOLO."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cosod.apps.thumbnails.annotations import (
    Annotation,
    Labeled,
    annotate,
    coco,
    encode_rle,
    polygons,
    yolo,
)
from cosod.apps.thumbnails.job import ThumbnailJob
from cosod.datasets import coco as reader
from cosod.errors import ExtraError
from tests.apps.made import iou


def shape(height=60, width=90):
    """A disc with a hole, and a rectangle."""
    y, x = np.mgrid[:height, :width]
    away = np.hypot(x - 30, y - 30)
    return ((away < 22) & (away > 8)) | ((x > 65) & (x < 80) & (y > 10) & (y < 50))


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (["00", "00"], "4"),
        (["11", "11"], "04"),
        (["01", "01"], "22"),
        (["10", "01"], "0120"),  # 0, 1, 2, 1; 1 - 1 = 0: from the fourth on, differences
        (["010", "110", "000"], "11113"),  # 1, 1, 1, 2, 4
    ],
)
def test_run_lengths_by_hand(rows, text):
    mask = np.array([[c == "1" for c in row] for row in rows])
    assert encode_rle(mask) == {"size": [len(rows), len(rows[0])], "counts": text}


def test_long_and_falling_runs_by_hand():
    mask = np.zeros((100, 1), bool)
    mask[40:90] = True
    mask[91] = True
    # 40, 50, 1, then 1 - 50 = -49, 8 - 1 = 7. 40 = 1 x 32 + 8 -> 8 + 32 + 48 = "X", 1 + 48 = "1";
    # 50 -> 18 + 80 = "b", "1"; -49 = -2 x 32 + 15 -> 15 + 80 = "_", 30 + 48 = "N".
    assert encode_rle(mask)["counts"] == "X1b11_N7"


def test_run_lengths_come_back_through_the_reader():
    for mask in (shape(), ~shape(), shape(7, 300), np.random.default_rng(0).random((33, 41)) > 0.5):
        runs = reader.run_lengths(encode_rle(mask)["counts"])
        values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        assert np.array_equal(values.reshape(mask.shape[::-1]).T, mask)


def test_run_lengths_without_their_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.mask", None)
    with pytest.raises(ExtraError, match=r"pip install 'cosod\[coco\]'"):
        ThumbnailJob(Path("out"), labels=("coco",), masks="rle")


def test_polygons_follow_the_outline_and_keep_the_hole():
    mask = shape()
    found = polygons(mask)
    assert len(found) == 2 and len(found[0]) > len(found[1])
    drawn = np.zeros(mask.shape, np.uint8)
    for polygon in found:
        points = (np.reshape(polygon, (-1, 2)) - 0.5) * 16
        cv2.fillPoly(drawn, [points.round().astype(np.int32)], 1, shift=4)
    assert iou(drawn > 0, mask) > 0.93 and not drawn[27:33, 27:33].any()
    rectangle = np.reshape(found[1], (-1, 2))
    assert rectangle.min(0) == pytest.approx((66, 11), abs=0.3) and rectangle.max(0) == pytest.approx((80, 50), abs=0.3)


def test_one_box_for_all_parts_or_one_each():
    mask = shape()
    (whole,) = annotate(mask)
    assert whole.box == (9, 9, 71, 43) and whole.area == mask.sum() and whole.rle is None
    first, second = annotate(mask, "rle", each_part=True)
    assert second.box == (66, 11, 14, 39) and first.area + second.area == mask.sum() and first.rle


@pytest.mark.parametrize("each_part", [False, True])
def test_an_empty_mask_has_nothing_to_annotate(each_part):
    nothing = np.zeros((4, 4), bool)
    assert annotate(nothing, "polygons", each_part) == polygons(nothing) == []


def test_coco_is_what_the_reader_takes(tmp_path):
    images = [
        Labeled("cups/a.jpg", (60, 90), "cups", annotate(shape(), "rle")),
        Labeled("balls/b.jpg", (60, 90), "balls", annotate(shape(), "polygons")),
        Labeled("cups/none.jpg", (60, 90), "cups"),
    ]
    assert [Labeled.from_dict(json.loads(json.dumps(i.as_dict()))).file for i in images] == [i.file for i in images]
    (tmp_path / "coco.json").write_text(coco(images))
    content = json.loads((tmp_path / "coco.json").read_text())
    assert [c["name"] for c in content["categories"]] == ["balls", "cups"]
    assert [(a["image_id"], a["category_id"], a["bbox"]) for a in content["annotations"]] == [
        (1, 2, [9, 9, 71, 43]),
        (2, 1, [9, 9, 71, 43]),
    ]
    pictures = {picture.file: picture for picture in reader.read_instances(tmp_path / "coco.json").pictures}
    assert iou(pictures["cups/a.jpg"].mask({"cups"}), shape()) == 1
    assert iou(pictures["balls/b.jpg"].mask({"balls"}), shape()) > 0.93


def test_yolo_by_hand():
    boxes = Labeled("a.jpg", (100, 200), "a", [Annotation((20, 10, 40, 30), 9), Annotation((0, 0, 200, 100), 9)])
    assert yolo(boxes, 3) == "3 0.200000 0.250000 0.200000 0.300000\n3 0.500000 0.500000 1.000000 1.000000\n"
    outline = Labeled("a.jpg", (100, 200), "a", [Annotation((0, 0, 20, 10), 9, None, [[0, 0, 20, 0, 20, 10]])])
    assert yolo(outline, 0) == "0 0.000000 0.000000 0.100000 0.000000 0.100000 0.100000\n"
    assert yolo(Labeled("a.jpg", (100, 200), "a"), 0) == ""
