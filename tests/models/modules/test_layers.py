"""Creation and copies of networks."""

import copy

import pytest
import torch

from cosod import models
from cosod.models import registry
from cosod.models.modules.layers import Undrawn, copied

#: One network of each class, on each kind of backbone.
EACH = (
    *("gconet", "gconet_plus", "gconet_plus_resnet50", "gconet_plus_mobile", "ssnm_reference", "ssnm_hrnet_w18"),
    *("f3net", "saliency_mobile"),
)


@pytest.mark.parametrize("name", EACH)
def test_creation_for_weights_draws_nothing_and_all_that_is_drawn_is_loaded(name):
    drawn = registry.create(name)
    before = torch.get_rng_state()
    network = registry.create_for_weights(name)
    assert torch.equal(torch.get_rng_state(), before)
    network.load_state_dict(drawn.state_dict())
    for (key, one), (_, other) in zip(
        [*drawn.named_parameters(), *drawn.named_buffers()],
        [*network.named_parameters(), *network.named_buffers()],
        strict=True,
    ):
        assert torch.equal(one, other), key


def test_loading_does_not_change_the_random_generator():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    registry.create_for_weights("gconet")
    models.load()
    assert torch.equal(torch.rand(3), wanted)


def test_weights_are_drawn_outside_of_the_context():
    with Undrawn():
        pass
    first, second = (torch.nn.Conv2d(3, 8, 3).weight for _ in range(2))
    assert not torch.equal(first, second) and first.abs().max() > 0


def test_a_copy_is_what_a_deep_copy_is():
    network = registry.create("gconet_plus_mobile")
    network.backbone.register_forward_pre_hook(lambda module, arguments: None)
    one, other = copied(network), copy.deepcopy(network)
    assert str(one) == str(other) and one.config == network.config
    for a, b, own in zip(one.modules(), other.modules(), network.modules(), strict=True):
        assert vars(a).keys() == vars(b).keys() and a is not own
        for key, value in vars(a).items():
            assert type(value) is type(vars(b)[key])
            if isinstance(value, dict):
                assert value.keys() == vars(b)[key].keys() and value is not vars(own)[key]
    for a, own in zip(one.parameters(), network.parameters(), strict=True):
        assert torch.equal(a, own) and a.data_ptr() != own.data_ptr()
