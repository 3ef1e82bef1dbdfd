"""PNG files are those of any image library but for the time that they take."""

import io
import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from cosod.io import png
from cosod.io.png import encode_png

CHANCE = np.random.default_rng(0)


@pytest.fixture(params=["isal", "zlib"])
def compressor(request, monkeypatch):
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)
    png._compressor.cache_clear()
    yield request.param
    png._compressor.cache_clear()


@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (1, 300, 3), (5, 8, 4), (700, 401, 4)])
def test_pixels_come_back(compressor, shape):
    # Noise beside a plain area, as in the map of an object.
    pixels = CHANCE.integers(0, 256, shape, dtype=np.uint8) * (np.arange(shape[1]) < 5).reshape(
        1, -1, *[1] * (len(shape) - 2)
    ).astype(np.uint8)
    data = encode_png(pixels)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.mode == {2: "L", 3: {3: "RGB", 4: "RGBA"}.get(shape[-1])}[len(shape)]
        np.testing.assert_array_equal(np.asarray(picture), pixels)
    read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read[..., [2, 1, 0, 3][: shape[2]]] if len(shape) == 3 else read, pixels)


@pytest.mark.parametrize("shape", [(1, 1), (9, 7), (300, 1001)])
def test_masks_take_a_bit_for_each_pixel(compressor, shape):
    mask = CHANCE.random(shape) > 0.5
    with Image.open(io.BytesIO(encode_png(mask))) as picture:
        assert picture.mode == "1"
        np.testing.assert_array_equal(np.asarray(picture), mask)


def test_views_are_encoded_as_they_look(compressor):
    pixels = CHANCE.integers(0, 256, (40, 60, 4), dtype=np.uint8)
    for view in (pixels[::2, ::3], pixels[..., :3], pixels[::-1, :, 1]):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encode_png(view)))), view)


def test_files_are_about_as_small_as_those_of_pillow(compressor):
    y, x = np.mgrid[:480, :640]
    distance = np.hypot(y - 240, x - 320)
    map_ = (255 * np.clip((200 - distance) / 40, 0, 1)).astype(np.uint8)
    photo = np.dstack([(y + x) % 256, y % 256, map_, map_]).astype(np.uint8)
    for pixels in (map_, photo):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=3)
        assert len(encode_png(pixels)) < 1.5 * len(buffer.getvalue())


@pytest.mark.parametrize(
    "array", [np.zeros((0, 3), np.uint8), np.zeros((2, 2, 2), np.uint8), np.zeros((2, 2)), np.zeros((2, 2, 3), bool)]
)
def test_what_is_no_image_is_refused(array):
    with pytest.raises(ValueError, match="is no image"):
        encode_png(array)
