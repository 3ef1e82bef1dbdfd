import http.client
import io
import json
import threading
from contextlib import closing, suppress

import numpy as np
import pytest
from PIL import Image

from cosod.active_learning.points import PointSet
from cosod.active_learning.session import Session
from cosod.apps.serve.labeling import MAX_BODY
from cosod.errors import OutputError
from tests.active_learning.asked import ASKED, make_run
from tests.apps.serve.conftest import labeling


@pytest.fixture
def server(tmp_path):
    state, pool = make_run(tmp_path)
    with labeling(Session(pool, ASKED, state.points_file)) as server:
        yield server


def ask(server, method, path, body=None, **headers):
    port = server.port
    headers = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"} | headers
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        # A server that has refused a body may close the connection before the rest is sent; its answer is there.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer, answer.read()


def give(server, body, **headers):
    return ask(server, "POST", "/api/answer", json.dumps(body), **headers)


def answer_of(server, **changes):
    return {"session": server.session.id, "point": 0, "answer": 1, "was": None} | changes


@pytest.mark.parametrize("path", ["/", "/style.css", "/label.js", "/view.js", "/icon.svg"])
def test_the_page_may_load_nothing_from_elsewhere(server, path):
    answer, body = ask(server, "GET", path)
    assert answer.status == 200 and body
    policy = answer.getheader("Content-Security-Policy")
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
    body = body.replace(b"http://www.w3.org/", b"")
    assert b"http:" not in body and b"https:" not in body


def test_images_are_served_by_number_alone(server):
    prefix = f"/image/{server.session.id}"
    answer, body = ask(server, "GET", f"{prefix}/0")
    assert answer.status == 200 and answer.getheader("Content-Type") == "image/jpeg"
    with Image.open(io.BytesIO(body)) as shown:
        assert shown.size == (48, 32)
        assert np.abs(np.asarray(shown)[14, 14].astype(int) - (230, 60, 40)).max() < 20
    for path in (f"{prefix}/3", f"{prefix}/-1", f"{prefix}/a/one.png", f"{prefix}/../../run.json", "/image/x/0", "/x"):
        assert ask(server, "GET", path)[0].status == 404, path


def test_an_image_that_was_replaced_or_is_gone(server):
    path = server.session.pool.path("c.png")
    Image.new("RGB", (5, 5)).save(path)
    answer, body = ask(server, "GET", f"/image/{server.session.id}/2")
    assert answer.status == 404 and b"another size" in body
    path.unlink()
    assert b"no such file" in ask(server, "GET", f"/image/{server.session.id}/2")[1]


def test_answers_come_in_and_are_told(server):
    assert json.loads(give(server, answer_of(server))[1]) == {"version": 1}
    assert json.loads(ask(server, "GET", "/api/changes?since=0")[1])["changes"] == [[0, 1]]
    refused, body = give(server, answer_of(server, answer=0))
    assert refused.status == 409 and json.loads(body)["answer"] == 1
    assert json.loads(ask(server, "GET", "/api/state")[1])["answers"][0] == 1


def test_other_names_and_other_sites_are_refused(server):
    port = server.port
    for host in ("evil.example", f"evil.example:{port}", "", "localhost.evil.example"):
        assert ask(server, "GET", "/api/state", Host=host)[0].status == 403, host
    for origin in ("http://evil.example", f"http://localhost:{port + 1}", "null", ""):
        assert give(server, answer_of(server), Origin=origin)[0].status == 403, origin
    assert server.session.answered == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{}", 422),
        (b"[]", 422),
        (b"null", 422),
        (b"{", 422),
        (b"\xff", 422),
        (b"[" * MAX_BODY, 422),
        (b'{"session": "other", "point": 0, "answer": 1, "was": null}', 410),
        (b"x" * (MAX_BODY + 1), 413),
    ],
)
def test_bodies_that_are_no_answer(server, body, status):
    answer, text = ask(server, "POST", "/api/answer", body)
    assert answer.status == status and isinstance(json.loads(text)["detail"], str)
    assert server.session.answered == 0


def test_a_body_of_unknown_length_and_wrong_points(server):
    endless = iter([b"x" * 600] * 10)
    assert ask(server, "POST", "/api/answer", endless)[0].status == 413
    for changes in ({"point": 99}, {"point": "0"}, {"point": True}, {"answer": 7}, {"answer": True}, {"answer": [1]}):
        assert give(server, answer_of(server, **changes))[0].status == 422, changes
    assert ask(server, "DELETE", "/")[0].status == 405
    assert server.session.answered == 0


def test_a_disk_that_is_full_is_no_fault_of_the_answer(server, monkeypatch):
    def full(self, path):
        raise OutputError("cannot write points.json: no space left; check space")

    monkeypatch.setattr(PointSet, "save", full)
    answer, text = give(server, answer_of(server))
    assert answer.status == 507 and "no space left" in json.loads(text)["detail"]


def test_a_browser_may_keep_images_but_no_answers(server):
    assert "max-age" in ask(server, "GET", f"/image/{server.session.id}/0")[0].getheader("Cache-Control")
    assert ask(server, "GET", "/api/state")[0].getheader("Cache-Control") == "no-store"


def test_many_windows_at_once_lose_nothing(server):
    def window(offset):
        for number in range(5):
            give(server, answer_of(server, point=(number + offset) % 5, answer=number % 2))

    threads = [threading.Thread(target=window, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = server.session.state()
    assert state["version"] == 5 and None not in state["answers"]
