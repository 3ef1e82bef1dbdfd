import numpy as np
import pytest
from PIL import Image

from cosod.errors import ImageError
from cosod.evaluation.reading import read_gray

LEVELS = np.arange(0, 240, dtype=np.uint8).reshape(12, 20)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp"])
def test_gray_files_come_back_as_they_were(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    image = Image.fromarray(LEVELS)
    image.save(path, lossless=True) if suffix == ".webp" else image.save(path)
    levels, _ = read_gray(path)
    assert np.array_equal(levels, LEVELS)


@pytest.mark.parametrize(
    ("mode", "changed"), [("1", None), ("P", None), ("LA", None), ("RGB", "color"), ("RGBA", "color")]
)
def test_modes_become_gray_as_pillow_makes_them(tmp_path, mode, changed):
    image = Image.fromarray(LEVELS).convert(mode)
    image.save(tmp_path / "a.png")
    levels, found = read_gray(tmp_path / "a.png")
    assert np.array_equal(levels, np.asarray(image.convert("L")))
    assert found == changed


def test_colors_become_luminance(tmp_path):
    Image.new("RGB", (3, 2), (200, 10, 90)).save(tmp_path / "a.png")
    assert (read_gray(tmp_path / "a.png")[0] == np.asarray(Image.new("RGB", (1, 1), (200, 10, 90)).convert("L"))).all()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_are_rounded(tmp_path, suffix):
    Image.fromarray(LEVELS.astype(np.uint16) * 257 + 100).save(tmp_path / f"a{suffix}")
    levels, changed = read_gray(tmp_path / f"a{suffix}")
    assert np.array_equal(levels, LEVELS)
    assert changed == "16-bit"


def test_floats(tmp_path):
    def saved(values):
        Image.fromarray(np.asarray(values, np.float32)).save(tmp_path / "a.tif")
        return tmp_path / "a.tif"

    assert np.array_equal(read_gray(saved(LEVELS / 255))[0], LEVELS)
    with pytest.raises(ImageError, match=r"a\.tif: 50\.0 % of its values are NaN"):
        read_gray(saved([[0.5, np.nan]]))
    with pytest.raises(ImageError, match="outside"):
        read_gray(saved([[0.5, 7]]))


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "missing"])
def test_what_cannot_be_read_is_named(tmp_path, damage):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)).save(path)
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    path.write_bytes({"cut": data[:middle], "flipped": flipped, "text": b"no image"}.get(damage, b""))
    if damage == "missing":
        path.unlink()
    cause = {"empty": "the file is empty", "missing": "no such file"}.get(damage, "cannot be read as an image")
    with pytest.raises(ImageError, match=rf"a\.png: {cause}"):
        read_gray(path)
