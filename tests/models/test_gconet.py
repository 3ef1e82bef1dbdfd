"""GCoNet."""

import torch

from cosod.losses import gconet_loss
from cosod.models import GCoNet, GCoNetConfig
from tests.models.common import NetworkTests
from tests.models.filled import images


class TestGCoNet(NetworkTests):
    name = "gconet"
    default_size = 224
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


class TestGCoNetBaseline(NetworkTests):
    """Without the paper's three modules: the first row of its Table 1."""

    name = "gconet"
    default_size = 224
    options = {"affinity": False, "contrast": False, "classification": False}  # noqa: RUF012
    loss = staticmethod(gconet_loss)

    def test_its_entries_are_the_whole_networks_without_the_modules(self, network):
        whole = GCoNet(GCoNetConfig(groups=5)).state_dict()
        parts = ("affinity.", "contrast.", "classifier.")
        assert network.state_dict().keys() == {name for name in whole if not name.startswith(parts)}

    @torch.no_grad()
    def test_consensus_is_the_mean_feature(self, network, group):
        features = network.encode(group)
        torch.testing.assert_close(
            network.consensus(features).vector.flatten(), features.deep.mean(dim=(0, 2, 3)), atol=1e-5, rtol=0
        )


def test_query_and_key_of_the_paper_see_their_neighbors():
    affinity = GCoNet(GCoNetConfig(groups=2, key_kernel=3)).affinity
    assert affinity.query.weight.shape == affinity.key.weight.shape == (512, 512, 3, 3)
    assert affinity.attention(torch.randn(2, 512, 3, 4)).shape == (2, 1, 3, 4)
