"""Alpha along the photo's edge, and colors without the background."""

import cv2
import numpy as np
import pytest

from cosod.postprocess import matting
from cosod.postprocess.matting import clean_colors, guided_coefficients, smooth_alpha
from tests.apps.made import OBJECT, scene


def reference(guide, target, radius, epsilon):
    """Equations 14 to 16 of the paper, window by window."""
    height, width = target.shape
    sums, counts = np.zeros((height, width, 4)), np.zeros((height, width, 1))
    for y in range(radius, height - radius):
        for x in range(radius, width - radius):
            window = (slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1))
            colors, values = guide[window].reshape(-1, 3).astype(float), target[window].ravel().astype(float)
            centered = colors - colors.mean(0)
            covariance = centered.T @ centered / len(values) + epsilon * np.eye(3)
            slope = np.linalg.solve(covariance, centered.T @ values / len(values))
            sums[window] += (*slope, values.mean() - slope @ colors.mean(0))
            counts[window] += 1
    coefficients = sums / np.maximum(counts, 1)
    return (coefficients[..., :3] * guide).sum(-1) + coefficients[..., 3]


def test_guided_filter_is_that_of_the_paper():
    chance = np.random.default_rng(0)
    guide = cv2.GaussianBlur(chance.random((24, 28, 3), dtype=np.float32), (0, 0), 1.5)
    target = (guide[..., 0] > 0.5).astype(np.float32)
    coefficients, wanted = guided_coefficients(guide, target, 2, 1e-3), reference(guide, target, 2, 1e-3)
    found = (coefficients[..., :3] * guide).sum(-1) + coefficients[..., 3]
    inner = (slice(6, -6), slice(6, -6))  # the border is mirrored here, left out there
    assert np.abs(found[inner] - wanted[inner]).max() < 1e-3


def test_alpha_is_soft_at_the_edge_alone_and_close_to_the_coverage():
    photo, coverage, _ = scene()
    alpha = smooth_alpha(photo, coverage > 0.5)
    partial = (alpha > 0) & (alpha < 255)
    away = cv2.distanceTransform((coverage > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    assert partial.any() and away[partial].max() < 8
    assert np.abs(alpha / 255 - coverage).mean() < 0.01


def test_an_alpha_of_several_tiles_and_reduced_coefficients_has_no_seams(monkeypatch):
    photo, coverage, _ = scene(480, 640, (320, 240), 130)
    monkeypatch.setattr(matting, "EDGE_SIDE", 256)
    whole = smooth_alpha(photo, coverage > 0.5)
    monkeypatch.setattr(matting, "TILE", 53)
    assert np.abs(smooth_alpha(photo, coverage > 0.5).astype(int) - whole).max() <= 1
    assert np.abs(whole / 255 - coverage).mean() < 0.02


@pytest.mark.parametrize("shape", [(1, 300), (64, 64), (300, 513), (130, 1)])
def test_tiles_cover_each_pixel_once_and_are_small_where_they_are_not_plain(shape):
    edge = np.zeros(shape, bool)
    edge[shape[0] // 2, shape[1] // 3] = True
    seen = np.zeros(shape, int)
    for window, plain in matting._tiles(*shape, lambda window: not edge[window].any()):
        seen[window] += 1
        assert plain == (not edge[window].any())
        assert max(seen[window].shape) <= (64 if edge[window].any() else 256)
    assert (seen == 1).all()


def test_everything_and_nothing():
    photo, _, _ = scene()
    assert (smooth_alpha(photo, np.ones(photo.shape[:2], bool)) == 255).all()
    assert not smooth_alpha(photo, np.zeros(photo.shape[:2], bool)).any()
    assert np.array_equal(clean_colors(photo, np.full(photo.shape[:2], 255, np.uint8)), photo)


def test_the_old_background_goes_from_the_edge():
    photo, coverage, _ = scene()
    alpha = (255 * coverage).round().astype(np.uint8)
    edge = (alpha > 40) & (alpha < 215)
    before = np.abs(photo[edge] - OBJECT).mean()
    after = np.abs(clean_colors(photo, alpha)[edge] - OBJECT).mean()
    assert after < before / 4
    assert np.array_equal(clean_colors(photo, alpha)[alpha == 255], photo[alpha == 255])
    assert not clean_colors(photo, alpha)[:20, :20].any()
