"""Maps and masks as files."""

import numpy as np
import pytest
from PIL import Image

from cosod.errors import OutputError
from cosod.postprocess.render import save_image, to_8bit


def smooth(height, width):
    y, x = np.mgrid[:height, :width]
    return to_8bit(np.clip(1.5 - np.hypot((y - height / 2) / height, (x - width / 3) / width) * 5, 0, 1))


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (37, 53), (864, 1152)])
def test_maps_come_back_as_they_were(tmp_path, size):
    map_ = smooth(*size)
    save_image(map_, tmp_path / "deep" / "a.png")
    with Image.open(tmp_path / "deep" / "a.png") as picture:
        assert picture.format == "PNG" and picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), map_)
    noise = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    save_image(noise, tmp_path / "noise.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "noise.png")), noise)


def test_maps_are_packed_small(tmp_path):
    """Maps as networks make them: nothing, an edge, and all."""
    map_ = to_8bit(1 / (1 + np.exp(-(smooth(864, 1152) - 127.0) / 8)))
    save_image(map_, tmp_path / "map.png")
    Image.fromarray(map_).save(tmp_path / "pillow.png", compress_level=3)
    assert (tmp_path / "map.png").stat().st_size < 1.5 * (tmp_path / "pillow.png").stat().st_size < map_.size / 8


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_masks_and_colors_are_written_too(tmp_path, name):
    mask = smooth(60, 80) > 127
    save_image(mask, tmp_path / name)
    assert ((np.asarray(Image.open(tmp_path / name).convert("L")) > 127) != mask).mean() < 0.01
    save_image(np.dstack([smooth(60, 80)] * 3), tmp_path / name)
    assert np.asarray(Image.open(tmp_path / name)).shape == (60, 80, 3)


def test_what_is_not_contiguous(tmp_path):
    map_ = smooth(60, 80)[::2, ::-1]
    save_image(map_, tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), map_)


def test_what_jpeg_cannot_hold_is_an_error_with_its_path(tmp_path):
    with pytest.raises(OutputError, match=r"wide\.jpg"):
        save_image(np.zeros((1, 70_000), np.uint8), tmp_path / "wide.jpg")
    assert not list(tmp_path.iterdir())


def test_maps_are_rounded_to_the_nearest():
    levels = np.arange(256, dtype=np.float32) / 255
    np.testing.assert_array_equal(to_8bit(levels[None]), np.arange(256)[None])
    between = np.random.default_rng(0).random((50, 70), np.float32)
    np.testing.assert_array_equal(to_8bit(between), np.rint(between * 255).astype(np.uint8))
    assert to_8bit(between).dtype == np.uint8
