"""COCO's annotations: read, checked, drawn."""

import json

import numpy as np
import pytest
from PIL import Image

from cosod.datasets.coco import Picture, Shape, find_images, read_instances, run_lengths
from cosod.errors import InputError

#: An ellipse with a hole in 40 x 60 pixels, as pycocotools writes it.
COMPRESSED = (
    "i;7o04M2N2N2O0O2N2O000O2O000O2O_OF4:KH48KJ46KL44LL44LL44LL44LL44MJ46MH48MF4:=000000001N10001N10001N2N101N2N2N3La9"
)
SQUARE = [[10, 5, 20, 5, 20, 15, 10, 15]]


def table(*annotations, **changes) -> dict:
    """Two images and two categories, with these annotations: ``(image, category, segmentation, area, crowd)``."""
    keys = ("image_id", "category_id", "segmentation", "area", "iscrowd")
    return {
        "images": [{"id": i, "file_name": f"{i}.jpg", "height": 40, "width": 60} for i in (2, 1)],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [dict(zip(keys, a, strict=True)) for a in annotations],
    } | changes


def read(tmp_path, content):
    path = tmp_path / "instances_made.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_instances(path)


def ellipse():
    y, x = np.mgrid[:40, :60]
    outer = ((y - 20) / 13) ** 2 + ((x - 30) / 22) ** 2 < 1
    return outer & ~((y - 18) ** 2 + (x - 28) ** 2 < 30)


def test_categories_and_pictures_by_their_ids(tmp_path):
    found = read(tmp_path, table((1, 18, SQUARE, 100, 0), (1, 1, SQUARE, 5000.5, 0), (2, 18, SQUARE, 9000, 1)))
    assert found.categories == ["person", "dog"] and not found.left_out
    one, two = found.pictures
    assert (one.file, one.height, one.width) == ("1.jpg", 40, 60)
    assert one.large(100) == {"person"} and one.large(99) == {"person", "dog"} and two.large(0) == frozenset()


def test_polygons_cover_the_pixels_whose_middles_they_hold():
    def drawn(*polygons):
        outline = tuple(np.array(p, np.float32).reshape(-1, 2) for p in polygons)
        return Picture("", 40, 60, (Shape("x", 1.0, False, outline),)).mask({"x"})

    expected = np.zeros((40, 60), bool)
    expected[5:15, 10:20] = True
    np.testing.assert_array_equal(drawn(*SQUARE), expected)
    np.testing.assert_array_equal(drawn(*SQUARE, *SQUARE), expected)
    np.testing.assert_array_equal(drawn([9.6, 4.6, 20.4, 4.6, 20.4, 15.4, 9.6, 15.4]), expected)
    beyond = drawn([50, -9, 90, -9, 90, 10, 50, 10])
    assert beyond.sum() == 100 and beyond[:10, 50:].all()
    triangle = drawn([0, 0, 60, 0, 0, 40])
    y, x = np.mgrid[:40, :60] + 0.5
    np.testing.assert_array_equal(triangle, y / 40 + x / 60 < 1)


def test_run_lengths_plain_and_compressed(tmp_path):
    truth = ellipse()
    columns = truth.T.ravel()
    runs = np.diff(np.flatnonzero(np.diff(columns, prepend=columns[0] ^ True)), append=columns.size).tolist()
    assert not columns[0] and run_lengths(COMPRESSED) == runs
    segmentations = [{"size": [40, 60], "counts": counts} for counts in (runs, COMPRESSED)]
    for picture in read(tmp_path, table(*((i, 1, s, 1, 1) for i, s in enumerate(segmentations, 1)))).pictures:
        np.testing.assert_array_equal(picture.mask({"person"}), truth)


def test_a_mask_shows_all_instances_of_the_categories_asked_for(tmp_path):
    crowd = {"size": [40, 60], "counts": [0, 40, 2360]}
    (picture, _) = read(tmp_path, table((1, 18, SQUARE, 100, 0), (1, 1, crowd, 40, 1))).pictures
    assert [int(picture.mask(c).sum()) for c in (set(), {"dog"}, {"person"}, {"dog", "person"})] == [0, 100, 40, 140]
    file = picture.drawn({"dog"})
    for _ in range(2):
        with Image.open(file) as opened:
            np.testing.assert_array_equal(np.asarray(opened.convert("L")) > 127, picture.mask({"dog"}))


def test_annotations_that_cannot_be_used_are_counted(tmp_path):
    wrong = [
        (7, 1, SQUARE, 1, 0),
        (1, 5, SQUARE, 1, 0),
        (1, 1, [], 1, 0),
        (1, 1, [[1, 2, 3, 4]], 1, 0),
        (1, 1, [["a"] * 6], 1, 0),
        (1, 1, None, 1, 0),
        (1, 1, SQUARE, None, 0),
        (1, 1, [[float("inf"), 1, 2, 3, 4, 5]], 1, 0),
        (1, 1, {"size": [40, 60], "counts": [5, 5]}, 1, 0),
        (1, 1, {"size": [40, 60], "counts": [2401, -1]}, 1, 0),
        (1, 1, {"size": [60, 40], "counts": [2400]}, 1, 0),
        (1, 1, {"size": [40, 60], "counts": "~~"}, 1, 0),
        (1, 1, {"size": [40, 60], "counts": "P"}, 1, 0),
        (1, 1, {"size": [40, 60]}, 1, 0),
    ]
    found = read(tmp_path, table(*wrong, (1, 18, SQUARE, 100, 0)))
    assert sum(found.left_out.values()) == len(wrong)
    assert [len(picture.shapes) for picture in found.pictures] == [1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "has no lists images, annotations, categories"),
        (table(images=[3]), "images holds something that is no entry"),
        (table(categories=[{"name": "dog"}]), "an entry of categories has no whole number as its id"),
        (table(categories=[{"id": 1, "name": "a"}, {"id": 2, "name": "a"}]), "'a' is no name of a category"),
        (table(images=[{"id": 1, "file_name": "a", "height": 4}]), "image 1 has no height and width"),
        (table(images=[{"id": 1, "file_name": "../a", "height": 4, "width": 4}]), "outside of the folder"),
        (table(images=[{"id": 1, "file_name": "/a", "height": 4, "width": 4}]), "outside of the folder"),
        (table(images=[{"id": 1, "file_name": None, "height": 4, "width": 4}]), "image 1 has no file_name"),
    ],
)
def test_files_that_are_none(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


def test_a_file_that_there_is_not(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_instances(tmp_path / "none.json")


@pytest.mark.parametrize("place", ["train2017", "images/train2017", "images", "annotations", "annotations/images"])
def test_images_are_found_in_the_usual_places(tmp_path, place):
    path = tmp_path / "annotations" / "instances_train2017.json"
    (tmp_path / place).mkdir(parents=True)
    picture = Picture("sub/a.jpg", 4, 4, ())
    with pytest.raises(InputError, match="give their folder with --images"):
        find_images(path, [picture])
    (tmp_path / place / "sub").mkdir()
    (tmp_path / place / "sub" / "a.jpg").touch()
    assert find_images(path, [picture]).resolve() == (tmp_path / place).resolve()
