"""Each loss against a value worked out by hand or by a plain loop."""

import math

import pytest
import torch
from torch.nn import functional as F

from cosod import losses
from cosod.errors import InputError
from cosod.losses import GCoNetPlusWeights, MapWeights
from cosod.models.base import Output


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(3, 1, 12, 10, generator=generator)
    masks = (torch.rand(3, 1, 12, 10, generator=generator) > 0.6).float()
    return maps, masks


def test_iou_is_summed_over_images(pair):
    maps, masks = pair
    expected = 0.0
    for p, g in zip(maps, masks, strict=True):
        expected += 1 - (p * g).sum() / (p.sum() + g.sum() - (p * g).sum())
    assert losses.iou_loss(maps, masks) == pytest.approx(float(expected))
    assert losses.iou_loss(masks, masks) == 0
    assert losses.iou_loss(1 - masks, masks) == 3


def test_iou_of_nothing_and_nothing():
    empty = torch.zeros(2, 1, 4, 4, requires_grad=True)
    loss = losses.iou_loss(empty, torch.zeros(2, 1, 4, 4))
    assert loss == 0
    loss.backward()
    assert empty.grad.isfinite().all()


def test_bce_mse_and_binary():
    maps = torch.tensor([0.5, 0.25]).view(1, 1, 1, 2)
    masks = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    assert losses.bce_loss(maps, masks) == pytest.approx(-(math.log(0.5) + math.log(0.75)) / 2)
    assert losses.mse_loss(maps, masks) == pytest.approx((0.25 + 0.0625) / 2)
    assert losses.binary_loss(maps) == pytest.approx((0.5 + 1 - 0.0625 - 0.5625) / 2)
    assert losses.binary_loss(masks) == 0
    assert losses.bce_loss(1 - masks, masks) == 100


def test_bce_of_half_precision_maps_under_autocast():
    maps = torch.full((1, 1, 2, 2), 0.5, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        assert losses.bce_loss(maps, torch.ones(1, 1, 2, 2)) == pytest.approx(math.log(2))


def test_ssim(pair):
    maps, masks = pair
    assert losses.ssim_loss(masks, masks) == pytest.approx(0, abs=1e-5)
    line = torch.tensor([math.exp(-((i - 5) ** 2) / 4.5) for i in range(11)])
    kernel = torch.outer(line, line) / line.sum() ** 2

    def average(x, row, column):
        padded = F.pad(x[0, 0], (5, 5, 5, 5))
        return float((padded[row : row + 11, column : column + 11] * kernel).sum())

    a, b = maps[:1], masks[:1]
    values = []
    for row in range(12):
        for column in range(10):
            ma, mb = average(a, row, column), average(b, row, column)
            va, vb = average(a * a, row, column) - ma**2, average(b * b, row, column) - mb**2
            cov = average(a * b, row, column) - ma * mb
            values.append((2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4)))
    assert losses.ssim_loss(a, b) == pytest.approx(1 - sum(values) / len(values), abs=1e-5)


def test_scale_consistency(pair):
    maps, masks = pair
    same = F.interpolate(maps, size=(6, 5), mode="bilinear", align_corners=True)
    assert losses.scale_consistency_loss(same, maps) == pytest.approx(0, abs=1e-6)
    assert 0.1 < losses.scale_consistency_loss(1 - masks, masks) <= 1


def test_smooth_masks():
    smoothed = losses.smooth_masks(torch.tensor([0.0, 1.0]), 0.1)
    torch.testing.assert_close(smoothed, torch.tensor([0.05, 0.95]))


def test_focal():
    logits = torch.tensor([0.0, math.log(3)])
    targets = torch.tensor([1.0, 0.0])
    expected = (0.25 * math.log(2) + 0.75**2 * math.log(4)) / 2
    assert losses.focal_loss(logits, targets) == pytest.approx(expected)
    assert losses.focal_loss(logits, targets, gamma=0) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_classification_with_smoothing():
    scores = torch.tensor([[2.0, 0.0, -1.0]])
    logs = scores.log_softmax(1)[0]
    plain = losses.classification_loss(scores, torch.tensor([1]))
    assert plain == pytest.approx(-float(logs[1]))
    smooth = losses.classification_loss(scores, torch.tensor([1]), smoothing=0.3)
    assert smooth == pytest.approx(-float(0.7 * logs[1] + 0.3 * logs.mean()))


def test_symmetric_triplet():
    a = torch.tensor([[0.0, 0.0], [9.0, 9.0], [3.0, 4.0]])  # the middle of three is left out
    b = torch.tensor([[0.0, 1.0], [9.0, 9.0], [0.0, 3.0]])
    # A1-A2 5, A1-B1 1, B1-B2 2
    found = losses.symmetric_triplet_loss(torch.cat([a, b]), margin=0.1)
    assert found == pytest.approx((5 - 1 + 0.1) + (2 - 1 + 0.1), abs=1e-4)
    with pytest.raises(InputError, match="two images or more"):
        losses.symmetric_triplet_loss(torch.zeros(2, 4))


