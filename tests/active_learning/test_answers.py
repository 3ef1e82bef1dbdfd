import json

import pytest

from cosod.active_learning.answers import merge, read_answers
from cosod.active_learning.points import Point, PointSet
from cosod.active_learning.queries import write_queries
from cosod.errors import InputError
from tests.active_learning.asked import ASKED, make_run

#: An answer to every point that is asked for.
TRUTH = {(image, x, y): (x + y) % 2 for image, points in ASKED.items() for x, y in points}


@pytest.fixture
def pool(tmp_path):
    return make_run(tmp_path)[1]


def clicks(points):
    return {(image, p.x, p.y): p.label for image, each in points for p in each}


def own(fingerprint, tmp_path, rows):
    path = tmp_path / "answers.json"
    path.write_text(json.dumps({"format": 1, "pool": fingerprint, "points": rows}))
    return path


def label_studio(pool, tmp_path, truth=TRUTH):
    """The tasks as Label Studio exports them when a person gave the labels of ``truth``."""
    path = write_queries(tmp_path / "out", pool, ASKED, ["labelstudio"])[0]
    tasks = json.loads(path.read_text("utf-8"))
    for task in tasks:
        regions = json.loads(json.dumps(task["predictions"][0]["result"]))
        for region in regions:
            place = (task["data"]["cosod_image"], *map(int, region["id"].split("-")))
            if place in truth:
                region["value"]["keypointlabels"] = [["background", "object"][truth[place]]]
        task["annotations"] = [{"was_cancelled": False, "result": regions}]
    return path, tasks


def cvat(pool, tmp_path, truth=TRUTH):
    path = write_queries(tmp_path / "out", pool, ASKED, ["cvat"])[0]
    text = path.read_text("utf-8")
    for _, x, y in TRUTH:
        if label := {1: "object", 0: "background"}.get(next((v for k, v in truth.items() if k[1:] == (x, y)), None)):
            old = f'label="asked" source="manual" occluded="0" points="{x + 0.5:.2f},{y + 0.5:.2f}"'
            assert old in text
            text = text.replace(old, old.replace("asked", label))
    path.write_text(text, encoding="utf-8")
    return path


def test_answers_of_all_three_kinds_come_out_the_same(pool, tmp_path):
    points = PointSet(pool.fingerprint)
    for (image, x, y), label in TRUTH.items():
        points.add(image, [Point(x, y, label)])
    points.save(tmp_path / "own.json")
    exported, tasks = label_studio(pool, tmp_path)
    exported.write_text(json.dumps(tasks), encoding="utf-8-sig")
    for path in (tmp_path / "own.json", exported, cvat(pool, tmp_path)):
        merged = merge(read_answers(path, pool), PointSet(pool.fingerprint), [ASKED], pool)
        assert clicks(merged.points) == TRUTH, path
        assert (merged.new, merged.known, merged.unanswered, merged.problems) == (5, 0, 0, [])
        again = merge(read_answers(path, pool), merged.points, [ASKED], pool)
        assert (again.new, again.known) == (0, 5) and again.points == merged.points


def test_points_without_an_answer_stay_open(pool, tmp_path):
    some = dict(list(TRUTH.items())[:2])
    exported, tasks = label_studio(pool, tmp_path, some)
    exported.write_text(json.dumps(tasks))
    for path in (exported, cvat(pool, tmp_path, some)):
        merged = merge(read_answers(path, pool), PointSet(pool.fingerprint), [ASKED], pool)
        assert clicks(merged.points) == some and merged.unanswered == 3


