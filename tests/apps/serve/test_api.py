"""The HTTP API from start to end: groups, jobs, pictures and zips."""

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from cosod.apps.serve.limits import Limits
from tests.apps.serve.client import found, made, picture
from tests.apps.serve.conftest import hold, photo, running
from tests.waiting import eventually


def test_group_from_photos_to_pictures(server):
    group, ids = made(server, "a.png", "b.png", "c.png")
    job = server.client.post(f"/api/groups/{group}/job").json()
    assert job["total"] == 3 and job["run"] == 1
    job = server.wait(group)
    assert job["done"] == ids and job["read"] == 3 and not job["failed"] and not job["message"]
    kinds = {"photo": "RGB", "map": "L", "mask": "1", "cutout": "RGBA", "overlay": "RGB"}
    for view, mode in kinds.items():
        shown = picture(server, group, ids[0], view)
        assert (shown.mode, shown.size) == (mode, (80, 60))
        assert picture(server, group, ids[0], view, side=40).size == (40, 30)
    assert picture(server, group, ids[0], "thumbnail", side=48).size == (48, 48)
    assert all(entry["found"] for entry in server.client.get(f"/api/groups/{group}").json()["photos"])


def test_map_is_the_detectors_own_and_mask_follows_the_threshold(server, detector):
    group, ids = found(server, "a.png", "b.png", "c.png")
    images = [np.asarray(Image.open(io.BytesIO(photo(i)))) for i in range(3)]
    expected = (detector.segment(images)[1] * 255).round()
    shown = np.asarray(picture(server, group, ids[1], "map"))
    assert np.abs(shown - expected).max() <= 1
    level = (int(shown.min()) + int(shown.max())) / 2 / 255
    mask = np.asarray(picture(server, group, ids[1], "mask", threshold=level))
    assert np.array_equal(mask, shown / np.float32(255) > level) and 0 < mask.mean() < 1


def test_zip_holds_every_view_of_every_photo(server):
    group, ids = found(server, "cup.png", "cup.png", "sub/../../../etc/cup.png")
    data = server.client.get(f"/api/groups/{group}/zip").content
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        told = json.loads(archive.read("results.json"))
        for view, name in told["photos"][0]["files"].items():
            assert archive.read(name) == server.client.get(f"/api/groups/{group}/photos/{ids[0]}/{view}").content
    stems = ("cup", "cup-2", "cup-3")
    endings = {"maps": "png", "masks": "png", "cut-outs": "png", "thumbnails": "jpg", "overlays": "jpg"}
    assert names == {"results.json", *(f"{f}/{s}.{e}" for f, e in endings.items() for s in stems)}
    assert [entry["files"]["map"] for entry in told["photos"]] == [f"maps/{s}.png" for s in stems]
    some = server.client.get(f"/api/groups/{group}/zip", params={"views": ["mask"]})
    assert len(zipfile.ZipFile(io.BytesIO(some.content)).namelist()) == 4


def test_photo_damaged_after_the_upload_fails_alone(server):
    group, ids = made(server, "a.png", "b.png", "c.png")
    server.store.get(group).photo(ids[1]).path.write_bytes(b"gone bad")
    server.client.post(f"/api/groups/{group}/job")
    job = server.wait(group)
    assert job["done"] == [ids[0], ids[2]] and list(job["failed"]) == [ids[1]]
    assert job["failed"][ids[1]].startswith("b.png: ")


def test_cancelled_job_stops_between_photos(detector, monkeypatch):
    let_go = hold(monkeypatch, detector)
    with running(detector) as server:
        group, ids = made(server, *"abcd")
        server.client.post(f"/api/groups/{group}/job")
        eventually(lambda: server.client.get(f"/api/groups/{group}/job").json()["done"])
        server.client.delete(f"/api/groups/{group}/job")
        let_go.set()
        job = server.wait(group, ("cancelled",))
        assert job["done"] == ids[:1]
        assert picture(server, group, ids[0], "map").size == (80, 60)
        assert server.client.get(f"/api/groups/{group}/photos/{ids[1]}/map").status_code == 404
        server.client.post(f"/api/groups/{group}/job")
        assert server.wait(group)["done"] == ids


