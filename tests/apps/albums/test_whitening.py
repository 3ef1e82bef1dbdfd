"""Whitening of descriptors, and comparing them by it."""

import numpy as np
import pytest

from cosod.apps.albums.whitening import Whitening, embed, with_neighbors
from cosod.errors import WeightsError


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


def test_regularization_weakens_the_weak_components():
    rng = np.random.default_rng(0)
    world = rng.normal(size=(4000, 3)) * [4, 2, 1]
    whitening = Whitening.of(world, 3, regularization=1.0)
    spread = ((world - whitening.mean) @ whitening.projection).var(axis=0)
    variance = np.array([16, 4, 1])
    np.testing.assert_allclose(spread, variance / (variance + 7), rtol=0.05)


def test_vectors_are_averaged_with_those_of_the_most_similar_photos(monkeypatch):
    found = embed(np.random.default_rng(0).normal(size=(9, 16)), None)
    expected = []
    for row, vector in enumerate(found):
        likeness = found @ vector
        others = sorted(set(range(9)) - {row}, key=lambda other: -likeness[other])[:3]
        mean = vector + sum(max(likeness[other], 0) ** 2 * found[other] for other in others)
        expected.append(mean / np.linalg.norm(mean))
    np.testing.assert_allclose(with_neighbors(found), expected, atol=1e-6)
    monkeypatch.setattr("cosod.apps.albums.whitening.CHUNK", 4)
    np.testing.assert_allclose(with_neighbors(found), expected, atol=1e-6)


def test_photos_that_resemble_no_other_keep_their_vectors():
    for number in (0, 1, 2, 5):
        vectors = np.eye(8, dtype=np.float32)[:number]
        np.testing.assert_array_equal(with_neighbors(vectors), vectors)
