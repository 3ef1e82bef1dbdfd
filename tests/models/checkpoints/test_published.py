"""Checkpoints of the published code are recognized, loaded, and written back."""

import pytest
import torch
from safetensors.torch import save_file

from cosod.errors import WeightsError
from cosod.models import GCoNet, GCoNetPlus, create, from_published, to_published
from cosod.models.checkpoints.published import recognize
from tests.models.filled import images


@pytest.fixture(scope="module")
def plus():
    """A GCoNet+ of five groups, as a published state dict."""
    torch.manual_seed(0)
    return to_published(create("gconet_plus", groups=5))


@pytest.fixture(scope="module")
def plain():
    return to_published(create("gconet", groups=7))


def test_recognizes_gconet(plain):
    assert len(plain) == 110
    assert recognize(plain).label == "GCoNet"
    network = from_published(plain)
    assert isinstance(network, GCoNet) and not network.training
    assert network.config.groups == 7


def test_recognizes_gconet_plus(plus):
    assert recognize(plus).label == "GCoNet+"
    network = from_published(plus)
    assert isinstance(network, GCoNetPlus) and not network.training
    assert network.config.groups == 5
    assert network.config.confidence == "released"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gconet_plus_vgg16", {"lateral": "resblk", "outputs": 3, "contrast": False}),
        ("gconet_plus_vgg16", {"conv_after_resize": True, "masked_classification": False}),
        ("gconet_plus_resnet50", {"mask_merge": "concat"}),
        ("gconet_plus", {"confidence_module": False, "outputs": 4, "lateral": "resblk", "conv_after_resize": True}),
    ],
)
def test_options_are_read_from_the_entries(name, options):
    network = create(name, groups=3, confidence="released", **options).eval()
    again = from_published(to_published(network))
    assert again.config == network.config
    group = images(0, 2, 32)
    with torch.no_grad():
        torch.testing.assert_close(again(group).maps, network(group).maps, atol=0, rtol=0)


def test_unused_entries_are_written_and_ignored(plus):
    unused = [name for name in plus if name.startswith(("co_x5.conv_output", "co_x5.fc_transform", "conv_out1"))]
    assert len(unused) == 6
    assert all(plus[name].count_nonzero() == 0 for name in unused)
    without = {name: tensor for name, tensor in plus.items() if name not in unused}
    assert isinstance(from_published(without), GCoNetPlus)


def test_wrapped_prefixed_and_without_counters(plus, tmp_path):
    state = {f"module.{k}": v for k, v in plus.items() if not k.endswith("num_batches_tracked")}
    path = tmp_path / "checkpoint.pth"
    torch.save({"epoch": 3, "state_dict": state}, path)
    network = from_published(path)
    assert network.state_dict()["classifier.weight"].equal(plus["classifier.weight"])
    assert network.state_dict()["backbone.conv1.1.num_batches_tracked"] == 0


def test_safetensors(plus, tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in plus.items()}, path)
    back = to_published(from_published(path))
    assert list(back) == list(plus)
    assert all(back[name].equal(plus[name]) for name in plus)


def test_missing_entries_are_named(plus):
    state = {name: tensor for name, tensor in plus.items() if not name.startswith("enlayer5")}
    with pytest.raises(WeightsError, match=r"GCoNet\+.* 12 missing \(enlayer5\.conv_in\.weight, .* and 9 more\)"):
        from_published(state)


def test_unknown_entries_are_named(plus):
    with pytest.raises(WeightsError, match=r"1 unknown \(refiner\.0\.conv0\.weight\)"):
        from_published(plus | {"refiner.0.conv0.weight": torch.zeros(1)})


def test_other_shapes_are_named(plus):
    with pytest.raises(WeightsError, match=r"1 of another shape \(latlayer2\.bias \(3,\) instead of \(32,\)\)"):
        from_published(plus | {"latlayer2.bias": torch.zeros(3)})


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (
            {"layer.weight": torch.zeros(2)},
            "not a checkpoint of GCoNet or GCoNet. or SSNM or F3Net: its 1 entry begins",
        ),
        ({}, "holds no state dict"),
        ({"epoch": 3}, "entries that are no tensors"),
        ({"state_dict": {"module.a": torch.zeros(1)}}, "its 1 entry begins with a"),
    ],
)
def test_something_else(state, message):
    with pytest.raises(WeightsError, match=message):
        from_published(state)


def test_missing_file(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights file .*none\.pth"):
        from_published(tmp_path / "none.pth")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", bytes(range(256)) * 9])
def test_damaged_file(tmp_path, suffix, content):
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"cannot read the weights in .*broken\.{suffix}: .+; download or copy"):
        from_published(path)


def test_truncated_file(plus, tmp_path):
    path = tmp_path / "short.pth"
    torch.save({name: tensor for name, tensor in plus.items() if "bias" in name}, path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(WeightsError, match=r"cannot read the weights in .*short\.pth"):
        from_published(path)


def test_code_in_a_file_is_not_run(tmp_path):
    path = tmp_path / "code.pth"
    torch.save({"state_dict": create}, path)
    with pytest.raises(WeightsError, match="cannot read the weights"):
        from_published(path)


def test_networks_without_a_published_layout():
    with pytest.raises(WeightsError, match="GCoNetPlusMobile has no published layout"):
        to_published(create("gconet_plus_mobile"))
    with pytest.raises(WeightsError, match=r"no counterpart of relation\.value"):
        to_published(create("gconet_plus_vgg16", relation="ice"))
