"""Marks and corrections that a person paints: what is refused, and what becomes of the photo."""

import contextlib
import io

import httpx
import numpy as np
import pytest
from PIL import Image

from cosod.apps.serve.marks import corrected, marked_mask, read_correction, read_mark
from cosod.errors import ImageError
from tests.apps.serve.client import made, picture
from tests.apps.serve.conftest import photo


def png(array, mode=None):
    buffer = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(np.asarray(array), mode)
    image.save(buffer, "PNG")
    return buffer.getvalue()


def square(value=255, size=(60, 80), dtype=np.uint8, around=0):
    painting = np.full(size, around, dtype)
    painting[20:40, 30:50] = value
    return painting


def put(server, group, photo_id, content, kind="mark"):
    return server.client.put(f"/api/groups/{group}/photos/{photo_id}/{kind}", content=content)


def search(server, group):
    assert server.client.post(f"/api/groups/{group}/job").status_code == 202
    return server.wait(group)


TRANSPARENT = np.zeros((60, 80, 4), np.uint8) + np.array([255, 255, 255, 0], np.uint8)
USELESS = [
    (b"nothing", "no PNG"),
    (photo(kind="JPEG"), "no PNG"),
    (photo()[:300], "no PNG"),
    (png(np.zeros((8, 8), np.uint8)), "empty"),
    (png(np.full((8, 8), 128, np.uint8)), "empty"),
    (png(TRANSPARENT), "empty"),
    (png(np.full((8, 8), 255, np.uint8)), "whole photo"),
    (png(np.full((60, 80), 255, np.uint8)), "whole photo"),
    (png(np.full((8, 8), 65535, np.uint16)), "whole photo"),
    (png(Image.new("1", (8, 8), 1)), "whole photo"),
    (png(Image.new("RGBA", (8, 8), "white")), "whole photo"),
]


@pytest.mark.parametrize(("content", "told"), USELESS)
def test_marks_that_show_no_object_are_refused_at_once(server, content, told):
    group, ids = made(server, "a.png")
    answer = put(server, group, ids[0], content)
    assert answer.status_code == 422 and told in answer.json()["detail"]
    assert not server.client.get(f"/api/groups/{group}").json()["photos"][0]["marked"]


def test_marks_that_are_too_large_are_refused(server):
    group, ids = made(server, "a.png")
    with contextlib.suppress(httpx.TransportError):
        assert put(server, group, ids[0], bytes(5 << 20)).status_code == 413
    assert "pixels" in put(server, group, ids[0], png(Image.new("1", (5000, 4000)))).json()["detail"]


@pytest.mark.parametrize(
    "painting",
    [
        square(),
        square(1),  # zeros and ones
        square(dtype=np.uint16, value=1),
        square(dtype=np.uint16, value=65535),
        Image.fromarray(square() > 0),
        Image.fromarray(np.dstack([np.full((60, 80, 3), 255, np.uint8), square()]), "RGBA"),
        np.kron(square(), np.ones((10, 10), np.uint8)),
        square()[::2, ::2],
    ],
)
def test_masks_of_many_kinds_are_the_same_mark(painting):
    assert np.array_equal(read_mark(png(painting), (60, 80)) == 255, square() == 255)


def test_the_only_stroke_is_not_lost_where_the_mark_is_reduced():
    thin = np.zeros((600, 800), np.uint8)
    thin[300, 400] = 255
    assert (read_mark(png(thin), (60, 80)) == 255).sum() == 1


