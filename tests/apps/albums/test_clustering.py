"""Clustering of vectors whose albums are known."""

import numpy as np
import pytest

from cosod.apps.albums.clustering import Grouping, cluster, distinctness
from cosod.errors import InputError


def vectors(sizes, outliers=0, noise=0.02, dimensions=64, seed=0):
    """Unit vectors around one center an album, then outliers; and the album of each."""
    rng = np.random.default_rng(seed)
    centers = np.linalg.qr(rng.normal(size=(dimensions, len(sizes) + outliers)))[0].T
    labels = np.repeat(np.arange(len(centers)), [*sizes, *[1] * outliers])
    found = centers[labels] + noise * rng.normal(size=(len(labels), dimensions))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("sizes", [(9, 6, 4), (5, 3), (40, 30, 20, 10, 5)])
def test_albums_are_found_largest_first_and_outliers_left_over(sizes):
    found, truth = vectors(sizes, outliers=3)
    labels = cluster(found)
    np.testing.assert_array_equal(labels, np.where(truth < len(sizes), truth, -1))


def test_three_photos_of_three_worlds_are_three_leftovers():
    np.testing.assert_array_equal(cluster(vectors((), outliers=3)[0]), [-1, -1, -1])


def test_one_world_is_one_album():
    assert set(cluster(vectors((12,))[0])) == {0}


def test_no_photos_and_one_photo():
    assert cluster(np.zeros((0, 8), np.float32)).shape == (0,)
    np.testing.assert_array_equal(cluster(np.eye(1, 8, dtype=np.float32)), [-1])


def test_smallest_makes_leftovers_of_small_albums():
    labels = cluster(vectors((6, 3))[0], Grouping(smallest=4))
    np.testing.assert_array_equal(labels, [0] * 6 + [-1] * 3)


def test_the_order_of_the_photos_changes_no_album():
    found, _ = vectors((8, 5, 4), outliers=2)
    order = np.random.default_rng(1).permutation(len(found))
    labels, moved = cluster(found), cluster(found[order])
    np.testing.assert_array_equal((labels[:, None] == labels)[order][:, order], moved[:, None] == moved)


def test_more_photos_than_are_clustered_join_the_nearest_album():
    found, truth = vectors((60, 45, 30), outliers=4)
    shuffled = np.random.default_rng(2).permutation(len(found))
    labels = cluster(found[shuffled], most=50)
    np.testing.assert_array_equal(labels, np.where(truth < 3, truth, -1)[shuffled])


def test_distinctness_is_the_silhouette():
    from sklearn.metrics import silhouette_score

    found, truth = vectors((7, 5, 4), outliers=1, noise=0.2)
    assert distinctness(found, truth) == pytest.approx(silhouette_score(found, truth, metric="cosine"), abs=1e-5)
    assert distinctness(found, np.zeros(len(found), int)) == 0


def test_options_out_of_range():
    for options in ({"smallest": 1}, {"nearest": 0.95}, {"farthest": 3.0}):
        with pytest.raises(InputError):
            Grouping(**options)
