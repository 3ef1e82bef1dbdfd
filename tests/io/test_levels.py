"""What masks mark, whatever their levels are."""

import numpy as np
import pytest
from PIL import Image

from cosod.errors import ImageError, InputError
from cosod.io.images import read_levels
from cosod.io.levels import marked

DISC = np.hypot(*np.mgrid[-20:20, -30:30]) < 12


@pytest.mark.parametrize("low, high", [(0, 1), (0, 255), (0, 100), (1, 2), (200, 255), (0, 65535), (0.0, 0.2), (-1, 1)])
def test_of_two_levels_the_brighter_one_marks(low, high):
    levels = np.where(DISC, high, low)
    np.testing.assert_array_equal(marked(read_levels(levels)), DISC)


def test_of_more_levels_those_over_half_do():
    ramp = np.tile(np.arange(256), (4, 1))
    for levels in (ramp, ramp / 255, ramp * 257):
        assert marked(read_levels(levels)).sum(axis=1).tolist() == [128] * 4


@pytest.mark.parametrize("value, said", [(0, "nothing"), (1, "everything"), (255, "everything"), (77, "value 77")])
def test_one_level_says_nothing(value, said):
    with pytest.raises(InputError, match=said):
        marked(np.full((4, 5), value, np.float32))
    with pytest.raises(InputError, match=r"mine marks nothing .*brightest value is 3 of 255"):
        marked(np.arange(4, dtype=np.float32)[None], "mine")


def test_levels_of_files(tmp_path):
    ones = DISC.astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(ones).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_levels(tmp_path / "turned.png"), ones[::-1].T)
    Image.fromarray(ones.astype(np.uint16)).save(tmp_path / "deep.png", exif=exif)
    np.testing.assert_array_equal(read_levels(tmp_path / "deep.png"), ones[::-1].T)
    Image.fromarray(np.dstack([ones * 0, ones * 0, ones * 0, 255 * ones])).save(tmp_path / "alpha.png")
    np.testing.assert_array_equal(read_levels(tmp_path / "alpha.png"), 255 * ones)
    Image.fromarray(np.dstack([0 * ones, 0 * ones, 255 * ones])).save(tmp_path / "blue.png")
    np.testing.assert_array_equal(read_levels(tmp_path / "blue.png"), 255 * ones)
    Image.fromarray(ones * np.float32(0.5)).save(tmp_path / "floats.tiff")
    np.testing.assert_array_equal(read_levels(tmp_path / "floats.tiff"), 0.5 * ones)


def test_arrays_that_are_no_masks():
    for wrong in (np.zeros((2, 3, 4, 5)), np.full((3, 3), np.nan), np.zeros((3, 3), complex), np.array([["a"]])):
        with pytest.raises(ImageError):
            read_levels(wrong)
