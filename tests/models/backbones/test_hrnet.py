"""HRNet: as large as the published one, with its names."""

import pytest
import torch

from cosod.errors import InputError
from cosod.models import create
from cosod.models.backbones.hrnet import HRNet
from cosod.models.backbones.imagenet import init_backbone

#: Parameters of the published classifiers.
PUBLISHED = {18: 21_299_004, 32: 41_232_680, 48: 77_469_864}


def head_size(channels):
    """Parameters of the classifier's head, which the backbone leaves out: bottlenecks, steps down, 2048, 1000."""
    total = 0
    for i, inner in zip(channels, (32, 64, 128, 256), strict=True):
        o = 4 * inner
        total += i * inner + 9 * inner**2 + inner * o + i * o + 4 * inner + 4 * o
    total += sum(9 * i * 2 * i + 3 * 2 * i for i in (128, 256, 512))
    return total + 1024 * 2048 + 3 * 2048 + 2048 * 1000 + 1000


@pytest.mark.parametrize("width", PUBLISHED)
def test_number_of_parameters(width):
    with torch.device("meta"):
        network = HRNet(width)
    own = sum(parameter.numel() for parameter in network.parameters())
    assert own + head_size(network.out_channels) == PUBLISHED[width]


@torch.no_grad()
def test_shapes():
    network = HRNet(18).eval()
    found = [tuple(x.shape) for x in network(torch.randn(2, 3, 64, 96))]
    assert found == [(2, 18, 16, 24), (2, 36, 8, 12), (2, 72, 4, 6), (2, 144, 2, 3)]
    assert [tuple(x.shape[2:]) for x in network(torch.randn(1, 3, 50, 70))] == [(13, 18), (7, 9), (4, 5), (2, 3)]


def test_names_of_the_checkpoints():
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in HRNet(18).state_dict().items()}
    expected = {
        "conv2.weight": (64, 64, 3, 3),
        "bn2.running_mean": (64,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.3.conv3.weight": (256, 64, 1, 1),
        "transition1.0.0.weight": (18, 256, 3, 3),
        "transition1.1.0.0.weight": (36, 256, 3, 3),
        "stage2.0.branches.1.3.bn2.weight": (36,),
        "stage2.0.fuse_layers.0.1.0.weight": (18, 36, 1, 1),
        "transition2.2.0.1.bias": (72,),
        "stage3.3.fuse_layers.2.0.0.0.weight": (18, 18, 3, 3),
        "stage3.3.fuse_layers.2.0.1.0.weight": (72, 18, 3, 3),
        "transition3.3.0.0.weight": (144, 72, 3, 3),
        "stage4.2.fuse_layers.3.0.2.1.running_var": (144,),
    }
    assert expected.items() <= shapes.items()


def test_starts_from_a_checkpoint_with_its_head(tmp_path):
    torch.manual_seed(0)
    state = HRNet(18).state_dict()
    head = {"incre_modules.0.0.conv1.weight": torch.ones(2), "classifier.bias": torch.ones(2)}
    torch.save(state | head, tmp_path / "hrnetv2_w18.pth")
    network = create("ssnm_hrnet_w18", groups=2, channels=8)
    init_backbone(network, tmp_path / "hrnetv2_w18.pth")
    assert all(tensor.equal(state[name]) for name, tensor in network.backbone.state_dict().items())
    with pytest.raises(InputError, match="no ImageNet weights for 'hrnet_w18'"):
        init_backbone(network)
