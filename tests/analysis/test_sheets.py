import numpy as np
import pytest
from PIL import Image

from cosod.analysis import sheets
from cosod.analysis.examine import Activation, Shown
from cosod.errors import OutputError


def shown(number: int, tall: bool = False, **fields) -> Shown:
    picture = np.full((180, 90, 3) if tall else (120, 180, 3), 128, np.uint8)
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    made = {
        "attention": values / values.sum(),
        "activation": Activation(number, 0.5, values),
        "response": -values,
        "levels": (values, np.ones((8, 8), np.float32)),
        "saliency": np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32),
    }
    return Shown(f"photo {number}", picture, **(made | fields))


def test_heat_is_blue_where_least_and_red_where_most():
    picture = np.zeros((60, 80, 3), np.uint8)
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = 5
    heat = sheets.heat(picture, values)
    assert heat.shape == picture.shape and heat.dtype == np.uint8
    red, blue = heat[..., 0].astype(int), heat[..., 2].astype(int)
    assert (blue > red)[0, 0] and (red > blue)[22, 50]


@pytest.mark.parametrize("values", [np.full((3, 3), 7.0), np.array([[np.nan, 1.0]]), np.array([[np.inf, 0.0]])])
def test_what_has_no_range_is_zero(values):
    assert (sheets.unit_range(values) == 0).all()


def test_unit_range_spans_zero_to_one():
    np.testing.assert_allclose(sheets.unit_range(np.array([-3.0, 1.0, 5.0])), [0, 0.5, 1])


def test_half_in():
    assert sheets.half_in(np.array([[0.9, 0.05], [0.05, 0.0]])) == 1
    assert sheets.half_in(np.full((4, 4), 1 / 16)) == 8


@pytest.mark.parametrize("draw", [sheets.attention_sheet, sheets.activation_sheet, sheets.decoder_sheet])
@pytest.mark.parametrize("count", [1, 8, 9])
def test_sheets_of_any_number(draw, count, tmp_path):
    path = tmp_path / "deep" / "name.png"
    draw("a very long name of a group / " * 8, [shown(i, tall=i % 2 == 1) for i in range(count)], path)
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    columns = max(min(count, sheets.COLUMNS), 3)
    assert pixels.shape[1] == 2 * 20 + 104 + columns * 186 - 6
    assert (pixels[:, -8:] == (250, 250, 248)).all()  # nothing runs over the edge


def test_activation_without_a_classifier_shows_the_response(tmp_path):
    sheets.activation_sheet("g", [shown(0)], tmp_path / "with.png")
    sheets.activation_sheet("g", [shown(0, activation=None)], tmp_path / "without.png")
    with Image.open(tmp_path / "with.png") as one, Image.open(tmp_path / "without.png") as other:
        assert one.height > other.height + 100


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        sheets.attention_sheet("g", [shown(0)], tmp_path / "file" / "g.png")
