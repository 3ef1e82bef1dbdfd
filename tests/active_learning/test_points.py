"""Clicks are kept as they were given, and wrong ones are refused as a whole."""

import json

import numpy as np
import pytest

from cosod.active_learning.points import Point, PointSet, load_queries, place, save_queries, unanswered
from cosod.errors import InputError


def test_saved_and_loaded_is_the_same(tmp_path):
    points = PointSet("pool")
    points.add("images/b ü.jpg", [Point(3, 4, 1), Point(0, 0, 0)])
    points.add("a.jpg", [Point(1, 2, 0)])
    points.save(tmp_path / "points.json")
    loaded = PointSet.load(tmp_path / "points.json")
    assert loaded == points and len(loaded) == 3
    assert loaded.images() == ["a.jpg", "images/b ü.jpg"]
    assert loaded.points("images/b ü.jpg") == [Point(3, 4, 1), Point(0, 0, 0)]
    assert loaded.points("c.jpg") == []


def test_the_same_answer_counts_once():
    points = PointSet()
    assert points.add("a", [Point(1, 1, 1), Point(1, 1, 1)]) == 1
    assert points.add("a", [Point(1, 1, 1), Point(2, 1, 1)]) == 1
    assert len(points) == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (Point(1, 1, 0), "answered 0 here and 1 before"),
        (Point(5, 5, 2), "label of point"),
        (Point(-1, 5, 1), "outside"),
    ],
)
def test_wrong_answers_leave_nothing_behind(wrong, message):
    points = PointSet()
    points.add("a", [Point(1, 1, 1)])
    with pytest.raises(InputError, match=message):
        points.add("a", [Point(7, 7, 1), wrong])
    assert points.points("a") == [Point(1, 1, 1)]


def test_contradiction_within_one_call():
    with pytest.raises(InputError, match="keep one of the two"):
        PointSet().add("a", [Point(1, 1, 1), Point(1, 1, 0)])


def test_remove():
    points = PointSet()
    points.add("a", [Point(1, 1, 1)])
    points.remove("a", 1, 1)
    points.remove("a", 1, 1)
    assert len(points) == 0 and points.images() == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": 99, "pool": "", "points": {}}',
        '{"format": 1, "pool": "", "points": {"a": [[1, 2]]}}',
        '{"format": 1, "pool": "", "points": {"a": [[1, 2.5, 1]]}}',
        '{"format": 1, "pool": "", "points": {"a": [7]}}',
        '{"format": 1, "pool": "", "points": [1]}',
    ],
)
def test_damaged_files(tmp_path, content):
    (tmp_path / "points.json").write_text(content)
    with pytest.raises(InputError, match=r"points\.json"):
        PointSet.load(tmp_path / "points.json")


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        PointSet.load(tmp_path / "points.json")


def test_queries(tmp_path):
    queries = {"b": [(1, 2)], "a": [(3, 4), (5, 6)]}
    save_queries(tmp_path / "queries.json", "pool", queries)
    assert load_queries(tmp_path / "queries.json") == ("pool", queries)
    assert json.loads((tmp_path / "queries.json").read_text())["points"]["a"] == [[3, 4], [5, 6]]
    answers = PointSet("pool")
    answers.add("a", [Point(5, 6, 1)])
    assert unanswered(queries, answers) == {"b": [(1, 2)], "a": [(3, 4)]}


def test_places():
    whole = place(np.array([[0, 0], [9, 4]]), (0, 0, 10, 5))
    np.testing.assert_allclose(whole, [[-0.9, -0.8], [0.9, 0.8]], atol=1e-6)
    np.testing.assert_allclose(place(np.array([[0, 0]]), (0, 0, 10, 5), flip=True), [[0.9, -0.8]], atol=1e-6)
    np.testing.assert_allclose(place(np.array([[2, 1]]), (2, 1, 4, 2)), [[-0.5, 0]], atol=1e-6)


def test_distinct_pixels_stay_distinct_however_small_the_result():
    every = np.stack(np.meshgrid(np.arange(100), np.arange(100)), axis=-1).reshape(-1, 2)
    assert len(np.unique(place(every, (0, 0, 100, 100)), axis=0)) == 10_000
