"""The attack stays within its radius, changes answers where they are near a boundary, and leaves no trace."""

import numpy as np
import pytest
import torch
from torch import nn

from cosod.active_learning.attack import Attack, attacked
from cosod.active_learning.ensemble import mean_probability
from cosod.errors import InputError
from cosod.models.base import Features
from cosod.models.saliency_base import Saliency, SaliencyNetwork

PUBLISHED = Attack(alpha=0.01)


class Brightness(SaliencyNetwork):
    """Says that what is brighter than 0.5 is salient; its answer has a boundary where the images cross 0.5."""

    mean = (0.5, 0.5, 0.5)
    std = (1.0, 1.0, 1.0)

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.constant_(self.head.weight, 3.0)

    def encode(self, images):
        return Features((), self.norm(images), tuple(images.shape[-2:]))

    def heads(self, features):
        return Saliency((self.head(features.deep),), (1.0,), features.deep)


@pytest.fixture
def network():
    return Brightness().eval()


@pytest.fixture
def images():
    """From dark on the left to bright on the right, in two steepnesses."""
    ramp = torch.linspace(0.02, 0.98, 64).expand(1, 3, 8, 64)
    return torch.cat([ramp, 0.25 + ramp / 2])


def test_network_and_statistics_are_untouched(network, images):
    network.train()
    network.norm.bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    wanted = [p.requires_grad for p in network.parameters()]
    attacked(network, images, Attack(steps=2))
    assert all(tensor.equal(before[name]) for name, tensor in network.state_dict().items())
    assert network.training and wanted == [p.requires_grad for p in network.parameters()]
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize(
    ("settings", "radius"),
    [
        (Attack(), 0.0025),
        (PUBLISHED, 0.05),
        (Attack(eps=0.02, alpha=0.01), 0.02),
        (Attack(eps=0.03, alpha=0.01, random_start=True), 0.03),
    ],
)
def test_radius(network, images, settings, radius):
    changed = attacked(network, images, settings, generator=torch.Generator().manual_seed(0))
    assert 0 < (changed - images).abs().max() <= radius + 1e-6
    assert changed.min() >= 0 and changed.max() <= 1


def test_no_steps_is_no_attack(network, images):
    assert attacked(network, images, Attack(steps=0)) is images


def test_an_image_is_attacked_by_itself(network, images):
    together, alone = attacked(network, images, Attack()), attacked(network, images[1:], Attack())
    torch.testing.assert_close(together[1:], alone)


def test_answers_change_near_the_boundary_more_than_elsewhere(network, images):
    clean = mean_probability([network], images)
    changed = mean_probability([network], attacked(network, images, PUBLISHED))
    flipped = (clean > 0.5) != (changed > 0.5)
    near = (images.mean(dim=1, keepdim=True) - 0.5).abs() < 0.049
    assert flipped[near].all() and near.any()
    assert flipped[~near].float().mean() < 0.05


def test_clicks_take_the_place_of_the_answer(network, images):
    """Where a click says the answer is wrong, raising the loss makes the answer surer of what it is."""
    place = np.array([[0.9, 0.0]], np.float32)
    plain = attacked(network, images, PUBLISHED)
    right = attacked(network, images, PUBLISHED, known=[(place, np.array([1]))])
    wrong = attacked(network, images, PUBLISHED, known=[(place, np.array([0]))])
    torch.testing.assert_close(right, plain)
    (changed,) = (wrong - plain)[0].abs().amax(dim=0).nonzero().unique(dim=0)
    row, column = changed.tolist()
    assert column == int(1.9 / 2 * 64) and row == 4
    assert (wrong - images)[0, :, row, column].gt(0).all() and (plain - images)[0, :, row, column].lt(0).all()


def test_wrong_settings():
    with pytest.raises(InputError, match="steps -1"):
        Attack(steps=-1)
