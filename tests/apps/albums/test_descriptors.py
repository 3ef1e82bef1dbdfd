"""Descriptors of images, and their whitening."""

import numpy as np
import pytest

from cosod.apps.albums.descriptors import Whitening, describe, embed, whitening_of
from cosod.errors import ImageError, WeightsError
from cosod.inference.functions import load


@pytest.fixture(scope="module")
def detector():
    return load(device="cpu", size=64)


def pictures(n):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + 10 * i, 60, 3), dtype=np.uint8) for i in range(n)]


def test_descriptors_do_not_depend_on_batches_and_leave_no_hook(detector):
    images = pictures(3)
    indices, together = describe(detector, images)
    assert indices == [0, 1, 2] and together.shape == (3, 320) and together.dtype == np.float32
    for row, image in enumerate(images):
        np.testing.assert_allclose(describe(detector, [image])[1][0], together[row], atol=1e-3)
    assert not detector.network.backbone._forward_hooks


def test_unreadable_images_are_left_out_or_raised(detector, tmp_path):
    (tmp_path / "bad.jpg").write_text("no image")
    images = [*pictures(1), tmp_path / "bad.jpg"]
    errors = []
    assert describe(detector, images, lambda i, e: errors.append(i))[0] == [0] and errors == [1]
    with pytest.raises(ImageError):
        describe(detector, images)


def test_background_whitens_and_survives_a_file(tmp_path):
    rng = np.random.default_rng(0)
    world = rng.normal(size=(400, 12)) * np.linspace(1, 9, 12) + 5
    whitening = Whitening.of(world.astype(np.float32), 8, "abc")
    white = (world - whitening.mean) @ whitening.projection
    np.testing.assert_allclose(np.cov(white.T), np.eye(8), atol=0.02)
    whitening.save(tmp_path / "b.safetensors")
    again = Whitening.load(tmp_path / "b.safetensors")
    assert again.weights == "abc"
    np.testing.assert_allclose(embed(world, again), embed(world, whitening), atol=5e-3)
    np.testing.assert_allclose(np.linalg.norm(embed(world, None), axis=1), 1, rtol=1e-5)
    (tmp_path / "b.safetensors").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="damaged"):
        Whitening.load(tmp_path / "b.safetensors")


def test_the_package_has_a_background_for_its_default_network(detector):
    assert len(whitening_of(detector.network).mean) == describe(detector, pictures(1))[1].shape[1]
