"""The light network for single images: MobileNetV2 and a top-down decoder with a map at every level."""

from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from cosod.models.backbones import registry as backbones
from cosod.models.backbones.base import four_levels
from cosod.models.base import Features
from cosod.models.modules.layers import enlarge, height_and_width, keep_statistics
from cosod.models.saliency_base import Saliency, SaliencyNetwork, check_classes


@dataclass(frozen=True)
class SaliencyMobileConfig:
    """Options of :class:`SaliencyMobile`.

    Attributes:
        classes: channels of every head; 2 for clicks, 1 for masks.
        width: channels of the decoder, and of the dense features.
    """

    classes: int = 2
    width: int = 48

    def __post_init__(self):
        check_classes(self.classes)


def _conv(i: int, o: int, kernel: int = 3, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(i, o, kernel, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(o), nn.ReLU())


class SaliencyMobile(SaliencyNetwork):
    """``saliency_mobile``: a network that is small enough to be trained on a CPU.

    MobileNetV2 computes features down to stride 32, and each level is reduced to ``width`` channels, as in F3Net. The
    mean over the whole image is added to the coarsest level. From there on, each finer level is added to the enlarged
    coarser one, and the sum is filtered by two convolutions.
    """

    config: SaliencyMobileConfig
    size = 224
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    stem = tuple(f"backbone.features.{layer}." for layer in range(4))  # strides 2 and 4: a third of a step's time

    def __init__(self, config: SaliencyMobileConfig | None = None):
        super().__init__()
        self.config = config = config or SaliencyMobileConfig()
        self.backbone = backbones.create("mobilenet_v2")
        channels = self.backbone.out_channels[-4:]
        width = config.width
        self.squeeze = nn.ModuleList(_conv(c, width, 1) for c in channels)
        self.whole = nn.Conv2d(width, width, 1)
        self.blocks = nn.ModuleList(nn.Sequential(_conv(width, width), _conv(width, width)) for _ in channels)
        self.levels = nn.ModuleList(nn.Conv2d(width, config.classes, 1) for _ in channels)

    def train(self, mode: bool = True) -> Self:
        """Sets the mode as usual, but the backbone's batch normalization keeps its ImageNet statistics."""
        super().train(mode)
        keep_statistics(self.backbone)
        return self

    def encode(self, images: Tensor) -> Features:
        features = four_levels(self.backbone, images)
        levels = [squeeze(x) for squeeze, x in zip(self.squeeze, features, strict=True)]
        return Features(tuple(levels[:-1]), levels[-1], height_and_width(images))

    def heads(self, features: Features) -> Saliency:
        x = features.deep + self.whole(features.deep.mean(dim=(2, 3), keepdim=True))
        maps: list[Tensor] = []
        for level in reversed(range(len(self.blocks))):
            if level < len(features.skips):
                finer = features.skips[level]
                x = finer + enlarge(x, finer.shape[-2:])
            x = self.blocks[level](x)
            maps.insert(0, self.levels[level](x))
        return Saliency(tuple(maps), (1.0, 0.5, 0.25, 0.125), x)
