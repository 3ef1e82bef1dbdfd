"""Images read at a fraction of their size look the same once shrunk."""

import numpy as np
import pytest
from PIL import Image

from cosod.errors import ImageError
from cosod.io.images import read_image, read_reduced
from cosod.io.prefetch import Inputs
from cosod.io.resizing import shrink


@pytest.fixture
def picture():
    y, x = np.mgrid[:600, :900]
    disc = ((y - 250) ** 2 + (x - 500) ** 2 < 150**2)[..., None]
    ground = np.stack([x % 256, y % 256, (x + y) // 6 % 256], axis=2)
    return Image.fromarray(np.where(disc, (220, 40, 30), ground).astype(np.uint8))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_jpeg_is_decoded_at_a_fraction(picture, tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    picture.save(path, quality=92, exif=exif)
    whole = read_image(path)
    reduced, size = read_reduced(path, 96)
    assert size == whole.shape[:2]
    assert reduced.shape[:2] == tuple(-(-side // 4) for side in size)  # a quarter: an eighth is under 1.25 x 96
    difference = np.abs(shrink(whole, 96).astype(int) - shrink(reduced, 96))
    assert difference.mean() < 3


def test_nothing_is_lost_where_it_would_be_needed(picture, tmp_path):
    for name, side in (("a.png", 96), ("a.jpg", 481)):
        path = tmp_path / name
        picture.save(path)
        reduced, size = read_reduced(path, side)
        np.testing.assert_array_equal(reduced, read_image(path))
        assert size == (600, 900)
    array = np.asarray(picture)
    np.testing.assert_array_equal(read_reduced(array, 32)[0], array)


def test_errors_are_those_of_whole_images(picture, tmp_path):
    path = tmp_path / "a.jpg"
    picture.save(path)
    with pytest.raises(ImageError, match="over the limit"):
        read_reduced(path, 32, max_pixels=1000)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ImageError, match="damaged or truncated"):
        read_reduced(path, 32)


def test_inputs_know_the_whole_size(picture, tmp_path):
    path = tmp_path / "a.jpg"
    picture.save(path)
    inputs = Inputs([path], 64, 10**6, None)
    ((_, image),) = inputs.read([0])
    assert image.shape == (64, 64, 3)
    assert inputs.sizes == {0: (600, 900)}
