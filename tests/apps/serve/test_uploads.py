"""What uploads the HTTP API takes, what it refuses, and what is left of those that break off."""

import contextlib
import socket

import httpx
import pytest

from cosod.apps.serve.limits import Limits
from cosod.inference.detector import Detector
from tests.apps.serve.conftest import form, photo, running
from tests.waiting import eventually


def test_files_that_are_no_photos_are_reported_and_the_others_go_on(server):
    damaged = photo(1)[:-200]
    files = [*form("good.png"), *form("text.png", data=b"no image"), *form("cut.png", data=damaged), *form("b.png")]
    files += [
        *form("empty.png", data=b""),
        *form("page.eps", data=b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    ]
    answer = server.client.post("/api/groups", files=files).json()
    assert [entry["name"] for entry in answer["photos"]] == ["good.png", "b.png"]
    assert [entry["name"] for entry in answer["failed"]] == ["text.png", "cut.png", "empty.png", "page.eps"]
    assert all(str(server.store.root) not in entry["error"] for entry in answer["failed"])
    folder = server.store.get(answer["group"]).folder
    assert len(list(folder.iterdir())) == 2
    assert server.store.get(answer["group"]).bytes == sum(path.stat().st_size for path in folder.iterdir())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system.ini", "system.ini"),
        ("/etc/shadow", "shadow"),
        ("..", "photo"),
        ("tür‮gpj.exe", "türgpj.exe"),
        ("a\x00b\x1bc.png", "abc.png"),
        ("<script>|*.png", "_script___.png"),
        ("x" * 300 + ".png", "x" * 80 + ".png"),
    ],
)
def test_names_never_become_paths(server, given, kept):
    body = f'--x\r\nContent-Disposition: form-data; name="photos"; filename="{given}"\r\n\r\n'.encode()
    body += photo() + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/api/groups", content=body, headers=headers).json()
    name = answer["photos"][0]["name"]
    assert name == kept
    folder = server.store.get(answer["group"]).folder
    assert folder.parent == server.store.root
    assert [path.name for path in folder.iterdir()] == [f"{answer['photos'][0]['id']}.upload"]


def test_limits_on_count_bytes_and_pixels(detector):
    small = Detector(detector.network, "cpu", 64, max_pixels=50_000)
    limits = Limits(photos=3, file_bytes=40_000, group_bytes=100_000, groups=2, pixels=50_000)
    with running(small, limits) as server:
        answer = server.client.post("/api/groups", files=form(*"abcde")).json()
        assert len(answer["photos"]) == 3 and len(answer["failed"]) == 2
        more = server.client.post(f"/api/groups/{answer['group']}/photos", files=form("f")).json()
        assert not more["photos"] and "at most 3 photos" in more["failed"][0]["error"]
        big = [*form("big", data=b"x" * 50_000), *form("wide", data=photo(size=(100, 600), kind="JPEG")), *form("a")]
        answer = server.client.post("/api/groups", files=big).json()
        assert [entry["name"] for entry in answer["photos"]] == ["a"]
        told = {entry["name"]: entry["error"] for entry in answer["failed"]}
        assert "MB a photo" in told["big"] and "50,000 pixels" in told["wide"]
        full = server.client.post("/api/groups", files=form("a"))
        assert full.status_code == 503 and int(full.headers["retry-after"]) >= 1
        server.client.delete(f"/api/groups/{answer['group']}")
        assert server.client.post("/api/groups", files=form("a")).status_code == 201


def test_of_more_photos_than_a_group_may_have_the_first_are_kept(server):
    one = photo()
    names = [f"{number:03}.png" for number in range(500)]
    answer = server.client.post("/api/groups", files=[("photos", (name, one)) for name in names])
    assert answer.status_code == 201
    told = answer.json()
    assert [entry["name"] for entry in told["photos"]] == names[:200]
    assert sorted(entry["name"] for entry in told["failed"]) == names[200:]
    assert all("at most 200 photos" in entry["error"] for entry in told["failed"])
    more = server.client.post(f"/api/groups/{told['group']}/photos", files=form(*"abc"))
    assert more.status_code == 201 and len(more.json()["failed"]) == 3
    group = server.store.get(told["group"])
    assert group.bytes == 200 * len(one) and len(list(group.folder.iterdir())) == 200
    server.client.delete(f"/api/groups/{told['group']}")


def test_files_that_are_no_photos_take_no_place(detector):
    with running(detector, Limits(photos=3)) as server:
        files = [*form(*(f"{number}.txt" for number in range(1500)), data=b"no image"), *form(*"abcd")]
        answer = server.client.post("/api/groups", files=files)
        assert answer.status_code == 201
        told = answer.json()
        assert [entry["name"] for entry in told["photos"]] == ["a", "b", "c"]
        assert len(told["failed"]) == 1001 and "501 more files" in told["failed"][-1]["error"]


def test_of_more_bytes_than_a_group_may_have_the_first_are_kept(detector):
    one = photo()
    with running(detector, Limits(group_bytes=3 * len(one) + 100)) as server:
        told = server.client.post("/api/groups", files=form(*"abcdefgh", data=one)).json()
        assert [entry["name"] for entry in told["photos"]] == ["a", "b", "c"]
        assert len(told["failed"]) == 5 and "a group" in told["failed"][0]["error"]


def test_bytes_are_counted_not_believed(detector):
    with running(detector, Limits(file_bytes=1 << 20, group_bytes=2 << 20)) as server:

        def endless():
            yield b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a.png"\r\n\r\n'
            while True:
                yield bytes(65536)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with contextlib.suppress(httpx.TransportError):  # the server may hang up before the client has heard why
            assert server.client.post("/api/groups", content=endless(), headers=headers).status_code == 413
        eventually(lambda: not list(server.store.root.iterdir()))
        assert server.store.bytes == 0


def test_body_that_is_no_form_leaves_no_group(server):
    before = set(server.store.root.iterdir())
    for content, kind, status in (
        (b"hello", "text/plain", 415),
        (b"hello", "multipart/form-data; boundary=x", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="p"; filename="a"\r\n\r\nhalf',
            "multipart/form-data; boundary=x",
            400,
        ),
    ):
        answer = server.client.post("/api/groups", content=content, headers={"Content-Type": kind})
        assert answer.status_code == status and "detail" in answer.json()
    assert set(server.store.root.iterdir()) == before


def test_client_that_leaves_half_way_leaves_nothing(server):
    before = set(server.store.root.iterdir())
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        line.sendall(
            b"POST /api/groups HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            b'--x\r\nContent-Disposition: form-data; name="p"; filename="a.png"\r\n\r\n' + bytes(5000)
        )
        eventually(lambda: set(server.store.root.iterdir()) != before)
    eventually(lambda: set(server.store.root.iterdir()) == before)


def test_upload_that_stalls_is_ended(detector):
    with running(detector, Limits(stall_seconds=0.3)) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(
                b"POST /api/groups HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
            )
            line.settimeout(20)
            assert b" 408 " in line.makefile("rb").readline()
        eventually(lambda: not list(server.store.root.iterdir()))
