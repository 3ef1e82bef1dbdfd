"""Continuing colors into pixels that have none."""

import numpy as np

from cosod.postprocess.inpaint import spread


def test_known_pixels_stay_and_unknown_ones_lie_between_them():
    colors = np.zeros((9, 21, 3), np.float32)
    colors[:, :5], colors[:, -5:] = 10, 90
    weights = np.zeros((9, 21), np.float32)
    weights[:, :5] = weights[:, -5:] = 1
    filled = spread(colors, weights)
    assert np.array_equal(filled[weights == 1], colors[weights == 1])
    middle = filled[4, 5:-5, 0]
    assert middle.min() >= 10 and middle.max() <= 90 and middle[0] < 40 < 60 < middle[-1]


def test_one_known_pixel_fills_everything():
    colors, weights = np.zeros((7, 5, 3), np.float32), np.zeros((7, 5), np.float32)
    colors[6, 0], weights[6, 0] = (1, 2, 3), 1
    assert np.allclose(spread(colors, weights), (1, 2, 3), atol=1e-4)


def test_nothing_known_is_black():
    assert not spread(np.ones((4, 4, 3), np.float32), np.zeros((4, 4), np.float32)).any()
