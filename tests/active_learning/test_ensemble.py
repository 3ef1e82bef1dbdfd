"""Which moments are kept, at which rate, and what their mean is."""

import pytest
import torch

from cosod.active_learning.ensemble import Ensemble, mean_probability, members, snapshot, triangle
from cosod.errors import InputError
from cosod.models import create


def test_cycles():
    ensemble = Ensemble("cycles", 4)
    assert ensemble.moments(32) == {8, 16, 24, 32}
    rates = [ensemble.rate(step, 32) for step in range(32)]
    assert rates[0] == rates[8] == rates[24] == 1
    assert rates[4] == pytest.approx(0.5) and rates[7] < 0.05
    assert rates[:8] == sorted(rates[:8], reverse=True)


def test_last():
    assert Ensemble("last", 4).moments(320) == {290, 300, 310, 320}
    assert Ensemble("last", 1).moments(7) == {7}
    assert Ensemble("last", 4).rate(15, 32) == triangle(15, 32)


def test_triangle_by_hand():
    assert [round(triangle(e, 3), 4) for e in range(3)] == [0.5, 1.0, 0.5]
    assert max(triangle(e, 32) for e in range(32)) == pytest.approx(1 - 1 / 33)


@pytest.mark.parametrize("wrong", [{"rule": "never"}, {"size": 0}, {"size": 40}])
def test_wrong_settings(wrong):
    with pytest.raises(InputError, match="ensemble"):
        Ensemble(**wrong)


def test_mean_over_members():
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks.append(create("saliency_mobile").eval())
    states = [snapshot(network) for network in networks]
    images = torch.rand(2, 3, 32, 32)
    found = members(networks[0], states)
    assert not any(p.requires_grad or m.training for m in found for p in m.parameters())
    each = [mean_probability([member], images) for member in found]
    torch.testing.assert_close(mean_probability(found, images), (each[0] + each[1]) / 2)
    assert not each[0].allclose(each[1])
    torch.testing.assert_close(mean_probability(networks[:1], images), each[0], atol=1e-5, rtol=0)
    with torch.no_grad():
        networks[0].levels[0].bias.add_(1)  # a snapshot is a copy
    assert states[0]["levels.0.bias"].equal(found[0].levels[0].bias)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in found[0].modules())
