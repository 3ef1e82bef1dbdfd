"""The losses against what they are by hand, and their guards."""

import math

import pytest
import torch
from torch.nn import functional as F

from cosod.losses.point_losses import local_coherence, mask_loss, partial_cross_entropy, point_loss, structure_loss
from cosod.models.saliency_base import Saliency
from tests.models.filled import masks


def test_cross_entropy_at_points_by_hand():
    logits = torch.zeros(1, 2, 2, 2)
    logits[0, 1, 0, 0], logits[0, 1, 1, 1] = 2.0, -1.0
    xy = torch.tensor([[[-0.5, -0.5], [0.5, 0.5], [0.0, 0.0]]])
    labels = torch.tensor([[1, 0, -1]])
    expected = (math.log(1 + math.exp(-2)) + math.log(1 + math.exp(-1))) / 2
    assert partial_cross_entropy(logits, xy, labels).item() == pytest.approx(expected, abs=1e-6)
    assert partial_cross_entropy(logits[:, 1:], xy, labels).item() == pytest.approx(expected, abs=1e-6)


def test_mean_is_over_the_whole_batch():
    logits = torch.randn(2, 2, 4, 4)
    xy, labels = torch.rand(2, 3, 2) * 2 - 1, torch.tensor([[1, 0, 1], [0, -1, -1]])
    each = [partial_cross_entropy(logits[i : i + 1], xy[i : i + 1], labels[i : i + 1]) for i in (0, 1)]
    torch.testing.assert_close(partial_cross_entropy(logits, xy, labels), (3 * each[0] + each[1]) / 4)


def test_two_clicks_in_one_cell_both_count():
    logits = torch.zeros(1, 2, 1, 1, requires_grad=True)
    xy = torch.tensor([[[0.1, 0.1], [0.2, 0.1]]])
    partial_cross_entropy(logits, xy, torch.tensor([[1, 0]])).backward()
    assert logits.grad.abs().max() < 1e-7  # they pull in opposite directions and balance


def test_nothing_labeled_is_zero():
    logits = torch.randn(2, 2, 4, 4, requires_grad=True)
    loss = partial_cross_entropy(logits, torch.zeros(2, 3, 2), torch.full((2, 3), -1))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_structure_loss_by_hand():
    truth, logits = masks(0, 2, 40), torch.randn(2, 1, 40, 40)
    weight = 1 + 5 * (F.avg_pool2d(truth, 31, 1, 15) - truth).abs()
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    weighted = (weight * entropy).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    p = logits.sigmoid()
    both, either = (p * truth * weight).sum((1, 2, 3)), ((p + truth) * weight).sum((1, 2, 3))
    overlap = 1 - (both + 1) / (either - both + 1)
    torch.testing.assert_close(structure_loss(logits, truth), (weighted + overlap).mean())
    torch.testing.assert_close(structure_loss(logits, truth, bug_compatible=True), entropy.mean() + overlap.mean())


def test_structure_loss_of_empty_masks_is_finite():
    logits = torch.full((1, 1, 8, 8), -100.0, requires_grad=True)
    loss = structure_loss(logits, torch.zeros(1, 1, 8, 8))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-5) and logits.grad.isfinite().all()


def test_deep_supervision_weights_every_map():
    maps = tuple(torch.randn(1, 1, 8 // s, 8 // s) for s in (1, 2, 4))
    output, truth = Saliency(maps, (1.0, 0.5, 0.0), torch.zeros(1)), masks(0, 1, 8)
    big = F.interpolate(maps[1], (8, 8), mode="bilinear", align_corners=False)
    expected = structure_loss(maps[0], truth) + structure_loss(big, truth) / 2
    torch.testing.assert_close(mask_loss(output, truth), expected)
    xy, labels = torch.rand(1, 5, 2), torch.tensor([[0, 1, 1, 0, 1]])
    expected = partial_cross_entropy(maps[0], xy, labels) + partial_cross_entropy(maps[1], xy, labels) / 2
    torch.testing.assert_close(point_loss(output, xy, labels), expected)


def test_local_coherence_by_hand():
    """Two columns of two rows: with radius 1 every pair is a neighbor, and only colors tell them apart."""
    maps = torch.tensor([[[[1.0, 0.0], [0.5, 0.0]]]])
    images = torch.zeros(1, 3, 2, 2)
    images[..., 1] = 0.1  # the right column
    across = math.exp(-3 * 0.01 / (2 * 0.01) - 1 / 72)
    down = math.exp(-1 / 72)
    diagonal = math.exp(-3 * 0.01 / (2 * 0.01) - 2 / 72)
    pairs = across * (1 + 0.5) + down * (0.5 + 0) + diagonal * (1 + 0.5)
    assert local_coherence(maps, images, radius=1).item() == pytest.approx(2 * pairs / 4, rel=1e-5)


def test_local_coherence_is_against_every_neighbor():
    """As the published form: all differences within a window around each position, zero beyond the border."""
    maps, images = torch.rand(2, 1, 6, 7), torch.rand(2, 3, 24, 28) * 0.2
    small = F.adaptive_avg_pool2d(images, (6, 7))
    total = 0.0
    for y in range(6):
        for x in range(7):
            for v in range(max(0, y - 2), min(6, y + 3)):
                for u in range(max(0, x - 2), min(7, x + 3)):
                    unlike = (small[:, :, y, x] - small[:, :, v, u]).square().sum(dim=1)
                    weight = torch.exp(-unlike / 0.02 - ((y - v) ** 2 + (x - u) ** 2) / 72)
                    total += (weight * (maps[:, 0, y, x] - maps[:, 0, v, u]).abs()).sum()
    torch.testing.assert_close(local_coherence(maps, images), total / (2 * 6 * 7))
