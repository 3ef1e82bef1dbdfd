"""The light network for single images."""

import numpy as np
import pytest
import torch

from cosod.inference.detector import Detector
from cosod.models import create, load, save
from cosod.models.saliency_base import log_odds, salient
from tests.models.filled import images


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create("saliency_mobile").eval()


@torch.no_grad()
def test_shapes(network):
    output = network.saliency(images(0, 3, 64))
    assert [tuple(z.shape) for z in output.logits] == [(3, 2, side, side) for side in (16, 8, 4, 2)]
    assert len(output.weights) == 4
    assert output.features.shape == (3, 48, 16, 16)
    assert create("saliency_mobile", classes=1).eval().saliency(images(0, 1, 32)).logits[0].shape == (1, 1, 8, 8)


def test_two_classes_by_softmax():
    logits = torch.randn(2, 2, 3, 3)
    torch.testing.assert_close(salient(logits), logits.softmax(1)[:, 1:])
    torch.testing.assert_close(salient(logits[:, :1]), logits[:, :1].sigmoid())
    torch.testing.assert_close(log_odds(logits).sigmoid(), salient(logits))


@torch.no_grad()
def test_images_do_not_depend_on_each_other(network):
    group = images(0, 3, 64)
    torch.testing.assert_close(network(group).maps[1:2], network(group[1:2]).maps, atol=1e-5, rtol=0)


def test_backbone_keeps_its_statistics_in_training(network):
    before = network.backbone.features[0][1].running_mean.clone()
    decoder = network.squeeze[0][1].running_mean.clone()
    network.train().saliency(images(0, 2, 64))
    network.eval()
    assert before.equal(network.backbone.features[0][1].running_mean)
    assert not decoder.equal(network.squeeze[0][1].running_mean)


def test_every_parameter_gets_a_gradient():
    network = create("saliency_mobile").train()
    output = network.saliency(images(0, 2, 64))
    sum(z.square().mean() for z in output.logits).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_segments_photos_like_any_other_network(network, tmp_path):
    save(network, tmp_path / "a.safetensors")
    detector = Detector(load(tmp_path / "a.safetensors"), "cpu", 64)
    photos = [np.full((40, 50, 3), value, np.uint8) for value in (20, 200)]
    maps = detector.segment(photos)
    assert [m.shape for m in maps] == [(40, 50), (40, 50)]
    assert maps[0].min() >= 0 and maps[0].max() <= 1