def test_the_marked_photo_shows_what_was_painted(server):
    group, ids = made(server, "a.png", "b.png", "c.png")
    away = np.zeros((60, 80), np.uint8)  # not the red ball, which is what stands out
    away[2:14, 2:20] = 255
    assert put(server, group, ids[1], png(away)).json()["marked"]
    job = search(server, group)
    assert job["state"] == "done" and job["presence"][ids[1]] == 1
    for view in ("map", "mask"):
        assert np.array_equal(np.asarray(picture(server, group, ids[1], view)) > 0, away > 0)
    cut = np.asarray(picture(server, group, ids[1], "cutout"))[..., 3] > 127
    assert (cut & (away > 0)).sum() / (cut | (away > 0)).sum() > 0.8
    assert not server.client.delete(f"/api/groups/{group}/photos/{ids[1]}/mark").json()["marked"]
    search(server, group)
    assert not np.array_equal(np.asarray(picture(server, group, ids[1], "mask")), away > 0)


def ball_with(strokes):
    """A photo of a ball of radius 14 at (40, 30), strokes on open gray, and the ball."""
    image = np.asarray(Image.open(io.BytesIO(photo())))
    y, x = np.mgrid[:60, :80]
    painting = np.full((60, 80), 128, np.uint8)
    for value, rows, columns in strokes:
        painting[rows, columns] = value
    return image, painting, (y - 30) ** 2 + (x - 40) ** 2 < 200


def test_what_is_left_open_follows_the_outline_but_not_far():
    image, painting, ball = ball_with([(255, slice(21, 40), slice(31, 50)), (0, slice(24, 37), slice(52, 56))])
    mask = marked_mask(painting, lambda: image)
    assert mask[painting == 255].all() and not mask[painting == 0].any()
    inside = mask & ball
    assert inside.sum() > (painting == 255).sum()  # it grew ...
    assert (mask & ~ball).sum() < 0.1 * mask.sum()  # ... on the ball, whatever the strokes left out
    _, painting, _ = ball_with([(255, slice(2, 8), slice(2, 8))])
    far = marked_mask(painting, lambda: image)
    assert not (far & ball).any() and far[2:8, 2:8].all() and far.sum() < 200


def test_a_correction_changes_the_result_and_nothing_else(server):
    group, ids = made(server, "a.png", "b.png", "c.png")
    search(server, group)
    before = np.asarray(picture(server, group, ids[0], "map"))
    other = np.asarray(picture(server, group, ids[1], "map"))
    strokes = np.full((60, 80), 128, np.uint8)
    strokes[:20, :30], strokes[24:36, 34:46] = 255, 0
    assert put(server, group, ids[0], png(strokes), "correction").json()["corrected"]
    expected = corrected(before, strokes)
    assert np.array_equal(np.asarray(picture(server, group, ids[0], "map")), expected)
    assert np.array_equal(np.asarray(picture(server, group, ids[1], "map")), other)
    assert np.array_equal(np.asarray(picture(server, group, ids[0], "map", as_found=True)), before)
    alpha = np.asarray(picture(server, group, ids[0], "cutout"))[..., 3]
    assert alpha[4:16, 4:26].min() > 200 and alpha[28:32, 38:42].max() < 60
    thumbnail = picture(server, group, ids[0], "thumbnail").tobytes()
    search(server, group)  # it outlasts another search
    assert np.array_equal(np.asarray(picture(server, group, ids[0], "map")), expected)
    address = f"/api/groups/{group}/photos/{ids[0]}/correction"
    assert not server.client.delete(address).json()["corrected"]
    assert np.array_equal(np.asarray(picture(server, group, ids[0], "map")), before)
    assert picture(server, group, ids[0], "thumbnail").tobytes() != thumbnail
    assert "empty" in put(server, group, ids[0], png(np.full((8, 8), 128, np.uint8)), "correction").json()["detail"]
    server.client.delete(f"/api/groups/{group}/photos/{ids[0]}")
    assert not [path for path in server.store.get(group).folder.iterdir() if path.name.startswith(ids[0])]


def test_corrections_of_the_whole_photo_are_taken():
    assert read_correction(png(np.full((8, 8), 255, np.uint8)), (60, 80)).min() == 255
    with pytest.raises(ImageError, match="no PNG"):
        read_correction(b"nothing", (60, 80))
