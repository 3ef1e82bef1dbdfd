"""EfficientNet-Lite: EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excitation and with ReLU6."""

import math

from torch import Tensor, nn

from cosod.errors import InputError
from cosod.models.backbones.base import Backbone

#: (expansion, channels, blocks, stride, kernel) of the seven stages: table 1 of the paper, at width and depth 1.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
#: Factors of the numbers of channels and of blocks.
VARIANTS = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
}
STEM = 32
#: Constant that batch normalization adds to variances.
EPSILON = 1e-3
#: Stages whose output is returned as a feature; their strides are 4, 8, 16 and 32.
GIVEN = (1, 2, 4, 6)


class EfficientNetLite(Backbone):
    """The stages of EfficientNet-Lite, without its last layer of 1,280 channels and its classifier.

    Images are normalized by mean 127 / 255 and standard deviation 128 / 255.

    Args:
        variant: ``efficientnet_lite0``, ``efficientnet_lite1`` or ``efficientnet_lite2``.

    Raises:
        InputError: the variant is unknown.

    Example:
        >>> import torch
        >>> backbone = EfficientNetLite("efficientnet_lite0")
        >>> [tuple(f.shape) for f in backbone(torch.zeros(1, 3, 64, 64))]
        [(1, 24, 16, 16), (1, 40, 8, 8), (1, 112, 4, 4), (1, 320, 2, 2)]
    """

    strides = (4, 8, 16, 32)
    mean = (127 / 255,) * 3
    std = (128 / 255,) * 3

    def __init__(self, variant: str = "efficientnet_lite0"):
        super().__init__()
        if variant not in VARIANTS:
            raise InputError(f"backbone cannot be {variant!r}; choose one of {', '.join(VARIANTS)}")
        self.variant = variant
        width, depth = VARIANTS[variant]
        self.stem = _conv_bn(3, STEM, 3, stride=2)
        self.stages = nn.ModuleList()
        i = STEM
        for number, (expansion, channels, blocks, stride, kernel) in enumerate(STAGES):
            o = _rounded_width(channels, width)
            if 0 < number < len(STAGES) - 1:  # Lite variants scale neither the first stage nor the last in depth
                blocks = math.ceil(blocks * depth)
            steps = [stride] + [1] * (blocks - 1)
            layers = [_InvertedResidual(i if n == 0 else o, o, kernel, s, expansion) for n, s in enumerate(steps)]
            self.stages.append(nn.Sequential(*layers))
            i = o
        self.out_channels = tuple(_rounded_width(STAGES[number][1], width) for number in GIVEN)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Computes the features at strides 4, 8, 16 and 32 of normalized images ``(N, 3, H, W)``, multiples of 32."""
        features = []
        x = self.stem(images)
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number in GIVEN:
                features.append(x)
        return features

    def own_name(self, published: str) -> str | None:
        """Returns the parameter that an entry of the PyTorch checkpoints belongs to; None for an unused entry.

        These checkpoints call a block ``_blocks.N`` with ``_expand_conv``, ``_depthwise_conv`` and ``_project_conv``,
        each followed by ``_bn0``, ``_bn1`` and ``_bn2``.
        """
        first, _, rest = published.partition(".")
        if first in ("_conv_stem", "_bn0"):
            return f"stem.{_place('conv' if first == '_conv_stem' else 'bn', strided=True)}.{rest}"
        if first != "_blocks":
            return None  # the layer to 1,280 channels and the classifier
        number, layer, rest = rest.split(".", 2)
        places = [
            (stage, block) for stage, blocks in enumerate(self.stages) for block, _ in enumerate(blocks.children())
        ]
        if int(number) >= len(places):
            return published  # an entry of a deeper variant, which is reported as unknown
        stage, block = places[int(number)]
        layers = ["_expand_conv", "_depthwise_conv", "_project_conv"]
        norms = ["_bn0", "_bn1", "_bn2"]
        if STAGES[stage][0] == 1:
            layers, norms = layers[1:], norms[1:]
        kind, names = ("conv", layers) if layer in layers else ("bn", norms)
        index = names.index(layer)
        strided = layers[index] == "_depthwise_conv" and block == 0 and STAGES[stage][3] == 2
        return f"stages.{stage}.{block}.layers.{index}.{_place(kind, strided)}.{rest}"


def _place(kind: str, strided: bool) -> int:
    """Returns the index of a convolution or of its normalization in :func:`_conv_bn`.

    Strided convolutions come after a layer of padding.
    """
    return (kind == "bn") + strided


def _rounded_width(channels: int, factor: float) -> int:
    """Returns the channels scaled to a multiple of eight that is not more than a tenth too small."""
    if factor == 1.0:
        return channels
    scaled = channels * factor
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def _conv_bn(i: int, o: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    padding = kernel // 2
    if stride > 1:
        # TensorFlow pads images with even sides by one row and column more at their end than at their start.
        before = (kernel - stride) // 2
        after = kernel - stride - before
        layers.append(nn.ZeroPad2d((before, after, before, after)))
        padding = 0
    layers.append(nn.Conv2d(i, o, kernel, stride, padding, groups=groups, bias=False))
    layers.append(nn.BatchNorm2d(o, eps=EPSILON))
    if activation:
        layers.append(nn.ReLU6(inplace=True))
    return nn.Sequential(*layers)


class _InvertedResidual(nn.Module):
    """Expansion by 1 x 1, depthwise convolution, projection by 1 x 1; a shortcut if input and output have one shape."""

    def __init__(self, i: int, o: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        hidden = i * expansion
        self.shortcut = stride == 1 and i == o
        layers = [] if expansion == 1 else [_conv_bn(i, hidden, 1)]
        layers += [_conv_bn(hidden, hidden, kernel, stride, groups=hidden), _conv_bn(hidden, o, 1, activation=False)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)
