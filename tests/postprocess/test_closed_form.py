"""Closed-form matting against the equations, and on composites whose alpha is known."""

import cv2
import numpy as np
import pytest

from cosod.apps.cutout.cutout import CutoutOptions, cut_mask, cut_out
from cosod.postprocess import closed_form, matting
from cosod.postprocess.closed_form import closed_form_alpha, color_estimate

RED, GREEN = np.array((200, 30, 30), np.float32), np.array((40, 160, 50), np.float32)


def composite(height=240, width=320, blur=0.0, noise=0.0):
    """Photo of a red object with lobes and a hole on green, its alpha, and a map as coarse as a network's."""
    fine = 4
    angles = np.linspace(0, 2 * np.pi, 600, endpoint=False)
    radii = height * (0.3 + 0.05 * np.sin(5 * angles))
    points = np.stack([width / 2 + radii * np.cos(angles), height / 2 + radii * np.sin(angles)], 1)
    drawn = np.zeros((height * fine, width * fine), np.uint8)
    cv2.fillPoly(drawn, [(points * fine).round().astype(np.int32)], 255)
    cv2.circle(drawn, (width * fine // 2, height * fine // 2), height * fine // 9, 0, -1)
    alpha = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if blur:
        alpha = cv2.GaussianBlur(alpha, (0, 0), blur)
    photo = RED * alpha[..., None] + GREEN * (1 - alpha[..., None])
    photo += np.random.default_rng(0).normal(0, noise, photo.shape)
    small = cv2.resize(alpha, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    saliency = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).clip(0, 1)
    return photo.clip(0, 255).round().astype(np.uint8), alpha, saliency


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize("blur", [0.0, 1.5])
@pytest.mark.parametrize("method", ["grabcut", "threshold"])
def test_no_green_stays_at_the_edge_of_red(method, blur, noise):
    photo, alpha, saliency = composite(blur=blur, noise=noise)
    result = cut_out(photo, saliency, CutoutOptions(method))
    found = result[..., 3] / np.float32(255)
    edge = (alpha > 0.02) & (alpha < 0.98)
    assert np.abs(found - alpha)[edge].mean() < 0.08
    visible = edge & (found > 0.1)
    assert np.abs(result[..., 1][visible] - RED[1]).mean() < 8, "20 and more before"
    assert np.percentile(result[..., 1][visible], 98) < 60
    shown = cut_out(photo, saliency, CutoutOptions(method, background=(255, 255, 255)))
    wanted = RED * alpha[..., None] + 255 * (1 - alpha[..., None])
    assert np.abs(shown - wanted)[edge].mean() < 16


@pytest.mark.parametrize("blur", [0.0, 1.5])
def test_photos_larger_than_what_is_solved_at(monkeypatch, blur):
    photo, alpha, saliency = composite(480, 640, blur)
    monkeypatch.setattr(matting, "EDGE_SIDE", 200)
    found = cut_out(photo, saliency)[..., 3] / np.float32(255)
    edge = (alpha > 0.02) & (alpha < 0.98)
    assert np.abs(found - alpha)[edge].mean() < 0.08


def test_the_system_is_that_of_the_paper():
    chance = np.random.default_rng(0)
    image = chance.random((9, 11, 3), dtype=np.float32)
    unknown = np.zeros((9, 11), bool)
    unknown[2:7, 3:8] = True
    laplacian = np.zeros((99, 99))
    for y in range(1, 8):
        for x in range(1, 10):
            window = [(y + dy) * 11 + x + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            colors = image.reshape(-1, 3)[window].astype(float)
            centered = colors - colors.mean(0)
            covariance = centered.T @ centered / 9 + closed_form.EPSILON / 9 * np.eye(3)
            alike = centered @ np.linalg.solve(covariance, centered.T)
            laplacian[np.ix_(window, window)] += np.eye(9) - (1 + alike) / 9
    known = chance.random((9, 11), dtype=np.float32)
    target, weight = chance.random(25, dtype=np.float32), np.full(25, 0.5, np.float32)
    band = unknown.ravel()
    matrix = laplacian[np.ix_(band, band)] + 0.5 * np.eye(25)
    wanted = np.linalg.solve(matrix, 0.5 * target - laplacian[np.ix_(band, ~band)] @ known.ravel()[~band])
    found = closed_form._Band(image, unknown).solve(known, target, weight)
    assert np.abs(found - wanted.clip(0, 1)).max() < 5e-3


def test_colors_that_are_alike_are_not_trusted():
    photo, alpha, _ = composite()
    image, mask = photo / np.float32(255), alpha > 0.5
    band = matting._edge(mask, 3)
    estimate, trust = color_estimate(image, mask, band)
    assert np.abs(estimate - alpha)[band].mean() < 0.02 and trust[band].mean() > 0.8
    _, trust = color_estimate(np.full_like(image, 0.5), mask, band)
    assert trust.max() < 0.01
    same = closed_form_alpha(np.full_like(image, 0.5), mask, band)
    assert ((same > 0.5) == mask).mean() > 0.99, "the mask decides where colors cannot"


@pytest.mark.parametrize("fill", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (7, 3)])
def test_images_without_a_window(shape, fill):
    image = np.random.default_rng(0).random((*shape, 3), dtype=np.float32)
    mask = np.full(shape, fill)
    for unknown in (np.zeros(shape, bool), np.ones(shape, bool)):
        alpha = closed_form_alpha(image, mask, unknown)
        assert alpha.shape == shape and ((alpha > 0.5) == fill).all()


def test_masks_with_a_moved_outline_and_cut_outs_show_the_same_object():
    photo, _, saliency = composite()
    shown = cut_out(photo, saliency)[..., 3] > 127
    assert np.array_equal(cut_mask(photo, saliency), shown)
    plain = saliency > 0.5
    assert (shown & plain).sum() / (shown | plain).sum() > 0.93
