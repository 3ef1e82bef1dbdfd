"""GCoNet."""

import torch

from cosod.losses import gconet_loss
from cosod.models import GCoNet
from tests.models.common import NetworkTests
from tests.models.filled import images


class TestGCoNet(NetworkTests):
    name = "gconet"
    loss = staticmethod(gconet_loss)

    @torch.no_grad()
    def test_four_supervised_maps_and_the_response(self, network, group):
        output = network(group)
        assert isinstance(network, GCoNet)
        assert network.size == 224
        assert len(output.sides) == 4
        assert {side.shape for side in (*output.sides, output.response)} == {output.maps.shape}
        torch.testing.assert_close(output.logits.sigmoid(), output.maps)

    @torch.no_grad()
    def test_consensus_is_formed_group_by_group_in_training(self, network):
        pair = images(5, 4, 32)
        network.train()
        together = network(pair).maps
        network.eval()
        for half, maps in zip(pair.split(2), together.split(2), strict=True):
            torch.testing.assert_close(network(half).maps, maps, atol=1e-5, rtol=0)