def test_queue_is_bounded_and_says_when_to_come_back(detector, monkeypatch):
    let_go = hold(monkeypatch, detector)
    with running(detector, Limits(waiting=1)) as server:
        groups = [made(server, "a", "b")[0] for _ in range(3)]
        server.client.post(f"/api/groups/{groups[0]}/job")
        server.wait(groups[0], ("running",))
        assert server.client.post(f"/api/groups/{groups[1]}/job").json()["ahead"] == 1
        refused = server.client.post(f"/api/groups/{groups[2]}/job")
        assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
        again = server.client.post(f"/api/groups/{groups[1]}/job")  # takes its own earlier place
        assert again.status_code == 202 and again.json()["run"] == 2
        let_go.set()
        assert server.wait(groups[1])["run"] == 2
        assert server.client.post(f"/api/groups/{groups[2]}/job").status_code == 202
        server.wait(groups[2])


def test_group_deleted_while_its_job_runs_leaves_nothing(detector, monkeypatch):
    let_go = hold(monkeypatch, detector)
    with running(detector) as server:
        group, _ = made(server, *"abc")
        server.client.post(f"/api/groups/{group}/job")
        eventually(lambda: server.client.get(f"/api/groups/{group}/job").json()["done"])
        assert server.client.delete(f"/api/groups/{group}").status_code == 204
        let_go.set()
        other, ids = found(server, "d", "e")
        assert server.client.get(f"/api/groups/{group}").status_code == 404
        assert [path.name for path in server.store.root.iterdir()] == [other] and len(ids) == 2


def test_removed_photo_is_not_in_the_next_job(server):
    group, ids = found(server, "a.png", "b.png", "c.png")
    assert server.client.delete(f"/api/groups/{group}/photos/{ids[1]}").status_code == 204
    server.client.post(f"/api/groups/{group}/job")
    assert server.wait(group)["done"] == [ids[0], ids[2]]
    left = {path.name.split(".")[0] for path in server.store.get(group).folder.iterdir()}
    assert left == {ids[0], ids[2]}
    assert server.client.delete(f"/api/groups/{group}/photos/{ids[1]}").status_code == 404


def test_one_photo_is_told_to_share_nothing(server):
    group, _ = made(server, "a.png")
    server.client.post(f"/api/groups/{group}/job")
    assert "nothing to share" in server.wait(group)["message"]


def test_unused_groups_are_deleted_and_everything_at_the_end(detector):
    with running(detector, Limits(keep_seconds=100)) as server:
        now = [0.0]
        server.store._clock = lambda: now[0]
        old, _ = made(server, "a")
        now[0] = 60.0
        young, _ = made(server, "b")
        now[0] = 101.0
        server.store.sweep()
        assert server.client.get(f"/api/groups/{old}").status_code == 404
        assert server.client.get(f"/api/groups/{young}").status_code == 200
        now[0] = 200.0  # asking about it was a use
        server.store.sweep()
        assert [path.name for path in server.store.root.iterdir()] == [young]
        root = server.store.root
    assert not root.exists()


