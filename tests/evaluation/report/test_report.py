import csv
import json

import pytest

from cosod.evaluation import evaluate, save


@pytest.fixture
def report(make, gt):
    return evaluate(make(), gt, method="ours", set_name="toys")


def test_images_are_a_mapping(report):
    assert "dog/3" in report.images
    assert dict(report.images.items())["dog/3"] == report.images["dog/3"]
    assert report.images.column("mae")[0] == report.images["cup/0"]["mae"]
    with pytest.raises(KeyError):
        report.images["dog/7"]


def test_class_mean_gives_groups_the_same_weight(report):
    assert report.class_mean["s"] == pytest.approx(sum(g["s"] for g in report.groups.values()) / 3)


def test_says_what_it_is(report):
    assert "ours" in repr(report)
    assert "protocol papers" in repr(report)


def test_save_writes_what_it_holds(report, tmp_path):
    files = {p.name: p for p in save(tmp_path / "out", [report])}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(files)
    rows = list(csv.DictReader(files["images.csv"].open()))
    assert len(rows) == 12
    assert float(rows[0]["mae"]) == pytest.approx(report.images["cup/0"]["mae"], abs=1e-6)
    assert {r["protocol"] for r in rows} == {"papers"}
    groups = list(csv.DictReader(files["groups.csv"].open()))
    assert [(g["group"], g["images"]) for g in groups] == [("cup", "4"), ("dog", "4"), ("kite", "4")]
    assert len(list(csv.DictReader(files["curves.csv"].open()))) == 255
    record = json.loads(files["summary.json"].read_text())[0]
    assert record["all"] == report.all
    assert (record["protocol"], record["set"], record["method"]) == ("papers", "toys", "ours")
    for name in ("summary.md", "summary.tex", "summary.csv", "report.html"):
        assert "papers" in files[name].read_text()