def test_every_answer_that_does_not_fit_is_listed_and_the_others_count(pool, tmp_path):
    known = PointSet(pool.fingerprint)
    known.add("c.png", [Point(12, 39, 1)])
    rows = {
        "a/one.png": [[0, 0, 1], [0, 0, 0], [48, 0, 1], [-1, 3, 1], [3, 3, 1], [47, 31, 1]],
        'b/tú "&".png': [[5, 7, 2]],
        "c.png": [[12, 39, 0]],
        "../d.png": [[1, 1, 1]],
    }
    merged = merge(read_answers(own(pool.fingerprint, tmp_path, rows), pool), known, [ASKED], pool)
    assert clicks(merged.points) == {("c.png", 12, 39): 1, ("a/one.png", 47, 31): 1}
    assert clicks(known) == {("c.png", 12, 39): 1}
    expected = [
        r"a/one.png: point (0, 0) has contradictory answers",
        r"a/one.png: point (48, 0) lies outside the image of 48 x 32",
        r"a/one.png: point (-1, 3) lies outside",
        r"a/one.png: point (3, 3) was not asked for",
        r"point (5, 7) is 2",
        r"c.png: point (12, 39) is answered 0 here and 1 before",
        r"../d.png: is not in the pool",
    ]
    assert len(merged.problems) == len(expected)
    for problem, part in zip(merged.problems, expected, strict=True):
        assert part in problem
    assert merged.new == 1


def test_two_annotators_who_disagree_in_label_studio(pool, tmp_path):
    path, tasks = label_studio(pool, tmp_path)
    other = json.loads(json.dumps(tasks[0]["annotations"][0]))
    for region in other["result"]:
        region["value"]["keypointlabels"] = ["object"]
    tasks[0]["annotations"].append(other)
    cancelled = json.loads(json.dumps(other)) | {"was_cancelled": True}
    tasks[1]["annotations"].append(cancelled)
    path.write_text(json.dumps(tasks))
    merged = merge(read_answers(path, pool), PointSet(pool.fingerprint), [ASKED], pool)
    assert len(merged.problems) == 2 - sum(TRUTH["a/one.png", x, y] for x, y in ASKED["a/one.png"])
    assert merged.new == 5 - len(merged.problems)


def test_answers_of_another_pool_are_refused_by_name(pool, tmp_path):
    exported, tasks = label_studio(pool, tmp_path)
    tasks[0]["data"]["cosod_pool"] = "fedc"
    exported.write_text(json.dumps(tasks))
    xml = cvat(pool, tmp_path)
    text = xml.read_text("utf-8")
    other_size, other_names = tmp_path / "size.xml", tmp_path / "names.xml"
    other_size.write_text(text.replace('width="48"', 'width="96"'), "utf-8")
    other_names.write_text(text.replace('name="', 'name="x'), "utf-8")
    for path in (own("fedc", tmp_path, {}), exported, other_size, other_names):
        with pytest.raises(InputError, match="belongs to another pool") as error:
            read_answers(path, pool)
        assert str(path) in str(error.value)


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><annotations>&b;</annotations>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no file of points"),
        (b'{"format": 1}', "no file of points"),
        (b'{"format": 9, "pool": "", "points": {}}', "format 9"),
        (b'{"format": 1, "pool": "x", "points": {"a": [[1, 2]]}}', "3 whole numbers"),
        (b"[1, 2]", "no export"),
        (b'[{"data": {"image": "a.png"}, "annotations": []}]', "no export"),
        (b'[{"image": "a.png", "point": []}]', "JSON-MIN"),
        (b"[" * 200_000, "no export"),
        (b'{"a":' * 200_000, "no file of points"),
        (b"PK\x03\x04\xff\xfe", "unzipped"),
        (b"<annotations><image", "damaged XML"),
        (b"<svg/>", "not of CVAT"),
        (BOMB.encode(), "document type"),
        (b"\xef\xbb\xbf" + BOMB.encode(), "document type"),
        (BOMB.encode("utf-16"), "UTF-8"),
        (b'<annotations><image name="c.png"><points/></image></annotations>', "another pool"),
        (b'<annotations><image name="q"><points label="cat" points="1,2"/></image></annotations>', "'cat'"),
        (b'<annotations><image name="q"><points label="object" points="1"/></image></annotations>', "no place"),
        (b'<annotations><image name="q"><points label="object" points="nan,2"/></image></annotations>', "no place"),
        (b'<annotations><image name="q"><points label="object" points="inf,2"/></image></annotations>', "no place"),
    ],
)
def test_files_that_are_none(pool, tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_answers(path, pool)


def test_a_missing_file(pool, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_answers(tmp_path / "none.json", pool)