def test_marked_photo_says_what_to_look_for(server, detector, monkeypatch):
    learn, learned = detector.learn, []
    monkeypatch.setattr(
        detector,
        "learn",
        lambda images, masks, *others: learned.append((images, masks)) or learn(images, masks, *others),
    )
    group, ids = made(server, "a.png", "b.png", "c.png")
    ball = np.zeros((30, 40), np.uint8)
    ball[10:20, 15:25] = 255
    sent = io.BytesIO()
    Image.fromarray(ball).save(sent, "PNG")
    marked = server.client.put(f"/api/groups/{group}/photos/{ids[1]}/mark", content=sent.getvalue())
    assert marked.json()["marked"]
    server.client.post(f"/api/groups/{group}/job")
    assert server.wait(group)["done"] == ids
    images = [np.asarray(Image.open(io.BytesIO(photo(i)))) for i in range(3)]
    mask = np.kron(ball > 0, np.ones((2, 2), bool))
    expected = dict(detector.apply(detector.learn([images[1]], [mask]), images))
    shown = np.asarray(picture(server, group, ids[2], "map"))
    assert np.abs(shown - expected[2] * 255).max() <= 1
    references, masks = learned[0]  # of the server; the second is this test's own
    assert [path.stem for path in references] == [ids[1]] and np.array_equal(masks[0], mask)


def test_openapi_document_describes_every_route(server):
    document = server.client.get("/openapi.json").json()
    routes = {(path, verb) for path, verbs in document["paths"].items() for verb in verbs}
    assert ("/api/groups", "post") in routes and ("/api/groups/{group}/job", "delete") in routes
    assert all(document["paths"][path][verb]["description"] for path, verb in routes)
    upload = document["paths"]["/api/groups"]["post"]["requestBody"]["content"]
    assert "multipart/form-data" in upload


def test_cutouts_get_a_background_and_a_size(server):
    group, ids = found(server, "a.png", "b.png", "c.png")
    plain = picture(server, group, ids[0], "cutout", background="#10f020")
    assert (plain.mode, plain.size, plain.getpixel((0, 0))) == ("RGB", (80, 60), (16, 240, 32))
    framed = picture(server, group, ids[0], "cutout", size="90x120", background="white:black")
    assert framed.size == (90, 120) and framed.getpixel((0, 0)) == (255, 255, 255) != framed.getpixel((0, 119))
    assert picture(server, group, ids[0], "cutout", size="90x120").mode == "RGBA"
    assert picture(server, group, ids[0], "cutout", size="900x1200", side=60).size == (45, 60)
    assert picture(server, group, ids[0], "cutout", background="blur", padding=0.1).mode == "RGB"
    asked = {"views": ["cutout"], "size": "32x32", "background": "white"}
    archive = zipfile.ZipFile(io.BytesIO(server.client.get(f"/api/groups/{group}/zip", params=asked).content))
    assert Image.open(io.BytesIO(archive.read("cut-outs/a.png"))).size == (32, 32)


@pytest.mark.parametrize(
    "query",
    [
        {"background": "/etc/passwd"},
        {"background": "icon.svg"},
        {"background": "a:b:c"},
        {"background": "white:black:red"},
        {"size": "0x5"},
        {"size": "99999x5"},
        {"size": "9999x5"},
        {"size": "5"},
        {"padding": 0.5},
    ],
)
def test_backgrounds_and_sizes_that_cannot_be_used(server, query):
    group, ids = found(server, "a.png", "b.png")
    answer = server.client.get(f"/api/groups/{group}/photos/{ids[0]}/cutout", params=query)
    assert answer.status_code == 422 and "root:" not in answer.text
    assert server.client.get(f"/api/groups/{group}/zip", params=query).status_code == 422


def test_photos_without_the_object_are_left_empty_where_asked(server):
    group, ids = found(server, "a.png", "b.png", "c.png")
    photo = server.store.get(group).photos[ids[0]]
    photo.presence = 0.01

    def shown(view, **query):
        return np.asarray(picture(server, group, ids[0], view, threshold=0.02, **query))

    assert shown("cutout")[..., 3].any() and shown("cutout", absent="keep")[..., 3].any()
    assert not shown("cutout", absent="blank")[..., 3].any()
    assert (shown("thumbnail", absent="blank") != shown("thumbnail", absent="keep")).any()
    photo.marked = True  # who marks a photo knows better
    assert shown("cutout", absent="blank")[..., 3].any()
    assert server.client.get(f"/api/groups/{group}/zip", params={"absent": "hide"}).status_code == 422
