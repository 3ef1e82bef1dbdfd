"""Every kind of image file comes out as upright RGB, and bad ones as one clear sentence."""

import io
import os
import re
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from cosod.errors import DamagedImageWarning, ImageError, InputError
from cosod.io.images import image_size, read_image, read_reduced

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tiff", "gif", "ppm"])
def test_formats(tmp_path, picture, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(picture).save(path, **({"quality": 95} if ending in ("jpg", "webp") else {}))
    read = read_image(path)
    assert read.shape == (48, 64, 3) and read.dtype == np.uint8
    assert np.abs(read.astype(int) - picture).mean() < (12 if ending == "gif" else 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, picture, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(picture).save(path, exif=exif)
    expected = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.swapaxes(0, 1),
        6: picture[::-1].swapaxes(0, 1),
        7: picture[::-1, ::-1].swapaxes(0, 1),
        8: picture[:, ::-1].swapaxes(0, 1),
    }[orientation]
    np.testing.assert_array_equal(read_image(path), expected)
    assert image_size(path) == expected.shape[:2]
    # 16-bit gray goes another way through Pillow and must turn alike.
    gray = tmp_path / "gray.tiff"
    Image.fromarray(picture[..., 0].astype(np.uint16) * 257).save(gray, exif=exif)
    np.testing.assert_array_equal(read_image(gray)[..., 0], expected[..., 0])


def test_gray_alpha_palette_cmyk_and_16_bits(tmp_path, picture):
    gray = picture[..., 0]
    Image.fromarray(gray).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png"), np.repeat(gray[..., None], 3, 2))
    alpha = np.dstack([picture, np.zeros_like(gray)])
    alpha[10:20, 10:20, 3] = 255
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    read = read_image(tmp_path / "alpha.png")
    assert (read[0, 0] == 255).all(), "transparent parts are white"
    np.testing.assert_array_equal(read[10:20, 10:20], picture[10:20, 10:20])
    palette = Image.fromarray(picture).quantize(64)
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), np.array(palette.convert("RGB")))
    palette.save(tmp_path / "transparent.png", transparency=0)
    assert read_image(tmp_path / "transparent.png").shape == picture.shape
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "cmyk.jpg").astype(int) - picture).mean() < 5
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[..., 0], gray)
    Image.fromarray(gray > 100).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bits.png")[..., 0], (gray > 100) * 255)


