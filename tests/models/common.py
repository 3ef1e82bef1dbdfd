"""What every network must do; each architecture's test class inherits :class:`NetworkTests`."""

import pytest
import torch

from cosod.errors import InputError
from cosod.losses import GCoNetPlusWeights, MapWeights, gconet_plus_loss
from cosod.models import load, save
from cosod.models.base import Features
from cosod.models.registry import create, name_of
from tests.models.filled import images, masks

SIZE = 32
N = 4


def plus_loss(output, truth, classes):
    """GCoNet+'s loss with a part for every supervised map, so that all parameters have a gradient."""
    return gconet_plus_loss(output, truth, classes, GCoNetPlusWeights(others=MapWeights(bce=1.0)))


class NetworkTests:
    """Inherit, and set ``name``, ``options`` and ``loss`` (output, masks, classes -> dict with ``total``).

    ``side`` is the images' side in pixels, ``stride`` that of the deepest feature, ``default_size`` the network's,
    ``groups`` what a training batch is told of its groups beside the images.
    """

    name: str
    side = SIZE
    stride = 16
    default_size = 256
    options: dict = {}  # noqa: RUF012
    groups: tuple = ()
    loss = None

    @classmethod
    def made(cls):
        """A new network, the same each time."""
        torch.manual_seed(0)
        return create(cls.name, groups=5, **cls.options)

    @staticmethod
    def channels(features):
        """Of the consensus vector."""
        return features.deep.shape[1]

    @pytest.fixture(scope="class")
    @classmethod
    def network(cls):
        return cls.made().eval()

    @pytest.fixture(scope="class")
    @classmethod
    def group(cls):
        return images(1, N, cls.side)

    @pytest.fixture(scope="class")
    @classmethod
    def maps(cls, network, group):
        with torch.no_grad():
            return network(group).maps

    def test_shapes(self, network, group, maps):
        with torch.no_grad():
            features = network.encode(group)
            consensus = network.consensus(features)
        assert maps.shape == (N, 1, self.side, self.side)
        assert maps.dtype == torch.float32
        assert maps.min() >= 0 and maps.max() <= 1
        assert features.deep.shape[2:] == (self.side // self.stride, self.side // self.stride)
        assert consensus.vector.shape == (1, self.channels(features), 1, 1)
        assert network.size == self.default_size

    @torch.no_grad()
    def test_single_image(self, network, group):
        maps = network(group[:1]).maps
        assert maps.shape == (1, 1, self.side, self.side)
        assert maps.isfinite().all()

    @torch.no_grad()
    def test_permuted_images_give_permuted_maps(self, network, group, maps):
        order = torch.tensor([2, 0, 3, 1])
        torch.testing.assert_close(network(group[order]).maps, maps[order], atol=1e-3, rtol=0)

    @torch.no_grad()
    def test_three_steps_are_forward(self, network, group, maps):
        features = network.encode(group)
        output = network.decode(features, network.consensus(features))
        torch.testing.assert_close(output.maps, maps, atol=0, rtol=0)

    @torch.no_grad()
    def test_batches_are_the_whole(self, network, group, maps):
        parts = [network.encode(part) for part in group.split(3)]
        deep = torch.cat([part.deep for part in parts])
        consensus = network.consensus(Features((), deep, (self.side, self.side)))
        ranges = (slice(0, 3), slice(3, N))
        outputs = [network.decode(part, consensus.part(r)) for part, r in zip(parts, ranges, strict=True)]
        if network.whole_group_maps:
            together = network.confidence_map(
                torch.cat([output.probability for output in outputs]), torch.cat([o.threshold for o in outputs])
            )
        else:
            together = torch.cat([output.maps for output in outputs])
        torch.testing.assert_close(together, maps, atol=1e-3, rtol=0)

    @torch.no_grad()
    def test_saved_and_loaded_is_the_same(self, network, group, maps, tmp_path):
        save(network, tmp_path / "weights.safetensors")
        loaded = load(tmp_path / "weights.safetensors")
        assert not loaded.training
        assert loaded.config == network.config
        assert name_of(loaded) == name_of(network)
        torch.testing.assert_close(loaded(group).maps, maps, atol=0, rtol=0)

    @torch.no_grad()
    def test_evaluation_encodes_once(self, network, group):
        calls = []
        hook = network.backbone.register_forward_hook(lambda *_: calls.append(1))
        output = network(group)
        hook.remove()
        assert len(calls) == 1
        assert output.classes is None and output.masked_classes is None and output.contrast is None

    def test_every_parameter_gets_a_gradient(self, group):
        network = self.made().train()
        output = network(group, *self.groups)
        assert output.sides[-1] is output.maps
        assert output.contrast is None or output.contrast.shape == (2 * N, 1, self.side, self.side)
        type(self).loss(output, masks(2, N, self.side), torch.tensor([1, 1, 3, 3]))["total"].backward()
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name

    def test_odd_training_batch_is_refused(self, network, group):
        network.train()
        try:
            with pytest.raises(InputError, match="two groups of one size, not 3"):
                network(group[:3])
        finally:
            network.eval()
