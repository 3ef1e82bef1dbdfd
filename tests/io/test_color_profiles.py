"""Colors come out as sRGB, whatever profile an image has."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from cosod.io.images import read_image, read_reduced
from tests.io import profiles


def converted(image, profile):
    """What the library behind Pillow makes of an image under a profile."""
    source = ImageCms.getOpenProfile(io.BytesIO(profile))
    return np.asarray(ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"))


def difference(one, other):
    return np.abs(np.asarray(one, int) - other).max()


@pytest.mark.parametrize("ending", ["png", "tiff", "jpg", "webp", "avif"])
def test_display_p3_becomes_srgb(tmp_path, picture, ending):
    path, profile = tmp_path / f"a.{ending}", profiles.rgb()
    options = {} if ending in ("png", "tiff") else {"quality": 97}
    Image.fromarray(picture).save(path, icc_profile=profile, **options)
    with Image.open(path) as stored:
        stored = stored.convert("RGB")
    expected = converted(stored, profile)
    assert difference(expected, picture) > 15, "the profile changes colors"
    assert difference(read_image(path), expected) <= 1
    assert difference(read_image(Image.open(path)), expected) <= 1, "of Pillow images too"
    assert difference(read_image(path.read_bytes()), expected) <= 1


def test_reduced_images_are_converted_too(tmp_path, picture):
    large = np.repeat(np.repeat(picture, 16, 0), 16, 1)
    profile = profiles.rgb()
    Image.fromarray(large).save(tmp_path / "a.jpg", quality=95, icc_profile=profile)
    reduced, size = read_reduced(tmp_path / "a.jpg", 64)
    assert reduced.shape[0] < 400 and size == large.shape[:2]
    assert (
        difference(reduced[4::8, 4::8].mean(axis=(0, 1)), converted(Image.fromarray(large), profile).mean((0, 1))) <= 2
    )


def test_transparency_palettes_and_turned_images(tmp_path, picture):
    profile = profiles.rgb()
    expected = converted(Image.fromarray(picture), profile)
    alpha = np.full((48, 64, 1), 255, np.uint8)
    alpha[:10] = 0
    Image.fromarray(np.dstack([picture, alpha])).save(tmp_path / "alpha.png", icc_profile=profile)
    read = read_image(tmp_path / "alpha.png")
    assert (read[:10] == 255).all(), "transparent parts are white"
    assert difference(read[10:], expected[10:]) <= 1
    palette = Image.fromarray(picture).quantize(64)
    palette.save(tmp_path / "palette.png", icc_profile=profile)
    assert difference(read_image(tmp_path / "palette.png"), converted(palette.convert("RGB"), profile)) <= 1
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / "turned.png", icc_profile=profile, exif=exif)
    assert difference(read_image(tmp_path / "turned.png"), expected[::-1].swapaxes(0, 1)) <= 1


def test_gray_images(tmp_path, picture):
    gray, profile = picture[..., 0], profiles.gray(1.0)
    expected = converted(Image.fromarray(gray), profile)
    assert difference(expected, gray[..., None]) > 50
    Image.fromarray(gray).save(tmp_path / "gray.png", icc_profile=profile)
    assert difference(read_image(tmp_path / "gray.png"), expected) <= 1
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png", icc_profile=profile)
    assert difference(read_image(tmp_path / "deep.png"), expected) <= 1
    with_alpha = Image.merge("LA", [Image.fromarray(gray), Image.new("L", (64, 48), 255)])
    with_alpha.save(tmp_path / "la.png", icc_profile=profile)
    assert difference(read_image(tmp_path / "la.png"), expected) <= 1
    colors = profiles.rgb(gamma=1.0)
    Image.fromarray(gray).save(tmp_path / "other.png", icc_profile=colors)
    assert difference(read_image(tmp_path / "other.png"), converted(Image.fromarray(gray).convert("RGB"), colors)) <= 1


def test_cmyk(tmp_path, picture):
    ink, profile = Image.fromarray(picture).convert("CMYK"), profiles.cmyk()
    for ending in ("tiff", "jpg"):
        path = tmp_path / f"a.{ending}"
        ink.save(path, icc_profile=profile, **({"quality": 97} if ending == "jpg" else {}))
        with Image.open(path) as stored:
            expected = converted(stored.copy(), profile)
        assert difference(read_image(path), expected) <= 1
        assert difference(expected, picture) > 30, "the inks are others than Pillow thinks"


def test_tiff_of_16_bits_a_color(tmp_path, picture):
    profile = profiles.rgb()
    deep = picture[:, :, ::-1].astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "plain.tiff"), deep)
    with Image.open(tmp_path / "plain.tiff") as image:
        image.save(tmp_path / "deep.tiff", icc_profile=profile)
    assert difference(read_image(tmp_path / "deep.tiff"), converted(Image.fromarray(picture), profile)) <= 2


def test_profiles_that_change_nothing_or_are_of_no_use(tmp_path, picture):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile at all", profiles.rgb()[:300], profiles.cmyk(), profiles.gray(1.8)):
        Image.fromarray(picture).save(tmp_path / "a.png", icc_profile=profile)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture)
