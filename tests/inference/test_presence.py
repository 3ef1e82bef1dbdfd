"""Presence and outliers, on made-up features."""

import pytest
import torch

from cosod import models
from cosod.errors import WeightsError
from cosod.inference.presence import Calibration, count, group_presence, pooled, resemblance, similarity, where_like
from cosod.models.checkpoints import safetensors_file

CALIBRATION = Calibration(slope=20.0, offset=-16.0, few=0.5)


def group(own, outliers, channels=64, side=10):
    """Vectors of ``own`` images with an object of one kind, and of others with one of a kind of its own in each."""
    generator = torch.Generator().manual_seed(own + 100 * outliers)
    deep = 0.2 * torch.rand(own + outliers, channels, side, side, generator=generator)
    kinds = 2.0 * (torch.rand(1 + outliers, channels, generator=generator) < 0.2)
    for i in range(len(deep)):
        deep[i, :, 2:6, 3:7] += kinds[max(0, i - own + 1)][:, None, None]
    attention = torch.zeros(len(deep), 1, side, side)
    attention[:, :, 2:6, 3:7] = 1 / 16
    return pooled(deep, attention)


def test_outliers_are_told_from_the_group():
    vectors = group(6, 4)
    presence = group_presence(CALIBRATION, vectors)
    assert presence[:6].min() > presence[6:].max()
    assert presence[:6].min() > 0.5 > presence[6:].max()


def test_the_second_round_helps():
    vectors = group(5, 5)
    first = CALIBRATION.presence(*resemblance(vectors, torch.ones(10)))
    second = group_presence(CALIBRATION, vectors)
    assert second[:5].mean() - second[5:].mean() > first[:5].mean() - first[5:].mean()


def test_nothing_in_common_is_no_error():
    vectors = group(1, 2)
    assert group_presence(CALIBRATION, vectors).isfinite().all()
    assert group_presence(CALIBRATION, torch.zeros(3, 8)).isfinite().all()


def test_similarity_sees_a_small_object():
    deep = torch.zeros(2, 4, 10, 10)
    deep[:, 0] = 1.0
    deep[1, :, 4:6, 4:7] = torch.tensor([0.0, 1.0, 0.0, 0.0])[:, None, None]
    prototype = torch.tensor([0.0, 3.0, 0.0, 0.0])
    alike = similarity(deep, prototype)
    assert alike[0] == 0 and alike[1] > 0.99
    where = where_like(deep, prototype)
    assert where.shape == (2, 1, 10, 10) and torch.allclose(where.sum(dim=(1, 2, 3)), torch.ones(2))
    assert where[1, 0, 5, 5] > 1000 * where[1, 0, 0, 0]


def test_an_image_does_not_speak_for_itself():
    vectors = group(2, 0)
    alike, others = resemblance(vectors, torch.ones(2))
    assert alike[0] == pytest.approx(float(torch.cosine_similarity(vectors[0], vectors[1], dim=0)), abs=1e-6)
    assert others.tolist() == [1.0, 1.0]
    assert count(torch.tensor([1.0, 1.0, 0.0])) == pytest.approx(2.0)


def test_calibration_lives_in_the_weights_file(tmp_path):
    path = tmp_path / "light.safetensors"
    network = models.create("gconet_plus_mobile").eval()
    models.save(network, path, {"steps": 3})
    assert Calibration.read(models.load(path).extra) is None
    safetensors_file.annotate(path, presence=CALIBRATION.as_dict())
    loaded = models.load(path)
    assert Calibration.read(loaded.extra) == CALIBRATION and loaded.extra["steps"] == 3
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name
    safetensors_file.annotate(path, presence={"slope": 1.0})
    with pytest.raises(WeightsError, match="presence"):
        Calibration.read(models.load(path).extra)


def test_weighted_consensus_of_a_network_is_the_consensus_of_the_images_that_count():
    torch.manual_seed(0)
    network = models.create("gconet_plus_mobile").eval()
    deep = torch.rand(4, network.matching.channels, 6, 6)
    features = models.base.Features((), deep, (192, 192))
    attention = torch.full((4, 1, 6, 6), 1 / 36)
    weighted = network.gather(features, attention, torch.tensor([1.0, 1.0, 0.0, 0.0])).vector
    two = network.gather(features._replace(deep=deep[:2]), attention[:2], torch.ones(2)).vector
    torch.testing.assert_close(weighted, two, atol=1e-4, rtol=1e-3)
    own = network.consensus(features)
    torch.testing.assert_close(network.gather(features, own.attention).vector, own.vector)
