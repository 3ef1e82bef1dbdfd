"""The plain version is only fit to be compared with if it gives the same maps."""

import pytest
import torch
from straightforward import Straightforward

from cosod.errors import InputError
from cosod.models.registry import create, create_for_weights
from tests.models.filled import filled, images
from tests.models.lively import lively


def network_of(name: str, **options):
    if name == "gconet_plus_mobile":  # which filled weights make too steep
        return lively()
    network = create_for_weights(name, groups=5, **options).eval()
    network.load_state_dict(filled({key: tuple(value.shape) for key, value in network.state_dict().items()}))
    return network


@pytest.mark.parametrize(
    "name, options",
    [
        ("gconet", {}),
        # With the published k of 300 the rounding of P - T shows in the maps.
        ("gconet_plus", {"confidence": 10.0}),
        ("gconet_plus_vgg16", {"confidence": 10.0, "lateral": "resblk"}),
        ("gconet_plus_mobile", {}),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_the_same_maps(name, options, count):
    network = network_of(name, **options)
    group = images(3, count, 64)
    with torch.inference_mode():
        expected = network(group).maps
    assert expected.std() > 1e-3  # the maps say something
    torch.testing.assert_close(Straightforward(network)(group), expected, atol=1e-4, rtol=0)


def test_the_published_k():
    network = network_of("gconet_plus")
    group = images(3, 2, 64)
    with torch.inference_mode():
        output = network(group)
    far = (output.probability - output.threshold).abs() > 0.02
    assert far.float().mean() > 0.5
    maps = Straightforward(network)(group)
    torch.testing.assert_close(maps[far], output.maps[far], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name, passes", [("gconet", 1), ("gconet_plus", 2), ("gconet_plus_mobile", 1)])
def test_the_second_pass_of_the_encoder_changes_no_map(name, passes):
    network = network_of(name)
    group = images(4, 2, 32)
    encoded = []
    plain, single = Straightforward(network), Straightforward(network, second_pass=False)
    first = next(m for m in plain.network.backbone.modules() if isinstance(m, torch.nn.Conv2d))
    first.register_forward_hook(lambda *_: encoded.append(1))
    assert torch.equal(plain(group), single(group))
    assert len(encoded) == passes


def test_the_network_is_copied_and_plain():
    network = network_of("gconet_plus_mobile").to(memory_format=torch.channels_last)
    plain = Straightforward(network).network
    assert plain is not network
    assert all(parameter.is_contiguous() for parameter in plain.parameters())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in plain.modules())


@pytest.mark.parametrize("name, options", [("gconet_plus_resnet50", {}), ("gconet_plus", {"refiner": "mask"})])
def test_other_networks_are_refused(name, options):
    with pytest.raises(InputError, match="no straightforward version"):
        Straightforward(create(name, **options))
