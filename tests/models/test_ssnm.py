"""SSNM in its two forms."""

import dataclasses

import numpy as np
import pytest
import torch

from cosod.errors import InputError, WeightsError
from cosod.inference.detector import Detector
from cosod.losses import ssnm_loss
from cosod.models import SSNM, SSNMConfig, create, from_published, to_published
from cosod.models.base import Consensus, Features
from cosod.models.checkpoints.published import recognize
from cosod.models.registry import name_of
from cosod.models.ssnm import fives
from tests.models.common import N, NetworkTests
from tests.models.filled import images, masks

SMALL = {"backbone": "mobilenet_v2", "channels": 16, "groups": 4}


class SSNMTests(NetworkTests):
    side = 64
    stride = 32
    default_size = 224
    options = {"channels": 24}  # noqa: RUF012
    loss = staticmethod(ssnm_loss)

    def test_training_output(self, group):
        torch.manual_seed(0)
        network = create(self.name, groups=5, **self.options).train()
        with torch.no_grad():
            output = network(group)
        assert output.classes.shape == (N, 5)
        torch.testing.assert_close(output.classes[0], output.classes[1])
        assert (output.classes[1] - output.classes[2]).abs().max() > 0
        torch.testing.assert_close(output.logits.sigmoid(), output.maps)


class TestPaper(SSNMTests):
    name = "ssnm"


class TestReference(SSNMTests):
    name = "ssnm_reference"

    def test_shapes(self, network, group, maps):
        with torch.no_grad():
            consensus = network.consensus(network.encode(group))
        assert maps.shape == (N, 1, 64, 64)
        assert consensus.vector.shape == (N, 24, 1, 1)
        assert consensus.spatial.shape == (N, 1, 2, 2)

    @torch.no_grad()
    def test_permuted_images_give_permuted_maps(self, network):
        """They do not: the published pooling mixes up images and channels."""
        generator = torch.Generator().manual_seed(0)
        skips = tuple(9 * torch.rand(5, 24, side, side, generator=generator) for side in (16, 8, 4, 2))
        order = torch.tensor([2, 0, 3, 1, 4])
        one, moved = Features(skips, skips[-1], (64, 64)), Features((), skips[-1][order], (64, 64))
        consensus, other = network.consensus(one), network.consensus(moved)
        assert (other.vector[0] - consensus.vector[0]).abs().max() > 0.1 * consensus.vector.max()
        torch.testing.assert_close(other.spatial, consensus.spatial[order], atol=1e-3, rtol=0)
        maps = [network.decode(one, c).maps for c in (consensus, consensus._replace(vector=other.vector))]
        assert (maps[0] - maps[1]).abs().max() > 1e-3


class TestMobile(SSNMTests):
    name = "ssnm_mobile"
    options = {"channels": None}  # noqa: RUF012

    def test_backbone_keeps_its_statistics_in_training(self, network, group):
        before = network.backbone.features[0][1].running_mean.clone()
        network.train()
        network(group)
        network.eval()
        assert before.equal(network.backbone.features[0][1].running_mean)
        assert network.mean == (0.5, 0.5, 0.5)


class TestHRNet(SSNMTests):
    name = "ssnm_hrnet_w18"


@pytest.fixture(scope="module", params=["paper", "reference"])
def small(request):
    torch.manual_seed(0)
    return SSNM(SSNMConfig(form=request.param, **SMALL)).eval()


def test_names_of_all_forms():
    for form in ("paper", "reference"):
        assert name_of(create("ssnm_mobile", form=form, groups=2)) == "ssnm_mobile"
        assert name_of(create("ssnm", form=form, groups=2, channels=8)) == {"paper": "ssnm"}.get(form, "ssnm_reference")
    with pytest.raises(InputError, match="form cannot be 'published'; choose one of paper, reference"):
        SSNMConfig(form="published")


def test_groups_of_five_as_published():
    assert fives(5).tolist() == [[0, 1, 2, 3, 4]]
    assert fives(7).tolist() == [[0, 1, 2, 3, 4], [5, 6, 0, 1, 2]]
    assert fives(12).tolist()[2] == [10, 11, 0, 1, 2]
    assert fives(3).tolist() == [[0, 1, 2, 0, 1]]
    assert fives(2).tolist() == [[0, 1, 0, 1, 0]]
    assert fives(1).tolist() == [[0] * 5]


@torch.no_grad()
def test_remainder_is_completed_with_the_first_images():
    network = SSNM(SSNMConfig(form="reference", **SMALL)).eval()
    group = images(3, 7, 64)
    maps = network(group).maps
    torch.testing.assert_close(maps[:5], network(group[:5]).maps, atol=1e-5, rtol=0)
    last = network(group[[5, 6, 0, 1, 2]]).maps
    torch.testing.assert_close(maps[5:], last[:2], atol=1e-5, rtol=0)


@torch.no_grad()
def test_paper_form_takes_the_group_as_one_of_any_size():
    network = SSNM(SSNMConfig(**SMALL)).eval()
    group = images(3, 6, 96)
    features = network.encode(group)
    one = network.consensus(features)
    twice = network.consensus(network.encode(torch.cat([group, group])))
    torch.testing.assert_close(twice.vector, one.vector, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(twice.spatial[6:], one.spatial, atol=2e-3, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 48), (100, 76), (129, 240)])
def test_any_image_size(small, height, width):
    output = small(torch.randn(3, 3, height, width))
    assert output.maps.shape == (3, 1, height, width) and output.maps.isfinite().all()


