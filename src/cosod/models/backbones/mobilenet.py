"""MobileNetV2 features, with the parameter names of torchvision's ``mobilenet_v2``."""

import torch
from torch import Tensor, nn

from cosod.models.backbones.base import Backbone

#: (expansion, channels, blocks, stride) of the stages after the stem: Sandler et al., CVPR 2018, table 2.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class DepthwiseConv2d(nn.Conv2d):
    """A depth-wise convolution with the usual results and gradients that trains faster on the CPU.

    In bfloat16, the gradient of a dilated convolution takes twenty times as long as that of a plain one, and the
    gradient of a strided convolution five times as long as in float32. A dilated one is therefore computed as a plain
    one on four grids, which have every second row and column, and a strided one in float32.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        wanted = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
        if not wanted or x.device.type != "cpu":
            return super()._conv_forward(x, weight, bias)
        if self.stride != (1, 1):
            with torch.autocast("cpu", enabled=False):
                return super()._conv_forward(x.float(), weight, bias).to(x.dtype)
        height, width = x.shape[-2:]
        if self.dilation != (2, 2) or self.padding != (2, 2) or height % 2 or width % 2:
            return super()._conv_forward(x, weight, bias)
        out = nn.functional.conv2d(_grids(x), weight, bias, padding=1, groups=self.groups)
        return _woven(out, len(x))


def _grids(x: Tensor) -> Tensor:
    """Splits ``(N, C, H, W)`` into ``(4 N, C, H / 2, W / 2)`` by even and odd rows and columns."""
    n, c, h, w = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(n, h // 2, 2, w // 2, 2, c).permute(2, 4, 0, 1, 3, 5)
    return parts.reshape(4 * n, h // 2, w // 2, c).permute(0, 3, 1, 2)


def _woven(x: Tensor, n: int) -> Tensor:
    """Inverts :func:`_grids`."""
    _, c, h, w = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(2, 2, n, h, w, c).permute(2, 3, 0, 4, 1, 5)
    return parts.reshape(n, 2 * h, 2 * w, c).permute(0, 3, 1, 2)


def _conv_bn(i: int, o: int, kernel: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (kernel - 1) // 2
    kind = nn.Conv2d if groups == 1 else DepthwiseConv2d
    conv = kind(i, o, kernel, stride, padding, dilation=dilation, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    """Expansion by 1 x 1, depthwise 3 x 3, projection by 1 x 1; a shortcut if input and output have one shape."""

    def __init__(self, i: int, o: int, stride: int, expansion: int, dilation: int = 1):
        super().__init__()
        hidden = i * expansion
        self.shortcut = stride == 1 and i == o
        layers: list[nn.Module] = [] if expansion == 1 else [_conv_bn(i, hidden, 1)]
        layers += [_conv_bn(hidden, hidden, 3, stride, groups=hidden, dilation=dilation)]
        layers += [nn.Conv2d(hidden, o, 1, bias=False), nn.BatchNorm2d(o)]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.shortcut else self.conv(x)


class MobileNetV2(Backbone):
    """The convolutional stages of MobileNetV2 1.0.

    The 1 x 1 layer to 1,280 channels and the classifier of the original are left out.

    Args:
        deepest_stride: largest stride of a feature. A stage that would exceed it loses its stride, and the layers after
            it are dilated; with 16, the last feature has the size of the one before it.

    Shapes (for images of 256 x 256): ``(N, 16, 128, 128)``, ``(N, 24, 64, 64)``, ``(N, 32, 32, 32)``,
    ``(N, 96, 16, 16)``, ``(N, 320, 8, 8)``.
    """

    out_channels = (16, 24, 32, 96, 320)
    strides: tuple[int, ...] = (2, 4, 8, 16, 32)
    mean = std = (0.5, 0.5, 0.5)
    #: Index into ``features`` after which each feature is taken.
    given_after = (1, 3, 6, 13, 17)

    def __init__(self, deepest_stride: int = 32):
        super().__init__()
        self.strides = tuple(min(stride, deepest_stride) for stride in self.strides)
        layers: list[nn.Module] = [_conv_bn(3, 32, 3, 2)]
        i, stride, dilation = 32, 2, 1
        for expansion, o, blocks, step in STAGES:
            for block in range(blocks):
                wanted, following = (step if block == 0 else 1), dilation
                if stride * wanted > deepest_stride:
                    # This layer loses its stride; the layers after it are dilated to keep their receptive field.
                    following, wanted = dilation * wanted, 1
                layers.append(InvertedResidual(i, o, wanted, expansion, dilation))
                stride, dilation, i = stride * wanted, following, o
        self.features = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Computes five features of normalized images ``(N, 3, H, W)``, finest first."""
        outputs = []
        x = images
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.given_after:
                outputs.append(x)
        return outputs

    def own_name(self, published: str) -> str | None:
        last = f"features.{len(self.features)}."  # the layer to 1,280 channels
        return None if published.startswith((last, "classifier.")) else published
