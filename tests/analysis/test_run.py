import csv
import json
import sys

import numpy as np
import pytest
from PIL import Image

from cosod.analysis import KINDS, inspect, plots
from cosod.analysis.run import choose
from cosod.errors import ExtraError, InputError
from cosod.models.saliency_base import SaliencyNetwork
from tests.analysis.made import detector_of, groups_of, make_photos


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("inspect"))


def files(folder):
    """Results below a folder, without the records that say what a finished run did."""
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return [name for name in found if not name.startswith(".cosod/")]


def table(path):
    return list(csv.DictReader(path.open()))


@pytest.mark.parametrize("name", ["gconet", "gconet_plus_mobile"])
def test_everything(name, photos, tmp_path):
    events = []
    found = inspect(detector_of(name), groups_of(photos), tmp_path, images=3, report=events.append)
    sheets = [f"{kind}/group{i}.png" for kind in ("activation", "attention", "decoder") for i in range(3)]
    tables = ["groups.csv", "images.csv", "similarity.csv", "summary.json", "vectors.csv"]
    figures = ["similarity.png", "tsne_groups.png", "tsne_images.png"]
    assert files(tmp_path) == sorted([*sheets, *(f"consensus/{file}" for file in tables + figures)])
    assert sorted(p.relative_to(tmp_path).as_posix() for p in found.written) == files(tmp_path)
    without = ["no class activation maps"] if name == "gconet_plus_mobile" else []
    assert not found.failed and [notice.split(":")[0] for notice in found.notices] == without
    assert sum(event["event"] == "image" for event in events) == 12
    assert json.loads((tmp_path / "consensus" / "summary.json").read_text()) == found.summary
    assert found.summary["groups"] == 3 and found.summary["images"] == 12
    for path in found.written:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()


def test_tables_agree(photos, tmp_path):
    found = inspect(detector_of("gconet_plus_mobile"), groups_of(photos), tmp_path, ["consensus"])
    folder = tmp_path / "consensus"
    vectors = np.array([list(row.values())[1:] for row in table(folder / "vectors.csv")], float)
    similarity = np.array([list(row.values())[1:] for row in table(folder / "similarity.csv")], float)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(similarity, units @ units.T, atol=1e-4)
    images = table(folder / "images.csv")
    assert len(images) == 12 and images[0]["group"] == "group0" and images[0]["image"] == "photo 0"
    margin = np.mean([float(row["own"]) - float(row["other"]) for row in images])
    assert found.summary["margin"] == pytest.approx(margin, abs=2e-4)
    assert all(row["nearest_group"] != row["group"] and row["images"] == "4" for row in table(folder / "groups.csv"))


def test_batches_change_nothing(photos, tmp_path):
    for batch in (1, 8):
        inspect(detector_of("gconet_plus_mobile", batch), groups_of(photos), tmp_path / str(batch), ["consensus"])
    one, eight = (table(tmp_path / batch / "consensus" / "images.csv") for batch in ("1", "8"))
    for a, b in zip(one, eight, strict=True):
        assert float(a["own"]) == pytest.approx(float(b["own"]), abs=1e-4)


def test_one_group_has_no_similarity(tmp_path):
    photos = make_photos(tmp_path / "photos", 1, 2)
    found = inspect(detector_of("gconet_plus_mobile"), groups_of(photos), tmp_path / "out", ["consensus"])
    assert any("one group only" in notice for notice in found.notices)
    assert sum("t-SNE" in notice for notice in found.notices) == 2
    assert not list((tmp_path / "out").rglob("*.png"))
    assert found.summary["mean_cosine_of_groups"] is None and found.summary["mean_cosine_with_own"] is not None


