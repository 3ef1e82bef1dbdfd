"""The fast steps give the network's own answers."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import cosod
from cosod.errors import InputError
from cosod.inference.assembly import probe_maps
from cosod.inference.cpu_fusion import FastSteps, FusedConv, fold, fuse, rounded
from cosod.inference.precision import CLOSE, can_bfloat16, precision_deviation
from cosod.inference.probe_images import drawn_group
from cosod.models import registry

CPU = torch.device("cpu")
needs_bfloat16 = pytest.mark.skipif(not can_bfloat16(CPU), reason="this processor does not support bfloat16")


def settled(network, seed=0):
    """Batch normalization whose statistics are not those of a fresh layer, so that folding it changes weights."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.uniform_(-0.2, 0.2, generator=generator)
    return network.eval()


def images(n=2, size=64):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gconet", {}),
        ("gconet_plus", {}),
        ("gconet_plus", {"backbone": "resnet50"}),
        ("gconet_plus_mobile", {}),
        ("ssnm", {}),
    ],
)
def test_steps_are_the_networks_own(name, options):
    network = settled(cosod.models.create(name, **options))
    fast = FastSteps(network, CPU)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in fast.network.backbone.modules())
    with torch.inference_mode():
        features, same = network.encode(images()), fast.encode(images())
        for one, other in zip((*features.skips, features.deep), (*same.skips, same.deep), strict=True):
            torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
        consensus = network.consensus(features)
        difference = network.decode(features, consensus).maps - fast.decode(features, consensus).maps
    assert float(difference.abs().max()) < 1e-3


def test_every_registered_network_folds():
    for name in registry.names():
        if name in ("ssnm_hrnet_w32", "ssnm_hrnet_w48"):  # wider than another one, and slow to make
            continue
        network = settled(registry.create(name))
        before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        FastSteps(network, CPU) if hasattr(network, "decode") else fold(copy.deepcopy(network))
        assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items()), name


@needs_bfloat16
def test_auto_takes_bfloat16_only_where_maps_stay(monkeypatch, tmp_path):
    """They do for the networks in the package, but for single pixels on outlines."""
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    monkeypatch.setattr("cosod.inference.assembly.has_bfloat16", lambda device: True)
    monkeypatch.setattr("cosod.inference.assembly.integers_pay", lambda *facts: False)
    network = cosod.models.load()
    found = precision_deviation(lambda precision: probe_maps(network, "cpu", network.size, precision))
    assert 0 < found < CLOSE / 2
    assert cosod.Detector(network, "cpu", precision="auto").precision == "bfloat16"
    # The maps are compared once.
    with monkeypatch.context() as patch:
        patch.setattr("cosod.inference.assembly.probe_maps", None)
        assert cosod.Detector(network, "cpu", precision="auto").precision == "bfloat16"
    monkeypatch.setattr("cosod.inference.assembly.CLOSE", found / 2)
    assert cosod.Detector(network, "cpu", precision="auto").precision == "float32"


@needs_bfloat16
def test_bfloat16_that_ruins_maps_is_not_taken():
    ruined, exact = np.full((4, 4), 0.5, np.float32), np.zeros((4, 4), np.float32)
    speck = exact.copy()
    speck[0, 0] = 0.02
    assert precision_deviation(lambda p: [exact, exact if p == "float32" else ruined]) > CLOSE
    assert precision_deviation(lambda p: [exact, exact if p == "float32" else speck]) < CLOSE
    assert not precision_deviation(lambda p: [exact, exact * (1 if p == "float32" else np.nan)]) <= CLOSE


@needs_bfloat16
@pytest.mark.parametrize("kept, other", [(True, "bfloat16"), (False, "float32")])
def test_integers_compete_with_the_precision_that_would_be_taken_otherwise(kept, other, monkeypatch, tmp_path):
    monkeypatch.setenv("COSOD_CACHE", str(tmp_path))
    monkeypatch.setattr("cosod.inference.assembly.has_bfloat16", lambda device: True)
    monkeypatch.setattr("cosod.inference.assembly.precision_deviation", lambda maps: 0.0 if kept else 1.0)
    asked = []
    monkeypatch.setattr("cosod.inference.assembly.integers_pay", lambda network, size, than: asked.append(than))
    assert cosod.load(device="cpu", precision="auto").precision == other
    assert asked == [other]


