"""The backbone of the light networks."""

import pytest
import torch
from torch import nn

from cosod.models.backbones.mobilenet import DepthwiseConv2d


@pytest.mark.parametrize(
    ("stride", "dilation", "side"),
    [(1, 2, 8), (1, 2, (6, 10)), (1, 2, 7), (1, 1, 8), (2, 1, 8), (2, 1, 7)],
    ids=str,
)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_depthwise_gradients_are_those_of_a_plain_convolution(stride, dilation, side, precision):
    torch.manual_seed(0)
    own = DepthwiseConv2d(6, 6, 3, stride, dilation, dilation=dilation, groups=6)
    plain = nn.Conv2d(6, 6, 3, stride, dilation, dilation=dilation, groups=6)
    plain.load_state_dict(own.state_dict())
    x = torch.randn(3, 6, *(side if isinstance(side, tuple) else (side, side))).to(memory_format=torch.channels_last)
    found = []
    for conv in (own, plain):
        image = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            out = conv(image)
        out.float().square().sum().backward()
        found.append((out.float(), image.grad, conv.weight.grad, conv.bias.grad))
    tolerance = 1e-5 if precision == torch.float32 else 0.02
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() <= tolerance * theirs.abs().max()


def test_depthwise_keeps_the_precision_of_autocast():
    conv = DepthwiseConv2d(4, 4, 3, 2, 1, groups=4)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(torch.zeros(1, 4, 8, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16
