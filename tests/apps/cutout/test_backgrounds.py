"""What comes behind."""

import numpy as np
import pytest
from PIL import Image

from cosod.apps.cutout.backgrounds import Background, background, cover, out_of_focus
from cosod.errors import ImageError, InputError
from tests.apps.made import GROUND, scene

NOTHING = (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize(
    ("given", "top", "bottom"),
    [
        ("white", (255, 255, 255), (255, 255, 255)),
        ("#0f8", (0, 255, 136), (0, 255, 136)),
        ("#102030", (16, 32, 48), (16, 32, 48)),
        ("white:#ccc", (255, 255, 255), (204, 204, 204)),
        ((1, 2, 3), (1, 2, 3), (1, 2, 3)),
    ],
)
def test_colors_and_gradients(given, top, bottom):
    picture = background(given).render((5, 9), *NOTHING)
    assert picture.shape == (9, 5, 3) and picture.dtype == np.uint8
    assert tuple(picture[0, 0]) == top and tuple(picture[-1, -1]) == bottom


def test_a_picture_covers_the_frame(tmp_path):
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, 5:35] = 200
    Image.fromarray(picture).save(tmp_path / "behind.png")
    assert (background(tmp_path / "behind.png").render((10, 10), *NOTHING) == 200).all(), "its middle is kept"
    assert (background(str(tmp_path / "behind.png")).image == picture).all()
    assert cover(picture, (7, 31)).shape == (31, 7, 3)


def test_the_blurred_photo_has_no_halo_of_the_object():
    photo, coverage, _ = scene()
    blurred = out_of_focus(photo, (255 * coverage).astype(np.uint8))
    assert np.abs(blurred - GROUND).max() < 12
    assert background("blur").render((33, 44), photo, np.zeros(photo.shape[:2], np.uint8)).shape == (44, 33, 3)


def test_a_background_is_passed_on():
    made = Background(blur=True)
    assert background(made) is made


def test_a_background_of_nothing():
    with pytest.raises(InputError, match="colors, an image or blur"):
        Background().render((5, 9), *NOTHING)


@pytest.mark.parametrize("given", ["whte", "white:blck", "missing.png", (1, 2), (0, 0, 300), "#ffffff80"])
def test_neither_color_nor_file(given):
    with pytest.raises(InputError, match="background"):
        background(given)


def test_a_file_that_is_no_image(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ImageError, match=r"text\.png"):
        background(tmp_path / "text.png")
