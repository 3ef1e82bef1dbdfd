"""The light network."""

from tests.models.common import NetworkTests, plus_loss


class TestMobile(NetworkTests):
    name = "gconet_plus_mobile"
    loss = staticmethod(plus_loss)
    default_size = 288

    def test_backbone_keeps_its_statistics_in_training(self, network, group):
        before = network.backbone.features[0][1].running_mean.clone()
        network.train()
        network(group)
        network.eval()
        assert before.equal(network.backbone.features[0][1].running_mean)