def test_color_tiff_of_16_bits(tmp_path, picture):
    import cv2

    cv2.imwrite(str(tmp_path / "deep.tiff"), picture[:, :, ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.tiff"), picture)


def test_animation_gives_its_first_frame(tmp_path, picture):
    frames = [Image.fromarray(picture), Image.fromarray(255 - picture)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.webp"), picture)


def test_arrays_and_pillow_images(picture):
    np.testing.assert_array_equal(read_image(picture), picture)
    np.testing.assert_array_equal(read_image(Image.fromarray(picture)), picture)
    np.testing.assert_array_equal(read_image(picture.astype(np.float32) / 255), picture)
    np.testing.assert_array_equal(read_image(picture.astype(np.uint16) * 257), picture)
    np.testing.assert_array_equal(read_image(picture[..., 0])[..., 1], picture[..., 0])
    for wrong in (picture.astype(np.int32), picture[None], np.zeros((0, 4, 3), np.uint8), picture * 1.0, "x" and 3):
        with pytest.raises(InputError):
            read_image(wrong)


def test_one_pixel_and_very_wide(tmp_path):
    Image.new("RGB", (1, 1), (9, 8, 7)).save(tmp_path / "one.png")
    assert read_image(tmp_path / "one.png").tolist() == [[[9, 8, 7]]]
    Image.new("RGB", (20_000, 3)).save(tmp_path / "wide.png")
    assert read_image(tmp_path / "wide.png").shape == (3, 20_000, 3)


def bomb(path, width=60_000, height=60_000):
    """A PNG of a few kilobytes that says it has 3.6 thousand million pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")))


def test_bombs_are_refused_before_decoding(tmp_path):
    bomb(tmp_path / "bomb.png")
    with pytest.raises(ImageError, match=r"bomb\.png: 60000 x 60000 is over the limit .*--max-pixels"):
        read_image(tmp_path / "bomb.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "small.png")
    with pytest.raises(ImageError, match="over the limit of 1,000 pixels"):
        read_image(tmp_path / "small.png", max_pixels=1000)
    # Pillow's own global limit is neither in the way nor changed.
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = 10
    try:
        assert read_image(tmp_path / "small.png").shape == (40, 40, 3)
        assert Image.MAX_IMAGE_PIXELS == 10
    finally:
        Image.MAX_IMAGE_PIXELS = before


def test_files_that_are_no_images(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.jpg").write_text("not an image")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "broken.tif").write_bytes(b"II*\0" + RNG.bytes(300))
    for name in ("half.jpg", "text.jpg", "empty.png", "folder.png", "broken.tif", "missing.png"):
        with pytest.raises(ImageError, match=name):
            read_image(tmp_path / name)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "bmp", "tiff", "gif"])
def test_damaged_bytes_never_give_another_error(tmp_path, picture, ending):
    path = tmp_path / f"a.{ending}"
    Image.fromarray(picture).save(path)
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    outcomes = set()
    for _ in range(60):
        damaged = bytearray(data)
        for position in rng.integers(4, len(data), 12):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            outcomes.add(read_image(path).dtype)
        except ImageError as error:
            assert path.name in str(error)
            outcomes.add("refused")
    assert outcomes <= {np.dtype(np.uint8), "refused"}


def test_arrays_that_cannot_be_used_are_named(picture):
    unusable = {
        "object": picture.astype(object),
        "NaN": np.full((4, 4, 3), np.nan),
        "channels last": picture.transpose(2, 0, 1),
        "shape": picture[None],
        "0, 1": picture / 100 - 1,
        "complex": picture.astype(complex),
        "<U1": np.array([["a", "b"]]),
        "int64": picture.astype(np.int64),
        "NoneType": None,
        "list": picture.tolist(),
        "()": np.float32(1),
    }
    for said, array in unusable.items():
        with pytest.raises(ImageError, match=re.escape(said)):
            read_image(array)


def test_arrays_of_unusual_kinds(picture):
    gray = np.repeat(picture[..., :1], 3, axis=2)
    np.testing.assert_array_equal(read_image(np.matrix(picture[..., 0])), gray)
    np.testing.assert_array_equal(read_image(np.ma.masked_array(picture, picture > 9)), picture)
    np.testing.assert_array_equal(read_image(picture.astype(">u2") * 257), picture)
    np.testing.assert_array_equal(read_image((picture / 255).astype(np.float16)), picture)
    np.testing.assert_array_equal(read_image(picture[::-1, ::-1]), picture[::-1, ::-1])
    np.testing.assert_array_equal(read_image(np.asfortranarray(picture)), picture)
    np.testing.assert_array_equal(read_image(picture / 255 * (1 + 1e-6)), picture)


def test_tensors(picture):
    tensor = torch.from_numpy(picture)
    first = tensor.permute(2, 0, 1)
    floats = first.float() / 255
    for given in (first, first[None], tensor, floats, floats.double(), floats.half(), floats.requires_grad_()):
        np.testing.assert_array_equal(read_image(given), picture)
    assert np.abs(read_image(floats.bfloat16()).astype(int) - picture).max() <= 1
    np.testing.assert_array_equal(read_image(tensor[..., 1])[..., 0], picture[..., 1])
    np.testing.assert_array_equal(read_image(tensor[..., 1] > 100)[..., 0], 255 * (picture[..., 1] > 100))
    for unusable in (first.long(), floats * 4 - 2, first.to("meta"), floats[0].to_sparse(), torch.zeros(5, 9, 9)):
        with pytest.raises(ImageError):
            read_image(unusable)


def test_bytes_and_file_objects(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    half_read = io.BytesIO(data)
    half_read.read(20)
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with (tmp_path / "a.png").open("rb") as file, os.fdopen(reading, "rb") as pipe:
        for given in (data, bytearray(data), memoryview(data), io.BytesIO(data), half_read, file, file, pipe):
            np.testing.assert_array_equal(read_image(given), picture)
    for unusable in (b"", b"no image", io.StringIO("text"), file, io.BytesIO(data[:100])):
        with pytest.raises(ImageError):
            read_image(unusable)
    with pytest.raises(ImageError, match="over the limit"):
        read_image(data, max_pixels=1000)


def test_pillow_images_that_cannot_be_used(tmp_path, picture):
    large = Image.fromarray(np.tile(picture, (8, 8, 1)))
    large.save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    truncated = Image.open(io.BytesIO(data[: len(data) // 2]))
    closed = Image.open(tmp_path / "a.jpg")
    closed.close()
    with (tmp_path / "a.jpg").open("rb") as file:
        without_file = Image.open(file)
    for unusable in (truncated, closed, without_file, Image.new("RGB", (0, 4))):
        with pytest.raises(ImageError, match="Pillow image given"):
            read_image(unusable)


@pytest.mark.parametrize("mode", "1 L P RGB RGBA CMYK YCbCr HSV LAB I F LA PA RGBX RGBa La I;16 I;16B".split())  # noqa: SIM905
def test_pillow_images_of_every_mode(picture, mode):
    image = Image.fromarray(picture)
    gray = image.convert("L")
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    elif mode.startswith("I;16"):
        deep = (np.asarray(gray).astype(np.uint16) * 257).astype(">u2" if mode.endswith("B") else "<u2")
        image = Image.fromarray(deep)
    else:
        path = {"La": ("LA", "La"), "RGBa": ("RGBA", "RGBa"), "PA": ("P", "PA"), "F": ("L", "F"), "I": ("L", "I")}
        for step in path.get(mode, (mode,)):
            image = image.convert(step)
    assert image.mode == mode
    expected = np.asarray(gray.convert("RGB") if mode[0] in "LIF" and mode != "LAB" else picture, int)
    difference = np.abs(read_image(image).astype(int) - expected).mean()
    assert difference < {"1": 130, "P": 20, "PA": 20}.get(mode, 3)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_its_last_bytes_is_read(tmp_path, progressive):
    y, x = np.mgrid[:300, :400]
    picture = np.stack([x % 256, y % 256, (x + y) // 3 % 256], axis=2).astype(np.uint8)
    Image.fromarray(picture).save(tmp_path / "whole.jpg", progressive=progressive)
    data, whole = (tmp_path / "whole.jpg").read_bytes(), read_image(tmp_path / "whole.jpg")
    for missing in (1, 2, 12):
        (tmp_path / "cut.jpg").write_bytes(data[:-missing])
        assert np.abs(read_image(tmp_path / "cut.jpg")[:280].astype(int) - whole[:280]).max() < 8
        reduced, size = read_reduced(tmp_path / "cut.jpg", 64)
        assert size == (300, 400) and len(reduced) < 200
        read_image(Image.open(tmp_path / "cut.jpg"))
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"half\.jpg.*truncated"):
        read_image(tmp_path / "half.jpg")


def test_a_missing_part_of_a_jpeg_is_told(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: -len(data) // 20])
    with pytest.warns(DamagedImageWarning, match=r"cut\.jpg.* 5% "):
        read_image(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes(data[: -len(data) // 5])
    with pytest.raises(ImageError):
        read_image(tmp_path / "cut.jpg")


@pytest.mark.parametrize("outlier", [1e6, np.inf, np.nan, -1e6, -np.inf])
@pytest.mark.parametrize("scale", [1.0, 255.0, 8.0, 1000.0])
def test_one_hot_pixel_does_not_make_a_float_image_black(tmp_path, picture, outlier, scale):
    values = picture[..., 0].astype(np.float32) / 255
    expected = values if scale in (1, 255) else values / values.max()
    hot = values * scale
    hot[5, 7] = outlier
    Image.fromarray(hot).save(tmp_path / "hot.tiff")
    difference = np.abs(read_image(tmp_path / "hot.tiff")[..., 0] / 255 - expected)
    difference[5, 7] = 0
    assert difference.max() < 0.03
