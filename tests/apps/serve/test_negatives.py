"""Photos that show what the object is not: what they do to the group, and what is refused."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from cosod.inference.detector import Detector
from tests.apps.serve.client import found, made, picture
from tests.apps.serve.conftest import form, hold, photo, running
from tests.apps.serve.test_marks import png, put, search, square

GRAY = np.full((60, 80, 3), 100, np.uint8)


def negative(server, group, photo_id, verb="PUT"):
    return server.client.request(verb, f"/api/groups/{group}/photos/{photo_id}/negative")


def state(server, group, photo_id):
    return next(p for p in server.client.get(f"/api/groups/{group}").json()["photos"] if p["id"] == photo_id)


def image(seed):
    return np.asarray(Image.open(io.BytesIO(photo(seed))))


def with_gray(server, *names):
    """A group whose last photo is of one color."""
    group, ids = made(server, *names)
    answer = server.client.post(f"/api/groups/{group}/photos", files=form("gray.png", data=png(GRAY)))
    return group, [*ids, answer.json()["photos"][0]["id"]]


def test_the_others_are_judged_against_a_negative_photo(server, detector):
    group, ids = made(server, "a.png", "b.png", "c.png")
    assert negative(server, group, ids[2]).json()["negative"]
    job = search(server, group)
    assert job["state"] == "done" and job["total"] == job["read"] == 3 and not job["message"]
    assert job["done"] == [ids[2], ids[0], ids[1]] and job["negatives"] == [ids[2]] and job["presence"][ids[2]] == 0
    images = [image(0), image(1)]
    learned = detector.learn(images, negatives=[image(2)])
    for index, expected in detector.apply(learned, images):
        shown = np.asarray(picture(server, group, ids[index], "map"))
        assert np.abs(shown - expected * 255).max() <= 1
    plain = dict(detector.apply(detector.learn(images), images))
    assert np.asarray(picture(server, group, ids[0], "map")).sum() < plain[0].sum() * 255  # it resembles the negative


def test_a_mark_and_a_negative_together(server, detector):
    group, ids = made(server, "a.png", "b.png", "c.png")
    assert put(server, group, ids[1], png(square())).status_code == 200
    assert negative(server, group, ids[2]).status_code == 200
    assert search(server, group)["state"] == "done"
    learned = detector.learn([image(1)], [square() > 0], negatives=[image(2)])
    ((_, expected),) = detector.apply(learned, [image(0)])
    assert np.abs(np.asarray(picture(server, group, ids[0], "map")) - expected * 255).max() <= 1
    assert np.array_equal(np.asarray(picture(server, group, ids[1], "mask")), square() > 0)


def test_a_negative_photo_is_empty_at_once_and_in_every_picture(server):
    group, ids = found(server, "a.png", "b.png", "c.png")
    before = np.asarray(picture(server, group, ids[1], "map"))
    thumbnail = picture(server, group, ids[1], "thumbnail").size
    answer = negative(server, group, ids[1]).json()
    assert answer["negative"] and answer["found"] and answer["presence"] == 0
    for _ in range(2):  # before the next job and after it
        assert not np.asarray(picture(server, group, ids[1], "map")).any()
        assert not np.asarray(picture(server, group, ids[1], "map", side=40, as_found=True)).any()
        assert not np.asarray(picture(server, group, ids[1], "mask", threshold=0.02)).any()
        assert not np.asarray(picture(server, group, ids[1], "cutout"))[..., 3].any()
        assert picture(server, group, ids[1], "overlay").size == (80, 60)
        assert picture(server, group, ids[1], "thumbnail").size == thumbnail
        with zipfile.ZipFile(io.BytesIO(server.client.get(f"/api/groups/{group}/zip").content)) as archive:
            told = json.loads(archive.read("results.json"))["photos"]
            assert not np.asarray(Image.open(io.BytesIO(archive.read("masks/b.png")))).any()
        assert [entry["negative"] for entry in told] == [False, True, False] and told[1]["presence"] == 0
        last = search(server, group)
    assert last["presence"][ids[1]] == 0
    assert before.any()


def test_it_is_taken_back(server):
    group, ids = found(server, "a.png", "b.png", "c.png")
    before = np.asarray(picture(server, group, ids[1], "map"))
    negative(server, group, ids[1])
    answer = negative(server, group, ids[1], "DELETE").json()
    assert not answer["negative"] and answer["found"]
    assert np.array_equal(np.asarray(picture(server, group, ids[1], "map")), before)  # no job was in between
    negative(server, group, ids[1])
    search(server, group)
    assert not negative(server, group, ids[1], "DELETE").json()["found"]  # the job made no map of it
    assert server.client.get(f"/api/groups/{group}/photos/{ids[1]}/mask").status_code == 404
    search(server, group)
    assert np.array_equal(np.asarray(picture(server, group, ids[1], "map")), before)
    assert not negative(server, group, ids[0], "DELETE").json()["negative"]  # it never was


def test_marked_and_negative_contradict_each_other(server):
    group, ids = found(server, "a.png", "b.png")
    put(server, group, ids[0], png(square()))
    answer = negative(server, group, ids[0])
    assert answer.status_code == 409 and "delete the mark first" in answer.json()["detail"]
    assert answer.json()["detail"].startswith("a.png: ") and not state(server, group, ids[0])["negative"]
    assert negative(server, group, ids[1]).status_code == 200
    for kind in ("mark", "correction"):
        answer = put(server, group, ids[1], png(square()), kind)
        assert answer.status_code == 409 and "b.png: " in answer.json()["detail"]
    assert not state(server, group, ids[1])["marked"] and not state(server, group, ids[1])["corrected"]
    server.client.delete(f"/api/groups/{group}/photos/{ids[0]}/mark")
    assert negative(server, group, ids[0]).status_code == 200


def test_a_correction_is_kept_for_when_it_is_taken_back(server):
    group, ids = found(server, "a.png", "b.png")
    put(server, group, ids[0], png(square(around=128)), "correction")
    corrected = np.asarray(picture(server, group, ids[0], "map"))
    assert corrected[25, 35] == 255
    negative(server, group, ids[0])
    assert not np.asarray(picture(server, group, ids[0], "map")).any()
    assert not np.asarray(picture(server, group, ids[0], "cutout"))[..., 3].any()
    negative(server, group, ids[0], "DELETE")
    assert np.array_equal(np.asarray(picture(server, group, ids[0], "map")), corrected)


@pytest.mark.parametrize("verb", ["PUT", "DELETE"])
def test_photos_and_groups_that_are_not_there(server, verb):
    group, ids = made(server, "a.png")
    for address in ((group, "0" * 12), ("0" * 24, ids[0])):
        answer = negative(server, *address, verb)
        assert answer.status_code == 404 and answer.json()["detail"].startswith("no such ")


def test_a_group_of_negatives_alone_is_refused_and_keeps_its_results(server):
    group, ids = found(server, "a.png", "b.png")
    before = picture(server, group, ids[0], "map").tobytes()
    for photo_id in ids:
        negative(server, group, photo_id)
    answer = server.client.post(f"/api/groups/{group}/job")
    assert answer.status_code == 422 and answer.json()["detail"].startswith("every photo is set")
    negative(server, group, ids[0], "DELETE")
    assert picture(server, group, ids[0], "map").tobytes() == before


def test_negatives_that_cannot_be_used(server):
    group, ids = with_gray(server, "a.png", "b.png", "c.png")
    negative(server, group, ids[3])
    job = search_ended(server, group)
    assert job["state"] == "failed" and "shows more than one color" in job["message"]
    negative(server, group, ids[2])
    assert search_ended(server, group)["state"] == "done"  # one of them can be used
    negative(server, group, ids[3], "DELETE")
    server.store.get(group).photo(ids[2]).path.write_bytes(b"gone bad")
    job = search_ended(server, group)
    assert job["state"] == "failed" and "others" in job["message"]
    assert job["failed"][ids[2]].startswith("c.png: ") and str(server.store.root) not in json.dumps(job)


def search_ended(server, group):
    server.client.post(f"/api/groups/{group}/job")
    return server.wait(group, ("done", "failed"))


def test_a_damaged_photo_beside_marks_and_negatives_fails_alone(server):
    group, ids = made(server, *"abcde")
    for marked in ids[:2]:
        put(server, group, marked, png(square()))
    for other in ids[3:]:
        negative(server, group, other)
    for damaged in (ids[0], ids[3]):
        server.store.get(group).photo(damaged).path.write_bytes(b"gone bad")
    job = search(server, group)
    assert set(job["failed"]) == {ids[0], ids[3]} and job["done"] == [ids[4], ids[1], ids[2]]


def test_one_photo_beside_negatives_is_told_to_share_nothing(server):
    group, ids = made(server, "a.png", "b.png")
    negative(server, group, ids[1])
    assert "nothing to share" in search(server, group)["message"]


def test_what_is_said_while_a_job_runs_counts_for_the_next_one(detector, monkeypatch):
    let_go = hold(monkeypatch, detector)
    with running(detector) as server:
        group, ids = made(server, *"abcd")
        negative(server, group, ids[3])
        server.client.post(f"/api/groups/{group}/job")
        server.wait(group, ("running",))
        negative(server, group, ids[2])
        negative(server, group, ids[3], "DELETE")
        let_go.set()
        assert server.wait(group)["done"] == [ids[3], *ids[:3]]
        assert not np.asarray(picture(server, group, ids[2], "map")).any()
        assert server.client.get(f"/api/groups/{group}/photos/{ids[3]}/map").status_code == 404
        assert search(server, group)["done"] == [ids[2], ids[0], ids[1], ids[3]]


def test_networks_that_cannot_be_told_what_the_object_is_not(server, detector, monkeypatch):
    assert server.client.get("/api/limits").json()["negatives"] is True
    bare = Detector(detector.network, "cpu", 64)
    monkeypatch.setattr(bare.pipeline, "region_classifier", None)
    monkeypatch.setattr(bare.pipeline, "kept_rules", bare.pipeline.kept_rules._replace(calibration=None))
    with running(bare) as other:
        assert other.client.get("/api/limits").json()["negatives"] is False
        group, ids = made(other, "a.png", "b.png")
        answer = negative(other, group, ids[1])
        assert answer.status_code == 422 and "use the default network" in answer.json()["detail"]
        assert not state(other, group, ids[1])["negative"] and search(other, group)["done"] == ids


def test_the_document_describes_it(server):
    document = server.client.get("/openapi.json").json()
    route = document["paths"]["/api/groups/{group}/photos/{photo}/negative"]
    assert set(route) == {"put", "delete"} and {"404", "409"} <= set(route["put"]["responses"])
    assert "negative" in document["components"]["schemas"]["PhotoState"]["properties"]
    assert "409" in document["paths"]["/api/groups/{group}/photos/{photo}/mark"]["put"]["responses"]
