"""The one forward pass of a group: batches change nothing, and whoever looks at groups gets the same."""

import numpy as np
import pytest
import torch

from cosod.inference.detector import Detector
from cosod.inference.group_forward import GroupForward, evaluating, joined
from cosod.inference.probe_images import drawn_group
from cosod.io.tensors import to_batch
from cosod.models import create

#: Each of its own kind: parts, a whole group's rule for k, a spatial modulator in groups of any size, none.
NETWORKS = {
    "gconet_plus_mobile": {},
    "gconet_plus": {"confidence": "released"},
    "ssnm_mobile": {},
    "saliency_mobile": {},
}


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    return create(request.param, **NETWORKS[request.param]).eval()


def normalized(network):
    return to_batch(drawn_group(64), network.mean, network.std)


def test_batches_change_no_map(network):
    images = normalized(network)
    with torch.no_grad():
        whole = network(images).maps
    for batch in (1, 2, 8):
        found = GroupForward(network, batch).maps(images)
        np.testing.assert_allclose(found.numpy(), whole.numpy(), atol=2e-4)


def test_a_detector_finds_the_same(network):
    """Without a calibration and for a group that needs no references, nothing is between the network and its maps."""
    small = [result.small for result in Detector(network, "cpu", 64, batch=2).detect(drawn_group(64))]
    expected = GroupForward(network).maps(normalized(network))
    np.testing.assert_allclose(torch.stack(small).numpy(), expected.numpy(), atol=1e-3)


def test_an_image_by_itself_is_a_group_of_one(network):
    images = normalized(network)
    forward = GroupForward(network)
    with torch.no_grad():
        found = forward.maps_alone(network.encode(images))
        expected = torch.cat([network(images[row : row + 1]).maps for row in range(len(images))])
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=2e-4)


def test_features_in_parts_give_the_whole_group_s_consensus():
    network = create("gconet_plus_mobile").eval()
    images = drawn_group(64)
    forward = GroupForward(network)
    with torch.no_grad():
        whole = forward.encode(images)
        parts = [forward.encode_deep(images[:2]), forward.encode_deep(images[2:])]
        assert parts[0].skips == () and joined(parts).size == whole.size
        np.testing.assert_allclose(joined(parts).deep.numpy(), whole.deep.numpy(), atol=1e-4)
        np.testing.assert_allclose(forward.consensus(parts).vector, network.consensus(whole).vector, atol=1e-3)


def test_a_network_that_is_trained_goes_on_as_it_was():
    network = create("saliency_mobile").train()
    before = {module: module.training for module in network.modules()}
    with pytest.raises(ZeroDivisionError), evaluating(network):
        assert not any(module.training for module in network.modules()) and not torch.is_grad_enabled()
        1 / 0  # noqa: B018
    assert {module: module.training for module in network.modules()} == before and torch.is_grad_enabled()