@needs_bfloat16
def test_deep_features_stay_in_float32():
    network = cosod.models.checkpoints.loading.load()
    features = FastSteps(network, CPU, "bfloat16").encode(images())
    assert features.deep.dtype == torch.float32
    *finer, compared, saliency = features.skips  # of which the last two are compared and added up
    assert {skip.dtype for skip in finer} == {torch.bfloat16}
    assert compared.dtype == saliency.dtype == torch.float32


@needs_bfloat16
def test_a_detector_in_bfloat16_finds_the_same():
    exact, fast = (cosod.load(device="cpu", precision=p).segment(drawn_group()) for p in ("float32", "bfloat16"))
    for one, other in zip(exact, fast, strict=True):
        assert 0 < abs(one - other).mean() < 2 / 255


def test_auto_is_one_of_the_three():
    assert cosod.load(device="cpu", precision="auto").precision in ("float32", "bfloat16", "int8")
    with pytest.raises(InputError, match="float32, bfloat16"):
        cosod.load(device="cpu", precision="half")


def test_rounding_keeps_the_sum_of_a_filter():
    weight = torch.randn(64, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    weight -= weight.mean(dim=(2, 3), keepdim=True)  # edge filters: they sum to nothing
    plain = weight.bfloat16().float().sum(dim=(2, 3)).abs().mean()
    kept = rounded(weight).float()
    assert kept.sum(dim=(2, 3)).abs().mean() < plain / 3
    assert float((kept - weight).abs().max()) < 2**-7 * float(weight.abs().max())


@pytest.mark.parametrize("activation", [None, nn.ReLU(), nn.ReLU6()])
def test_fused_convolution(activation, monkeypatch):
    conv = nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=2)
    x = 20 * torch.randn(2, 4, 9, 9)
    wanted = conv(x) if activation is None else activation(conv(x))
    with torch.inference_mode():
        fused = FusedConv(conv, activation, torch.float32)
        torch.testing.assert_close(fused(x), wanted, rtol=1e-4, atol=1e-4)
        monkeypatch.setattr("cosod.inference.cpu_fusion._fused_op", lambda: None)  # a build of torch without it
        torch.testing.assert_close(fused(x), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kernel, sides", [(3, (12, 10)), (5, (12, 10)), (5, (9, 13))])
@pytest.mark.parametrize("padding", [(0, 1), (1, 2), (1, 1), (2, 0)])
def test_padding_is_fused_with_depthwise_convolutions(kernel, sides, padding):
    network = nn.Sequential(nn.ZeroPad2d(2 * padding), nn.Conv2d(4, 4, kernel, stride=2, groups=4), nn.ReLU6()).eval()
    x = 4 * torch.randn(2, 4, *sides)
    with torch.inference_mode():
        wanted = network(x)
        fuse(network)
        torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-4)
    assert isinstance(network[0], nn.ZeroPad2d) == (padding == (2, 0))


def test_other_padding_stays():
    same = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 8, 3, stride=2)).eval()
    uneven = nn.Sequential(nn.ZeroPad2d((0, 1, 1, 2)), nn.Conv2d(4, 4, 3, groups=4)).eval()
    for network, x in ((same, torch.randn(1, 3, 8, 8)), (uneven, torch.randn(1, 4, 8, 8))):
        with torch.inference_mode():
            wanted = network(x)
            fuse(network)
            torch.testing.assert_close(network(x), wanted, rtol=1e-4, atol=1e-4)
        assert isinstance(network[0], nn.ZeroPad2d)


@needs_bfloat16
def test_layers_between_stay_in_float32():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.ConvTranspose2d(4, 2, 2, 2), nn.Conv2d(2, 1, 1)).eval()
    x = images()
    with torch.inference_mode():
        wanted = network(x)
        fuse(network, torch.bfloat16)
        found = network(x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), wanted, rtol=0.05, atol=0.05)
