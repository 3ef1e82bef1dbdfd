"""From clicks to labeled points, with superpixels or without."""

import numpy as np
import pytest
import torch

from cosod.active_learning.images import load_images, load_masks
from cosod.active_learning.labels import oracle, superpixels, targets
from cosod.active_learning.points import Point, PointSet
from cosod.active_learning.pool import Pool
from cosod.errors import InputError

SIDE = 32


@pytest.fixture(scope="module")
def pool(pool_folder):
    return Pool.scan(pool_folder)


@pytest.fixture(scope="module")
def points(pool):
    """Two clicks in the first image, one in the third."""
    found = PointSet(pool.fingerprint)
    found.add("images/0.png", [Point(29, 20, 1), Point(0, 0, 0)])
    found.add("images/2.png", [Point(1, 1, 0)])
    return found


def halves():
    """Superpixels: the left and the right half of every image."""
    regions = np.zeros((4, SIDE, SIDE), np.int16)
    regions[:, :, SIDE // 2 :] = 1
    return regions


def test_oracle_says_what_the_masks_say(pool):
    answers = oracle({"images/0.png": [(29, 20), (0, 0)], "images/1.png": [(30, 23)]}, pool)
    assert answers.points("images/0.png") == [Point(29, 20, 1), Point(0, 0, 0)]
    assert answers.points("images/1.png") == [Point(30, 23, 0)]  # has no foreground
    with pytest.raises(InputError, match="outside"):
        oracle({"images/0.png": [(64, 0)]}, pool)


def test_points_as_they_are(pool, points):
    found = targets(points, pool)
    assert found.labels.tolist() == [[1, 0], [-1, -1], [0, -1], [-1, -1]]
    assert found.clicks.equal(found.labels >= 0)
    torch.testing.assert_close(found.xy[0, 0], torch.tensor([29.5 / 32 - 1, 20.5 / 20 - 1]))
    assert found.share == pytest.approx((2 / (40 * 64) + 1 / (52 * 56)) / 4)


def test_superpixels_take_the_label_of_their_click(pool, points):
    found = targets(points, pool, "superpixels", halves())
    assert found.clicks.sum() == 3
    known = found.labels[2] >= 0
    assert known.sum() == 1 + SIDE * SIDE // 2 and not found.labels[2][known].any()
    assert found.xy[2][known][:, 0].max() < 0  # the left half
    # Two clicks in one superpixel: each pixel goes with the nearer one.
    first = found.labels[0] >= 0
    near = ((found.xy[0][first] - found.xy[0, 0]) ** 2).sum(1) < ((found.xy[0][first] - found.xy[0, 1]) ** 2).sum(1)
    assert found.labels[0][first].bool().equal(near)
    assert found.share == pytest.approx(2 * 0.5 / 4)


def test_gt_in_region_reads_the_mask(pool, points):
    masks = load_masks(pool, SIDE)
    found = targets(points, pool, "gt_in_region", halves(), masks)
    labels = found.labels[0][2 : 2 + SIDE * SIDE // 2].reshape(SIDE, SIDE // 2)
    assert labels.bool().equal(masks[0, :, : SIDE // 2] >= 128)


def test_slic(pool):
    pytest.importorskip("skimage")
    image = load_images(pool, 64)[0].numpy()
    regions = superpixels(image, 50)
    assert regions.shape == (64, 64) and 5 < regions.max() + 1 < 100
    again = superpixels(image, 50)
    np.testing.assert_array_equal(regions, again)


def test_without_any_click(pool):
    assert (targets(PointSet(), pool).labels == -1).all()


def test_unknown_mode(pool, points):
    with pytest.raises(InputError, match="label mode"):
        targets(points, pool, "boxes")


def test_a_mode_without_what_it_needs(pool, points):
    with pytest.raises(InputError, match="give regions"):
        targets(points, pool, "superpixels")
    with pytest.raises(InputError, match="give masks"):
        targets(points, pool, "gt_in_region", halves())
