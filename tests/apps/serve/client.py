"""Requests that several tests of the HTTP API send."""

import io

from PIL import Image

from tests.apps.serve.conftest import form


def made(server, *names):
    answer = server.client.post("/api/groups", files=form(*names))
    assert answer.status_code == 201
    return answer.json()["group"], [entry["id"] for entry in answer.json()["photos"]]


def found(server, *names):
    group, ids = made(server, *names)
    assert server.client.post(f"/api/groups/{group}/job").status_code == 202
    server.wait(group)
    return group, ids


def picture(server, group, photo_id, view, **query):
    answer = server.client.get(f"/api/groups/{group}/photos/{photo_id}/{view}", params=query)
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))
