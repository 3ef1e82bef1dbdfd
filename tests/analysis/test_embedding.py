import sys

import numpy as np
import pytest

from cosod.analysis import embedding
from cosod.errors import ExtraError

VECTORS = np.repeat(np.eye(3, 8), 6, axis=0) + np.random.default_rng(0).normal(size=(18, 8)) * 0.05


@pytest.mark.parametrize("points", [3, 4, 10, 100, 5000])
def test_perplexity_is_below_the_number_of_points(points):
    assert 1 <= embedding.perplexity(points) < points
    assert embedding.perplexity(points) <= 30


def test_clusters_stay_together_and_the_seed_is_fixed():
    points = embedding.place(VECTORS)
    np.testing.assert_array_equal(points, embedding.place(VECTORS))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(axis=1) // 6 == np.arange(18) // 6).all()


def test_nothing_to_place():
    assert embedding.place(VECTORS[:2]) is None
    assert embedding.place(np.ones((5, 4))) is None
    assert embedding.place(VECTORS[:3]).shape == (3, 2)


def test_of_many_a_part_is_placed(monkeypatch):
    monkeypatch.setattr(embedding, "MOST", 9)
    placed = np.isfinite(embedding.place(VECTORS)).all(axis=1)
    assert placed.sum() == 9 and placed[0] and placed[-1]


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ExtraError, match=r"cosod\[inspect\]"):
        embedding.check()
