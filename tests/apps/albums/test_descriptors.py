"""Descriptors of images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cosod.apps.albums.descriptors import describe
from cosod.apps.albums.last_layer import LastLayer, last_layer_of
from cosod.apps.albums.whitening import whitening_of
from cosod.errors import ImageError, WeightsError
from cosod.inference.functions import load
from cosod.inference.precision import has_bfloat16
from cosod.models import create
from cosod.models.checkpoints import loading

EXAMPLES = Path(__file__).parents[3] / "examples" / "photos"


@pytest.fixture(scope="module")
def detector():
    return load(device="cpu", size=64)


def pictures(n):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40 + 10 * i, 60, 3), dtype=np.uint8) for i in range(n)]


def test_descriptors_do_not_depend_on_batches_and_leave_no_hook(detector):
    images = pictures(3)
    indices, together = describe(detector, images)
    assert indices == [0, 1, 2] and together.shape == (3, 1280) and together.dtype == np.float32
    for row, image in enumerate(images):
        np.testing.assert_allclose(describe(detector, [image])[1][0], together[row], atol=1e-3)
    assert not detector.network.backbone._forward_hooks


def test_unreadable_images_are_left_out_or_raised(detector, tmp_path):
    (tmp_path / "bad.jpg").write_text("no image")
    images = [*pictures(1), tmp_path / "bad.jpg"]
    errors = []
    assert describe(detector, images, lambda i, e: errors.append(i))[0] == [0] and errors == [1]
    with pytest.raises(ImageError):
        describe(detector, images)


def published(channels=24):
    """Entries of the last layer in a file of ImageNet weights."""
    torch.manual_seed(0)
    statistics = {name: torch.rand(32) + 0.5 for name in ("weight", "bias", "running_mean", "running_var")}
    return {"_conv_head.weight": torch.randn(32, channels, 1, 1), **{f"_bn1.{n}": v for n, v in statistics.items()}}


def test_the_last_layer_is_the_published_one_and_survives_a_file(tmp_path):
    state = published()
    features = torch.rand(2, 24, 3, 4)
    raw = F.conv2d(features, state["_conv_head.weight"])
    norm = [state[f"_bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    expected = F.relu6(F.batch_norm(raw, *norm, eps=1e-3))
    layer = LastLayer.of(state)
    rounding = features.sum(dim=1, keepdim=True) * layer.scale[:, None, None] / 2
    assert ((layer(features) - expected).abs() <= rounding + 1e-5).all()
    layer.save(tmp_path / "layer.safetensors")
    torch.testing.assert_close(LastLayer.load(tmp_path / "layer.safetensors")(features), layer(features))
    (tmp_path / "layer.safetensors").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="damaged"):
        LastLayer.load(tmp_path / "layer.safetensors")
    with pytest.raises(WeightsError, match=r"_bn1\.weight"):
        LastLayer.of({"_conv_head.weight": state["_conv_head.weight"]})


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_the_package_has_what_compares_descriptors_of_its_networks(name):
    network = load(name, device="cpu").network
    layer = last_layer_of(network)
    assert layer.weight.shape == (1280, network.backbone.out_channels[-1])
    assert whitening_of(network, 1280).weights == loading.identity(network)


def test_other_backbones_do_without():
    network = create("gconet_plus_mobile", backbone="mobilenet_v2")
    assert last_layer_of(network) is None and whitening_of(network, 320) is None


def test_networks_without_the_layer_are_described_by_their_deepest_features(detector, monkeypatch):
    images = pictures(2)
    with_it = describe(detector, images)[1]
    monkeypatch.setattr("cosod.apps.albums.descriptors.last_layer_of", lambda network: None)
    without = describe(detector, images)[1]
    assert with_it.shape == (2, 1280) and without.shape == (2, 320)
    assert with_it.min() >= 0 and without.min() < 0


@pytest.mark.skipif(not has_bfloat16(torch.device("cpu")), reason="the processor has no bfloat16")
@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_descriptors_in_fast_precisions_are_nearly_the_same(precision):
    if precision == "int8":
        pytest.importorskip("onnxruntime")
    photos = [EXAMPLES / "apples" / "orchard_grass.jpg", EXAMPLES / "mugs" / "kitchen_table.jpg"]
    exact, fast = (describe(load(device="cpu", precision=name), photos)[1] for name in ("float32", precision))
    cosines = (exact * fast).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(fast, axis=1)
    assert not np.array_equal(exact, fast) and (cosines > 0.998).all()