def test_unreadable_photos_and_groups(tmp_path):
    photos = make_photos(tmp_path / "photos", 4, 2)
    (photos / "group1" / "photo 0.png").write_bytes(b"no image")
    for path in (photos / "group2").iterdir():
        path.write_bytes(b"")
    found = inspect(detector_of("gconet_plus_mobile"), groups_of(photos), tmp_path / "out")
    assert [(f["group"], f["image"][-11:]) for f in found.failed] == [
        ("group1", "photo 0.png"),
        ("group2", "photo 0.png"),
        ("group2", "photo 1.png"),
    ]
    assert found.notices[-1] == "group2: left out, none of its images could be read"
    assert files(tmp_path / "out" / "decoder") == ["group0.png", "group1.png", "group3.png"]
    alone = [row for row in table(tmp_path / "out" / "consensus" / "images.csv") if row["group"] == "group1"]
    assert len(alone) == 1 and alone[0]["own"] == ""


def test_what_a_network_has_not(photos, tmp_path):
    groups = groups_of(photos)
    found = inspect(detector_of("ssnm_mobile", channels=8), groups, tmp_path / "ssnm", images=1)
    assert [notice.split(":")[0] for notice in found.notices] == ["no attention", "no class activation maps"]
    assert (tmp_path / "ssnm" / "activation" / "group0.png").exists()
    assert not (tmp_path / "ssnm" / "attention").exists()
    with pytest.raises(InputError, match="--show attention: this GCoNet has no group affinity module"):
        inspect(detector_of("gconet", affinity=False), groups, tmp_path / "no", ["attention"])
    without = detector_of("gconet_plus", relation="none", contrast=False)
    with pytest.raises(InputError, match="forms no consensus"):
        inspect(without, groups, tmp_path / "no", ["consensus"])
    with pytest.raises(InputError, match="give any of consensus, attention, activation, decoder"):
        inspect(without, groups, tmp_path / "no", ["contents"])
    with pytest.raises(InputError, match="--images 0"):
        inspect(without, groups, tmp_path / "no", images=0)
    assert not (tmp_path / "no").exists()
    with pytest.raises(InputError, match="nothing to show: SaliencyNetwork looks at each image by itself"):
        choose(SaliencyNetwork(), None)


def test_classifier_left_out_of_training(photos, tmp_path):
    detector = detector_of("gconet", classification=False)
    found = inspect(detector, groups_of(photos)[:1], tmp_path, ["activation"], images=1)
    assert found.notices == ["no class activation maps: this GCoNet has no classifier on its deepest feature"]
    assert files(tmp_path) == ["activation/group0.png"]


@pytest.mark.parametrize("library", ["sklearn.manifold", "matplotlib"])
def test_missing_libraries(library, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    groups = groups_of(photos)[:1]
    with pytest.raises(ExtraError, match=r"cosod\[inspect\]"):
        inspect(detector_of("gconet_plus_mobile"), groups, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sheets_need_no_extra(photos, tmp_path, monkeypatch):
    for library in ("sklearn.manifold", "matplotlib", "matplotlib.font_manager"):
        monkeypatch.setitem(sys.modules, library, None)
    shown = [kind for kind in KINDS if kind != "consensus"]
    inspect(detector_of("gconet_plus_mobile"), groups_of(photos)[:1], tmp_path, shown, images=1)
    assert len(files(tmp_path)) == 3


@pytest.mark.parametrize("groups", [2, 40, pytest.param(160, marks=pytest.mark.slow)])
def test_figures_of_many_groups(groups, tmp_path):
    rng = np.random.default_rng(0)
    names = [f"a long folder/and a long name of group {i}" for i in range(groups)]
    vectors = rng.normal(size=(groups, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    plots.similarity_figure(names, vectors @ vectors.T, tmp_path / "similarity.png")
    plots.points_figure(vectors[:, :2], np.arange(groups), names, "points", tmp_path / "points.png")
    for name in ("similarity", "points"):
        with Image.open(tmp_path / f"{name}.png") as figure:
            assert 300 < figure.width < 3200 and figure.height < 3200


def test_short_names():
    assert plots.short("short") == "short"
    assert plots.short("imagenet/a very long one/cat") == "cat"
    shortened = plots.short("abcdefghijklmnopqrstuvwxyz")
    assert len(shortened) == 18 and shortened.startswith("abc") and shortened.endswith("xyz")
