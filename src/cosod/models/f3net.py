"""F3Net (Wei et al., AAAI 2020): cross feature module and cascaded feedback decoder on ResNet-50."""

from dataclasses import dataclass

from torch import Tensor, nn

from cosod.models.backbones import registry as backbones
from cosod.models.backbones.base import four_levels
from cosod.models.base import Features
from cosod.models.modules.layers import enlarge, height_and_width
from cosod.models.saliency_base import Saliency, SaliencyNetwork, check_classes

#: Channels of everything after the backbone.
WIDTH = 64


@dataclass(frozen=True)
class F3NetConfig:
    """Options of :class:`F3Net`.

    Attributes:
        classes: channels of every head; 1 as published, for masks, and 2 for clicks (ASTE-AL).
    """

    classes: int = 1

    def __post_init__(self):
        check_classes(self.classes)


def _conv(i: int, o: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, kernel, padding=kernel // 2), nn.BatchNorm2d(o), nn.ReLU())


class CrossFeature(nn.Module):
    """Cross feature module (CFM, section 3.2): adds the product of a finer and a coarser feature to each of the two."""

    def __init__(self):
        super().__init__()
        self.fine = nn.ModuleList(_conv(WIDTH, WIDTH, 3) for _ in range(4))
        self.coarse = nn.ModuleList(_conv(WIDTH, WIDTH, 3) for _ in range(4))

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Refines two features of ``(N, 64, ., .)``, and returns both at the size of the finer."""
        a = self.fine[0](fine)
        b = self.coarse[0](enlarge(coarse, fine.shape[-2:]))
        agreed = self.fine[1](a) * self.coarse[1](b)
        return (
            self.fine[3](self.fine[2](agreed) + a),
            self.coarse[3](self.coarse[2](agreed) + b),
        )


class Decoder(nn.Module):
    """One decoder of the cascaded feedback decoder (section 3.3): three cross feature modules, from coarse to fine."""

    def __init__(self):
        super().__init__()
        self.cfm45, self.cfm34, self.cfm23 = CrossFeature(), CrossFeature(), CrossFeature()

    def forward(self, levels: tuple[Tensor, ...], feedback: Tensor | None = None) -> tuple[tuple[Tensor, ...], Tensor]:
        """Refines the features of levels 2 to 5.

        Args:
            levels: features of levels 2 to 5, ``(N, 64, ., .)`` each.
            feedback: result of the decoder before this one, which is added to all levels; None for the first.

        Returns:
            The refined features of levels 2 to 5, and the result, which has the size of level 2.
        """
        x2, x3, x4, x5 = levels
        if feedback is not None:
            x2, x3, x4, x5 = (x + enlarge(feedback, x.shape[-2:]) for x in levels)
        x4, coarse = self.cfm45(x4, x5)
        x3, coarse = self.cfm34(x3, coarse)
        x2, result = self.cfm23(x2, coarse)
        return (x2, x3, x4, x5), result


class F3Net(SaliencyNetwork):
    """``f3net``: the published network, whose heads have one channel, or two on request.

    The maps are those of both decoders, the second of which is the result and comes first, and then those of levels 2
    to 5 of the second decoder. The dense feature is the output of the second decoder, with 64 channels at stride 4.
    """

    config: F3NetConfig
    size = 352
    mean = (124.55 / 255, 118.90 / 255, 102.94 / 255)
    std = (56.77 / 255, 55.97 / 255, 57.50 / 255)
    stem = ("backbone.conv1.",)  # in no group of the published optimizer

    def __init__(self, config: F3NetConfig | None = None):
        super().__init__()
        self.config = config = config or F3NetConfig()
        self.backbone = backbones.create("resnet50", pooled=True)
        self.squeeze = nn.ModuleList(_conv(channels, WIDTH, 1) for channels in self.backbone.out_channels[-4:])
        self.decoder1, self.decoder2 = Decoder(), Decoder()
        self.result1, self.result2 = (nn.Conv2d(WIDTH, config.classes, 3, padding=1) for _ in range(2))
        self.levels = nn.ModuleList(nn.Conv2d(WIDTH, config.classes, 3, padding=1) for _ in range(4))
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith("backbone."):
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
                nn.init.zeros_(module.get_parameter("bias"))

    def encode(self, images: Tensor) -> Features:
        features = four_levels(self.backbone, images)
        levels = [squeeze(x) for squeeze, x in zip(self.squeeze, features, strict=True)]
        return Features(tuple(levels[:-1]), levels[-1], height_and_width(images))

    def heads(self, features: Features) -> Saliency:
        levels, first = self.decoder1((*features.skips, features.deep))
        levels, second = self.decoder2(levels, first)
        maps = [self.result2(second), self.result1(first)]
        maps += [head(level) for head, level in zip(self.levels, levels, strict=True)]
        return Saliency(tuple(maps), (0.5, 0.5, 0.5, 0.25, 0.125, 0.0625), second)