@torch.no_grad()
def test_vgg_on_odd_sizes():
    network = SSNM(SSNMConfig(channels=8, groups=2)).eval()
    assert network(torch.randn(2, 3, 75, 90)).maps.shape == (2, 1, 75, 90)


@pytest.mark.parametrize("n", [1, 2, 5, 7, 12])
@pytest.mark.filterwarnings("ignore::cosod.errors.SingleImageWarning")
def test_detector_on_groups_of_any_size(small, n):
    rng = np.random.default_rng(n)
    group = [rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8) for i in range(n)]
    whole = Detector(small, size=64, batch=16).segment(group)
    assert [m.shape for m in whole] == [(40 + i, 50) for i in range(n)]
    for options in ({"batch": 3}, {"batch": 2, "feature_bytes": 0}):
        for a, b in zip(whole, Detector(small, size=64, **options).segment(group), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_consensus_of_some_images():
    vector, spatial = torch.rand(4, 8, 1, 1), torch.rand(4, 1, 2, 2)
    part = Consensus(vector, spatial=spatial).part(slice(1, 3))
    assert part.vector.equal(vector[1:3]) and part.spatial.equal(spatial[1:3]) and part.attention is None
    assert Consensus(vector[:1], spatial).part(slice(3, 4)).vector.equal(vector[:1])


@torch.no_grad()
def test_a_consensus_from_a_file_only_scales(small):
    group = images(3, 2, 64)
    features = small.encode(group)
    consensus = small.consensus(features)._replace(spatial=None)
    flat = consensus._replace(spatial=torch.zeros(2, 1, 2, 2))
    torch.testing.assert_close(small.decode(features, consensus).maps, small.decode(features, flat).maps)


def test_training_batch_of_any_number_of_groups(small):
    network = SSNM(small.config).train()
    group = images(4, 9, 64)
    with torch.no_grad():
        output = network(group, groups=3)
        network.eval()
        for number in range(3):
            part = slice(3 * number, 3 * number + 3)
            torch.testing.assert_close(network(group[part]).maps, output.maps[part], atol=1e-4, rtol=0)
    network.train()
    with pytest.raises(InputError, match="a training batch is 4 groups of one size, not 9"):
        network(group, groups=4)


@torch.no_grad()
def test_dead_features_are_no_nan(small):
    group = images(5, 3, 64)
    features = small.encode(group)
    dead = features._replace(deep=torch.zeros_like(features.deep))
    assert small.decode(features, small.consensus(dead)).maps.isfinite().all()


@pytest.mark.parametrize("form", ["paper", "reference"])
def test_loss_falls_on_two_categories(form):
    torch.manual_seed(0)
    network = SSNM(SSNMConfig(form=form, **SMALL)).train()
    truth = masks(6, 6, 64)
    colors = torch.tensor([[2.0, -1, -1], [-1.0, -1, 2]]).repeat_interleave(3, dim=0)[:, :, None, None]
    batch = 0.3 * images(7, 6, 64) + truth * colors
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    totals = []
    for _ in range(25):
        terms = ssnm_loss(network(batch), truth, torch.tensor([1, 1, 1, 2, 2, 2]))
        optimizer.zero_grad()
        terms["total"].backward()
        optimizer.step()
        totals.append(float(terms["total"].detach()))
    assert totals[-1] < 0.7 * totals[0]


@pytest.fixture(scope="module")
def published():
    torch.manual_seed(0)
    return to_published(create("ssnm_reference", channels=16, groups=7))


def test_published_checkpoint_there_and_back(published):
    assert recognize(published).label == "SSNM"
    state = {name: tensor for name, tensor in published.items() if not name.endswith("num_batches_tracked")}
    network = from_published(state)
    assert not network.training and name_of(network) == "ssnm_reference"
    assert network.config == SSNMConfig(form="reference", channels=16, groups=7)
    again = to_published(network)
    assert set(again) == set(published)
    assert all(again[name].equal(published[name]) for name in again)
    assert again["concat2.4.weight"].data_ptr() == again["concat4.4.weight"].data_ptr()


def test_a_file_whose_blocks_differ_is_untied(published):
    state = published | {"concat2.0.bias": published["concat2.0.bias"] + 1}
    network = from_published(state)
    assert network.config.tied is False and not network.config.shared_blocks
    torch.testing.assert_close(network.block2.reduce.bias, network.block3.reduce.bias + 1)
    assert all(tensor.equal(state[name]) for name, tensor in to_published(network).items())
    with torch.no_grad():
        difference = (network(images(1, 2, 32)).maps - from_published(published)(images(1, 2, 32)).maps).abs().max()
    assert difference > 0


def test_forms_without_a_published_layout():
    with pytest.raises(WeightsError, match=r"the published SSNM has no counterpart of fusion\.down\.0\.weight"):
        to_published(create("ssnm", channels=8, groups=2))
    with pytest.raises(WeightsError, match=r"no counterpart of backbone\.features"):
        to_published(create("ssnm_mobile", form="reference", channels=8, groups=2))


def test_solver_is_an_option(small):
    other = SSNM(dataclasses.replace(small.config, solver="reference")).eval()
    other.load_state_dict(small.state_dict())
    with torch.inference_mode():
        features = small.encode(images(2, 5, 64))
        one, two = small.consensus(features), other.consensus(features)
    torch.testing.assert_close(one.vector, two.vector)
    assert not one.spatial.equal(two.spatial)
