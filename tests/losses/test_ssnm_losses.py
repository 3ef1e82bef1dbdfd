"""The losses of SSNM."""

import math

import pytest
import torch

from cosod.errors import InputError
from cosod.losses import SSNMWeights, category_loss, smooth_l1_loss, ssnm_loss, weighted_bce_loss
from cosod.models.base import Output

MAPS = torch.tensor([0.5, 0.25, 0.9, 0.5]).view(1, 1, 2, 2)
MASKS = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 2, 2)


def test_weights_are_the_shares_in_the_whole_batch():
    background = -(math.log(0.75) + math.log(0.1) + math.log(0.5))
    found = weighted_bce_loss(MAPS, MASKS)
    assert found == pytest.approx((0.25 * math.log(2) + 0.75 * background) / 4, rel=1e-5)
    balanced = weighted_bce_loss(MAPS, MASKS, balanced=True)
    assert balanced == pytest.approx((0.75 * math.log(2) + 0.25 * background) / 4, rel=1e-5)
    # An empty image changes the share of all.
    two = weighted_bce_loss(torch.cat([MAPS, MAPS]), torch.cat([MASKS, torch.zeros_like(MASKS)]))
    assert two != pytest.approx(float((found + weighted_bce_loss(MAPS, torch.zeros_like(MASKS))) / 2))


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("mask", [0.0, 1.0])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_saturated_maps_and_empty_masks_stay_finite(mask, value, balanced):
    maps = torch.full((2, 1, 3, 3), value, requires_grad=True)
    masks = torch.full((2, 1, 3, 3), mask)
    loss = weighted_bce_loss(maps, masks, balanced) + smooth_l1_loss(maps, masks)
    loss.backward()
    assert loss.isfinite() and maps.grad.isfinite().all()


def test_half_precision_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        found = weighted_bce_loss(MAPS.bfloat16(), MASKS)
    assert found == pytest.approx(float(weighted_bce_loss(MAPS, MASKS)), rel=0.02)


def test_categories_by_index_or_by_all_that_a_group_shares():
    scores = torch.tensor([[0.0, 2.0, -1.0], [1.0, 0.0, 0.0]])
    labels = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    p = scores.sigmoid()
    expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
    assert category_loss(scores, labels) == pytest.approx(float(expected))
    assert category_loss(scores[:1], torch.tensor([1])) == pytest.approx(float(category_loss(scores[:1], labels[:1])))
    with pytest.raises(InputError, match=r"labels \(2, 2\) do not fit the scores \(2, 3\)"):
        category_loss(scores, labels[:, :2])


def test_smooth_l1():
    assert smooth_l1_loss(MAPS, MASKS) == pytest.approx((0.25 + 0.0625 + 0.81 + 0.25) / 8)


def test_total():
    output = Output(maps=MAPS, classes=torch.tensor([[1.0, -1.0]]))
    labels = torch.tensor([0])
    terms = ssnm_loss(output, MASKS, labels)
    assert set(terms) == {"bce", "smooth", "classification", "total"}
    assert terms["total"] == pytest.approx(float(terms["bce"] + terms["smooth"] + terms["classification"]))
    other = ssnm_loss(output, MASKS, labels, SSNMWeights(bce=2.0, smooth=0.0, classification=0.5, balanced=True))
    expected = 2 * weighted_bce_loss(MAPS, MASKS, balanced=True) + 0.5 * terms["classification"]
    assert other["total"] == pytest.approx(float(expected))
    assert set(ssnm_loss(Output(maps=MAPS), MASKS, labels)) == {"bce", "smooth", "total"}
