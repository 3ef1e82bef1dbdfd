import json
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from cosod.active_learning.queries import read_queries, write_queries
from cosod.errors import InputError
from tests.active_learning.asked import ASKED, SIZES, make_images, make_run


@pytest.fixture
def pool(tmp_path):
    return make_run(tmp_path)[1]


def test_json_is_read_back_with_its_images(pool, tmp_path):
    files = write_queries(tmp_path / "out", pool, ASKED)
    assert [f.name for f in files] == ["queries.json", "pool.json"]
    again, queries = read_queries(files[0])
    assert queries == ASKED and again.sizes == SIZES and again.fingerprint == pool.fingerprint
    elsewhere, _ = read_queries(files[0], make_images(tmp_path / "elsewhere"))
    assert elsewhere.path("c.png") == tmp_path / "elsewhere" / "c.png"
    assert elsewhere.fingerprint == pool.fingerprint


def test_label_studio_tasks_place_the_points_in_per_cent(pool, tmp_path):
    tasks, config = write_queries(tmp_path / "out", pool, ASKED, ["labelstudio"], "http://files/")
    content = json.loads(tasks.read_text("utf-8"))
    assert [task["data"]["cosod_image"] for task in content] == sorted(ASKED)
    assert [unquote(task["data"]["image"]) for task in content] == [f"http://files/{name}" for name in sorted(ASKED)]
    first, last = (region["value"] for region in content[0]["predictions"][0]["result"])
    assert (first["x"], first["y"]) == pytest.approx((0.5 / 48 * 100, 0.5 / 32 * 100))
    assert (last["x"], last["y"]) == pytest.approx((47.5 / 48 * 100, 31.5 / 32 * 100))
    labeling = ElementTree.fromstring(config.read_text())
    keypoints, image = labeling.find("KeyPointLabels"), labeling.find("Image")
    region = content[0]["predictions"][0]["result"][0]
    assert (region["from_name"], region["to_name"]) == (keypoints.get("name"), image.get("name"))
    assert image.get("value") == "$image" and first["keypointlabels"] == ["asked"]
    assert [label.get("value") for label in keypoints] == ["object", "background", "asked"]


def test_cvat_has_a_shape_for_each_point(pool, tmp_path):
    xml, labels = write_queries(tmp_path / "out", pool, ASKED, ["cvat"])
    root = ElementTree.fromstring(xml.read_bytes())
    assert root.tag == "annotations" and root.findtext("version") == "1.1"
    images = root.findall("image")
    assert [i.get("name") for i in images] == sorted(ASKED)
    assert [(i.get("width"), i.get("height")) for i in images] == [("48", "32"), ("40", "24"), ("30", "40")]
    assert [p.get("points") for p in images[0]] == ["0.50,0.50", "47.50,31.50"]
    used = {p.get("label") for p in root.iter("points")}
    assert used == {"asked"} <= {label["name"] for label in json.loads(labels.read_text())}


def test_all_formats_at_once_and_none_that_is_unknown(pool, tmp_path):
    assert len(write_queries(tmp_path / "out", pool, ASKED, ["cvat", "json", "labelstudio", "json"])) == 6
    with pytest.raises(InputError, match="'coco'"):
        write_queries(tmp_path / "none", pool, ASKED, ["json", "coco"])
    assert not (tmp_path / "none").exists()


def test_files_of_two_pools_are_told_apart(pool, tmp_path):
    path = write_queries(tmp_path / "out", pool, ASKED)[0]
    path.write_text(path.read_text().replace(pool.fingerprint, "0" * 16))
    with pytest.raises(InputError, match="another pool"):
        read_queries(path)
    path.with_name("pool.json").unlink()
    with pytest.raises(InputError, match=r"pool\.json"):
        read_queries(path)