def test_semi_hard_triplet():
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(7, 3, generator=generator)
    classes = torch.tensor([0, 0, 0, 1, 1, 2, 2])
    total, pairs = 0.0, 0
    for i in range(7):
        negatives = [float((features[i] - features[k]).square().sum()) for k in range(7) if classes[k] != classes[i]]
        for j in range(7):
            if j == i or classes[j] != classes[i]:
                continue
            d = float((features[i] - features[j]).square().sum())
            farther = [n for n in negatives if n > d]
            total += max(0.0, 0.1 + d - (min(farther) if farther else max(negatives)))
            pairs += 1
    assert losses.semi_hard_triplet_loss(features, classes) == pytest.approx(total / pairs, rel=1e-5)
    assert losses.semi_hard_triplet_loss(features[:2], torch.tensor([0, 1])) == 0


def test_adversarial():
    judged = torch.tensor([[0.0], [2.0]])
    assert losses.adversarial_loss(judged, real=True) == pytest.approx((math.log(2) + math.log1p(math.exp(-2))) / 2)
    assert losses.adversarial_loss(judged, real=False) == pytest.approx((math.log(2) + math.log1p(math.exp(2))) / 2)


@pytest.fixture
def output(pair):
    generator = torch.Generator().manual_seed(2)
    maps = torch.rand(4, 1, 6, 6, generator=generator)
    return Output(
        maps=maps,
        sides=(1 - maps, maps),
        classes=torch.randn(4, 3, generator=generator),
        masked_classes=torch.randn(4, 3, generator=generator),
        contrast=torch.randn(8, 1, 6, 6, generator=generator),
        deep=torch.randn(4, 5, 2, 2, generator=generator),
        masked_deep=torch.randn(4, 5, 2, 2, generator=generator),
    )


MASKS = (torch.arange(144).view(4, 1, 6, 6) % 3 == 0).float()
CLASSES = torch.tensor([1, 1, 0, 0])


def test_gconet_total(output):
    terms = losses.gconet_loss(output, MASKS, CLASSES)
    assert set(terms) == {"iou", "contrast", "classification", "total"}
    assert terms["iou"] == pytest.approx(float(sum(losses.iou_loss(side, MASKS) for side in output.sides)))
    expected = terms["iou"] + 250 * terms["contrast"] + 3 * terms["classification"]
    assert terms["total"] == pytest.approx(float(expected))


def test_gconet_plus_total(output):
    terms = losses.gconet_plus_loss(output, MASKS, CLASSES)
    factors = {"bce": 120, "iou": 2, "triplet": 12, "classification": 3, "masked_classification": 10, "contrast": 250}
    assert set(terms) == {*factors, "total"}
    assert terms["total"] == pytest.approx(float(sum(f * terms[name] for name, f in factors.items())))
    assert terms["triplet"] == losses.symmetric_triplet_loss(output.deep.mean(dim=(2, 3)))


def test_gconet_plus_options(output):
    every = MapWeights(bce=1, iou=1, ssim=1, mse=1, binary=1)
    weights = GCoNetPlusWeights(last=every, others=every, triplet_on="both", triplet_kind="semi_hard", smoothing=0.1)
    terms = losses.gconet_plus_loss(output, MASKS, CLASSES, weights)
    assert {"side0_bce", "side0_iou", "side0_ssim", "side0_mse", "side0_binary", "ssim", "mse", "binary"} <= set(terms)
    smoothed = losses.smooth_masks(MASKS, 0.1)
    expected = 0.5 * (losses.bce_loss(output.maps, MASKS) + losses.bce_loss(output.maps, smoothed))
    assert terms["bce"] == pytest.approx(float(expected))
    both = [losses.semi_hard_triplet_loss(f.mean(dim=(2, 3)), CLASSES) for f in (output.deep, output.masked_deep)]
    assert terms["triplet"] == pytest.approx(float(sum(both)) / 2)
    masked = losses.gconet_plus_loss(output, MASKS, CLASSES, GCoNetPlusWeights(triplet_on="masked"))
    assert masked["triplet"] == losses.symmetric_triplet_loss(output.masked_deep.mean(dim=(2, 3)))


def test_gconet_plus_without_training_heads(output):
    bare = output._replace(classes=None, masked_classes=None, contrast=None, deep=None, masked_deep=None)
    assert set(losses.gconet_plus_loss(bare, MASKS, CLASSES)) == {"bce", "iou", "total"}


def test_gconet_plus_without_any_term_is_a_zero_tensor(output):
    bare = output._replace(classes=None, masked_classes=None, contrast=None, deep=None, masked_deep=None)
    terms = losses.gconet_plus_loss(bare, MASKS, CLASSES, GCoNetPlusWeights(last=MapWeights(0, 0), others=MapWeights()))
    assert set(terms) == {"total"} and torch.equal(terms["total"], torch.tensor(0.0))


def test_wrong_options():
    with pytest.raises(InputError, match="choose deep, masked or both"):
        GCoNetPlusWeights(triplet_on="image")
    with pytest.raises(InputError, match="choose symmetric or semi_hard"):
        GCoNetPlusWeights(triplet_kind="hard")
