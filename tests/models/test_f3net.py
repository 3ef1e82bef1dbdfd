"""F3Net: its size, its published layout, and what it returns."""

import pytest
import torch

from cosod.errors import InputError
from cosod.models import create, from_published, load, save, to_published
from cosod.models.checkpoints.published import recognize
from cosod.models.f3net import F3Net, F3NetConfig
from tests.models.filled import images


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return create("f3net", classes=2).eval()


@pytest.mark.parametrize(("classes", "count"), [(1, 25_536_710), (2, 25_540_172)])
def test_parameters(classes, count):
    assert parameters(F3Net(F3NetConfig(classes))) == count


def test_parameters_by_part(network):
    assert parameters(network.backbone) == 23_508_032
    assert [parameters(part) for part in network.squeeze] == [16_576, 32_960, 65_728, 131_264]
    assert parameters(network.decoder1) == parameters(network.decoder2) == 889_344
    assert parameters(network.result2) == parameters(network.levels[3]) == 1_154


@torch.no_grad()
def test_shapes(network):
    output = network.saliency(images(0, 2, 64))
    assert [tuple(z.shape) for z in output.logits] == [(2, 2, side, side) for side in (16, 16, 16, 8, 4, 2)]
    assert output.weights == (0.5, 0.5, 0.5, 0.25, 0.125, 0.0625)
    assert output.features.shape == (2, 64, 16, 16)
    assert network(images(0, 2, 64)).maps.shape == (2, 1, 64, 64)


@torch.no_grad()
def test_feedback_is_added_to_every_level(network):
    levels = tuple(torch.rand(1, 64, side, side) for side in (16, 8, 4, 2))
    _, first = network.decoder2(levels)
    fed = tuple(level + 0.5 for level in levels)
    _, expected = network.decoder2(fed)
    _, found = network.decoder2(levels, torch.full_like(first, 0.5))
    torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_published_layout_and_back(network):
    state = to_published(network)
    assert len(state) == 694
    for name in (
        "bkbone.layer4.2.bn3.running_var",
        "squeeze5.0.bias",
        "decoder1.cfm45.conv1h.weight",
        "decoder2.cfm23.bn4v.weight",
        "linearr5.weight",
    ):
        assert name in state
    assert recognize(state).label == "F3Net"
    again = from_published({f"module.{name}": tensor for name, tensor in state.items()})
    assert again.config.classes == 2
    torch.testing.assert_close(again(images(0, 1, 64)).maps, network(images(0, 1, 64)).maps, atol=0, rtol=0)


@torch.no_grad()
def test_saved_and_loaded(network, tmp_path):
    save(network, tmp_path / "f3net.safetensors")
    again = load(tmp_path / "f3net.safetensors")
    assert again.config == network.config
    assert all(again.state_dict()[name].equal(tensor) for name, tensor in network.state_dict().items())


def test_wrong_classes():
    with pytest.raises(InputError, match="classes is 3"):
        F3NetConfig(3)
