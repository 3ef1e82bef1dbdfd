"""The light network."""

import math

import pytest
import torch

from cosod.errors import InputError
from cosod.inference.cpu_fusion import fused_copy
from cosod.inference.presence import Calibration
from cosod.losses.gconet_plus_mobile import mobile_loss
from cosod.models import load
from cosod.models.base import Features
from cosod.models.gconet_plus_mobile import MobileConfig, _missing, _relative
from cosod.models.modules.layers import BATCH_NORM, enlarge
from cosod.models.modules.part_matching import PARTS, unpack
from cosod.models.registry import create
from tests.models.common import N, NetworkTests
from tests.models.filled import images, masks
from tests.models.lively import lively

SMALL = {"decoder": (16, 12, 8, 8), "gate": (12, 8, 8)}


class TestMobile(NetworkTests):
    name = "gconet_plus_mobile"
    loss = staticmethod(mobile_loss)
    side = 64
    stride = 32
    default_size = 288
    groups = ((1, 3),)

    @classmethod
    def made(cls):
        return lively()

    @staticmethod
    def channels(features):
        return (PARTS + 1) * features.deep.shape[1] + PARTS

    def test_odd_training_batch_is_refused(self):
        pytest.skip("groups of a training batch may have any sizes")

    def test_maps_say_something(self, maps):
        assert maps.std() > 0.01

    @torch.no_grad()
    def test_other_images_of_the_group_count(self, network, group, maps):
        other = torch.cat([group[:1], images(9, N - 1, self.side)])
        assert (network(other).maps[0] - maps[0]).abs().max() > 1e-3

    @torch.no_grad()
    def test_sizes_are_multiples_of_the_stride(self, network):
        assert network(images(0, 2, 96)[..., :64]).maps.shape == (2, 1, 96, 64)
        with pytest.raises(InputError, match="images of 48 x 64 pixels: give sides that are multiples of 32"):
            network(images(0, 1, 64)[..., :48])
        with pytest.raises(InputError, match="size 48: give a multiple of 32"):
            network.check_size(48)

    @torch.no_grad()
    def test_response_and_signature(self, network, group):
        features = network.encode(group)
        consensus = network.consensus(features)
        assert network.response(features, consensus).shape == (N, 1, self.side // 16, self.side // 16)
        prototype = unpack(consensus.vector, features.deep.shape[1]).prototype
        assert network.signature(consensus).equal(prototype)


@pytest.mark.parametrize("sizes", [(8,), (1, 2, 5)])
def test_training_takes_groups_of_any_sizes(sizes):
    torch.manual_seed(0)
    network = create("gconet_plus_mobile", **SMALL).train()
    output = network(images(1, 8, 64), sizes)
    for maps in (output.maps, output.logits, output.side_logits, *output.objects, *output.sides):
        assert maps.shape == (8, 1, 64, 64) and maps.isfinite().all()
    assert output.sides[-1] is output.maps
    assert len(output.attentions) == 2
    for attention in output.attentions:
        torch.testing.assert_close(attention.sum(dim=(1, 2, 3)), torch.ones(8))
    terms = mobile_loss(output, masks(2, 8, 64), torch.zeros(8))
    terms["total"].backward()
    for name, parameter in network.named_parameters():
        assert (parameter.grad is None) == name.startswith("backbone."), name


@torch.no_grad()
def test_groups_of_a_training_batch_are_those_of_batches_of_their_own():
    """But for batch normalization, which sees the whole batch: here its statistics stay."""
    network = lively(**SMALL)
    group, sizes = images(4, 6, 64), (1, 2, 3)
    together = network.forward_training(group, sizes)
    each = [network.forward_training(part, (len(part),)).maps for part in group.split(sizes)]
    torch.testing.assert_close(together.maps, torch.cat(each), atol=1e-4, rtol=0)


def test_the_backbone_stays_as_it_is_in_training():
    network = lively(**SMALL).train()
    assert not any(module.training for module in network.backbone.modules() if isinstance(module, BATCH_NORM))
    before = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    network(images(1, 4, 64), (2, 2)).maps.sum().backward()
    after = network.backbone.state_dict()
    assert all(value.equal(after[name]) for name, value in before.items())
    assert all(p.grad is None and not p.requires_grad for p in network.backbone.parameters())


@torch.no_grad()
def test_a_faster_backbone_counts_in_training_alone():
    network, plain = lively(**SMALL), lively(**SMALL)
    group = images(4, 4, 64)
    network.speed_up_training(fused_copy)
    torch.testing.assert_close(
        network.train()(group, (2, 2)).maps, plain.train()(group, (2, 2)).maps, atol=1e-4, rtol=0
    )
    assert network.state_dict().keys() == plain.state_dict().keys()
    evaluated = network.eval()(group).maps
    network.speed_up_training(lambda backbone: None)  # a call of it would fail
    assert network(group).maps.equal(evaluated)


@torch.no_grad()
def test_the_gate_counts_as_far_as_its_strength_says():
    plain = {"raised": -math.inf, **SMALL}
    half, none = lively(strength=0.5, lift=0.1, **plain), lively(strength=0.0, **plain)
    group = images(4, 3, 64)
    features = half.encode(group)
    consensus = half.consensus(features)
    gate, _ = half._gated(features, consensus.vector)
    saliency = features.skips[3]
    wanted = enlarge(saliency + 0.5 * _relative(gate, saliency, 0.1), features.size)
    torch.testing.assert_close(half.decode(features, consensus).logits, wanted, atol=1e-4, rtol=1e-4)
    found = none(group)
    torch.testing.assert_close(found.maps, found.probability)  # of any object, shared or not
    torch.testing.assert_close(half(group).probability, found.probability)


def test_what_stands_out_dimly_is_raised_halfway_and_an_empty_image_is_left():
    level = 4.0
    logits = torch.full((4, 1, 32, 32), -8.0)
    logits[0, 0, 8:16, 8:16] = -1.0  # stands out, but is not marked
    logits[1, 0, 8:16, 8:16] = 6.0  # marked with certainty
    logits[3] = -7.0 + 0.1 * logits[0] / 8  # next to nothing stands out
    missing = _missing(logits, level).flatten()
    torch.testing.assert_close(missing[:3], torch.tensor([2.5, 0.0, 0.0]), atol=0.15, rtol=0)
    assert 0 <= missing[3] < 0.1
    torch.testing.assert_close(_missing(logits, -math.inf), torch.zeros(4, 1, 1, 1))


@torch.no_grad()
def test_training_takes_in_the_means_of_the_features():
    network = create("gconet_plus_mobile", **SMALL)
    group = images(1, 4, 64)
    *_, x16, x32 = network.backbone.eval()(group)
    network.train()(group, (4,))
    for own, feature in ((network.mean16, x16), (network.mean32, x32)):
        torch.testing.assert_close(own, 0.01 * feature.mean(dim=(0, 2, 3), keepdim=True), atol=1e-6, rtol=1e-3)
    before = network.mean16.clone()
    network.eval()(group)
    assert network.mean16.equal(before)


@torch.no_grad()
def test_a_consensus_of_marked_regions_finds_what_is_marked():
    """The same image gives another map where something else in it is marked."""
    network = lively()
    group = images(3, 2, 128)
    features = network.encode(group)
    maps = []
    for column in (0, 3):
        mark = torch.zeros(2, 1, 4, 4)
        mark[..., column] = 1 / 4
        consensus = network.gather(features, mark, torch.tensor([1.0, 0.0]))
        assert consensus.attention.equal(mark)
        maps.append(network.response(features, consensus)[0, 0])
    first, second = maps[0] - maps[1], 4
    assert first[:, : second // 2].mean() > first[:, second // 2 :].mean()


@torch.no_grad()
def test_the_consensus_is_formed_in_float32_under_autocast():
    network, group = lively(), images(1, 3, 64)
    features = network.encode(group)
    with torch.autocast("cpu", torch.bfloat16):
        consensus = network.consensus(features)
        maps = network(group).maps
    torch.testing.assert_close(consensus.vector, network.consensus(features).vector, atol=1e-6, rtol=1e-4)
    assert consensus.vector.dtype == maps.dtype == torch.float32 and maps.isfinite().all()


@pytest.mark.parametrize("backbone", ["efficientnet_lite1", "efficientnet_lite2"])
def test_other_backbones(backbone):
    network = create("gconet_plus_mobile", backbone=backbone, **SMALL).eval()
    assert network.backbone.variant == backbone
    with torch.no_grad():
        assert network(images(1, 2, 64)).maps.shape == (2, 1, 64, 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "no_such"}, "backbone cannot be .no_such.; choose one of .*efficientnet_lite0"),
        ({"size": 32}, "give a multiple of 32, at least 64"),
        ({"size": 240}, "give a multiple of 32, at least 64"),
        ({"gate": (8, 8, 8)}, "give fewer channels at stride 8 than at stride 16"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        MobileConfig(**options)


@torch.no_grad()
def test_it_loads_with_a_calibration_from_a_file(tmp_path):
    from cosod.models import save

    network, path = lively(**SMALL), tmp_path / "weights.safetensors"
    save(network, path, {"presence": Calibration(20.0, -16.0, 0.5).as_dict()}, torch.float16)
    loaded = load(path)
    assert loaded.config == network.config and Calibration.read(loaded.extra).slope == 20.0
    features = network.encode(images(1, 3, 64))
    near = loaded.encode(images(1, 3, 64))
    assert isinstance(near, Features)
    torch.testing.assert_close(near.deep, features.deep, atol=0.02, rtol=0.02)


def test_what_resembles_the_group_most_is_never_held_back_where_the_object_is():
    """The whole image unlike the group by the same amount is like an image that fits; what fits less is held back."""
    saliency = torch.full((3, 1, 4, 4), -8.0)
    saliency[:, :, :, :2] = 8.0
    gate = torch.full((3, 1, 4, 4), -0.5)  # one object, that fits a little badly
    gate[1, :, :, 1:] = -4.0  # beside something else
    gate[2] = -6.0  # the object is not there
    found = _relative(gate, saliency, 0.25)
    torch.testing.assert_close(found[0], torch.full((1, 4, 4), 0.25 / 1.25))
    assert found[1, 0, 0, 0] > 0 and found[1, 0, 0, 1] < -2
    torch.testing.assert_close(found[2], torch.full((1, 4, 4), -3.75 / 2))
    torch.testing.assert_close(_relative(gate + 9, saliency, 0.25)[0], torch.full((1, 4, 4), 0.25))
