"""SSNM: Zhang et al., "Deep Object Co-segmentation via Spatial-Semantic Network Modulation", AAAI 2020."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.models.backbones import registry as backbones
from cosod.models.backbones.base import four_levels, has_four_levels
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.layers import halves, height_and_width, keep_statistics
from cosod.models.modules.semantic_modulator import SemanticModulator
from cosod.models.modules.spatial_modulator import REFERENCE_POSITIONS, SOLVERS, spatial_map

#: Images in a group of the published network.
REFERENCE_GROUP = 5
LEVELS = (1, 2, 3, 4)

_CHOICES = {
    "form": ("paper", "reference"),
    "solver": SOLVERS,
}


@dataclass(frozen=True)
class SSNMConfig:
    """Options of :class:`SSNM`.

    Attributes:
        form: ``reference`` is the published code, ``paper`` what the paper draws: see :class:`SSNM`.
        backbone: ``vgg16_bn``, ``mobilenet_v2``, ``hrnet_w18``, ``hrnet_w32``, ``hrnet_w48``, or another one with
            features at strides 4, 8, 16 and 32, or half of these, which are pooled once more.
        solver: solver of the spatial modulator: ``eigh``, the closed form, or ``reference``, the published code's 200
            steps of Adam.
        groups: categories that the classifier of the semantic modulator tells apart (78 of COCO as published).
        size: side in pixels of the squares that images are resized to.
        channels: channels of the unified levels; 512 unless given, or 96 with ``mobilenet_v2``.
        tied: whether levels 4, 3 and 2 of the decoder share one block; by default only in the form ``reference``.
    """

    form: str = "paper"
    backbone: str = "vgg16_bn"
    solver: str = "eigh"
    groups: int = 78
    size: int = 224
    channels: int | None = None
    tied: bool | None = None

    def __post_init__(self):
        backbones.check(self.backbone, has_four_levels)
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise InputError(f"{field} cannot be {getattr(self, field)!r}; choose one of {', '.join(choices)}")

    @property
    def width(self) -> int:
        """Channels of the unified levels."""
        return self.channels or (96 if self.backbone == "mobilenet_v2" else 512)

    @property
    def shared_blocks(self) -> bool:
        """Whether levels 4, 3 and 2 of the decoder share one block."""
        return self.form == "reference" if self.tied is None else self.tied


class SSNM(CoSaliencyNetwork):
    """``ssnm``: four levels modulated by the group, scaled by its semantics and shifted by its spatial maps.

    The published weights need the form ``reference``: both modulators read the coarsest level F_4; the second pooling
    mixes images and channels, so that the result depends on the order of the images; groups are split into groups of
    five, the last of which is completed with the first images; and decoder blocks are shared. In the form ``paper``,
    the modulators read a fusion of all levels, the order of the images does not matter, groups may have any size, and
    every level has its own block. (In the paper only the spatial modulator reads the fusion. Here the semantic
    modulator does too, because no gradient flows through the spatial maps, and the fusion would not be trained.)

    Shapes: ``encode`` returns four skips F_1 .. F_4 with C channels (``SSNMConfig.width``) at strides 4, 8, 16 and 32,
    and ``deep``, ``(N, C, H/32, W/32)``, which is F_4 or the fusion. In training mode, ``classes`` has the logits of an
    image's group for each image.
    """

    config: SSNMConfig
    #: The loss favors the background, so that values of the maps are rarely above one half.
    mask_threshold = "coseg"
    any_groups = True

    def __init__(self, config: SSNMConfig | None = None):
        super().__init__()
        self.config = config = config or SSNMConfig()
        self.size = config.size
        self.backbone = backbones.create(config.backbone)
        self.mean, self.std = self.backbone.mean, self.backbone.std
        channels = self.backbone.out_channels[-4:]
        c = config.width
        for level, i in zip(LEVELS, channels, strict=True):
            pair = [nn.Conv2d(i, c, 3, padding=1), nn.Conv2d(c, c, 3, padding=1)]  # as published: nothing between
            convs = pair if config.backbone == "vgg16_bn" else [nn.Conv2d(i, c, 1)]
            self.add_module(f"lateral{level}", nn.Sequential(*convs, nn.ReLU()))
        if config.form == "paper":
            self.fusion = Fusion(c)
        self.semantic = SemanticModulator(c, config.groups, published=config.form == "reference")
        if config.shared_blocks:
            self.block = DecoderBlock(c)
        else:
            self.block4, self.block3, self.block2 = (DecoderBlock(c) for _ in range(3))
        self.block1 = DecoderBlock(c, up=False)
        self.mask = nn.Sequential(nn.Conv2d(c, 2, 3, padding=1), nn.ConvTranspose2d(2, 2, 8, 4, 2))
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and not name.startswith("backbone."):
                nn.init.xavier_uniform_(module.weight)
        self.semantic.scale_start()

    def train(self, mode: bool = True) -> Self:
        """Sets the mode as usual, but the batch normalization of MobileNetV2 keeps its statistics: see
        ``GCoNetPlusMobile``.
        """
        super().train(mode)
        if self.config.backbone == "mobilenet_v2":
            keep_statistics(self.backbone)
        return self

    def encode(self, images: Tensor) -> Features:
        levels = [
            self.get_submodule(f"lateral{n}")(p)
            for n, p in zip(LEVELS, four_levels(self.backbone, images), strict=True)
        ]
        deep = self.fusion(levels) if self.config.form == "paper" else levels[-1]
        return Features(tuple(levels), deep, height_and_width(images))

    def consensus(self, features: Features) -> Consensus:
        consensus = self._modulators(features.deep.unsqueeze(0))
        # In the form "paper" all images have the group's one vector.
        return consensus if self.config.form == "reference" else consensus._replace(vector=consensus.vector[:1])

    def decode(self, features: Features, consensus: Consensus) -> Output:
        above = None
        for level in reversed(LEVELS):
            skip = features.skips[level - 1]
            x = skip * consensus.vector.to(skip.dtype)
            if consensus.spatial is not None:
                x = x + _resize(consensus.spatial, skip).to(skip.dtype)
            shared = self.config.shared_blocks and level > 1
            above = self.get_submodule("block" if shared else f"block{level}")(x, above)
        pair = self.mask(above).float()
        # The softmax over two channels, of which the first is the foreground.
        logits = pair[:, :1] - pair[:, 1:]
        if logits.shape[-2:] != features.size:
            logits = F.interpolate(logits, features.size, mode="bilinear", align_corners=False)
        maps = logits.sigmoid()
        return Output(maps, logits, (maps,))

    def forward(self, images: Tensor, groups: int = 2) -> Output:
        """Computes the maps; in training mode the batch has ``groups`` groups of the same size."""
        return self.forward_training(images, groups) if self.training else super().forward(images)

    def forward_training(self, images: Tensor, groups: int = 2) -> Output:
        n = halves(images, groups)
        features = self.encode(images)
        consensus = self._modulators(features.deep.unflatten(0, (groups, n)))
        scores = self.semantic.classifier(consensus.vector.flatten(1))
        return self.decode(features, consensus)._replace(classes=scores, deep=features.deep)

    def _modulators(self, deep: Tensor) -> Consensus:
        """Computes both modulators for G groups of n images, ``(G, n, C, H, W)``: a row for each of the G n images."""
        groups, n = deep.shape[:2]
        together = torch.arange(n).unsqueeze(0) if self.config.form == "paper" else fives(n)
        deep = deep[:, together.to(deep.device)].flatten(0, 1)  # (G B, k, C, H, W): B parts with k images each
        parts, k = together.shape
        positions = k * deep[0, 0, 0].numel()
        # Maps have unit length over a group; the factor keeps the published scale for other numbers of positions.
        spatial = spatial_map(deep, self.config.solver) * (positions / REFERENCE_POSITIONS) ** 0.5
        vector = self.semantic(deep).repeat_interleave(k, dim=0).unflatten(0, (groups, parts * k))
        spatial = spatial.flatten(0, 1).unflatten(0, (groups, parts * k))
        # The parts keep the order of the images, and the images that complete the last part are at the end.
        return Consensus(vector[:, :n].flatten(0, 1)[..., None, None], spatial=spatial[:, :n].flatten(0, 1))


def fives(n: int) -> Tensor:
    """Returns how the published code splits n images into groups of five: indices ``(ceil(n / 5), 5)``.

    The groups are consecutive, and the last one is completed with the first images. If there are fewer than five
    images, they are repeated (the published code fails for 1 or 2 images).

    Example:
        >>> fives(7).shape
        torch.Size([2, 5])
    """
    number = -(-n // REFERENCE_GROUP) * REFERENCE_GROUP
    return (torch.arange(number) % n).view(-1, REFERENCE_GROUP)


class Fusion(nn.Module):
    """Fuses the four levels into one feature, as the paper describes.

    From the finest level on, a level is pooled to the size of the next one, passes a 1 x 1 convolution, and is added to
    it. A last 1 x 1 convolution follows.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in LEVELS[1:])
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Fuses F_1 .. F_4 to a feature of the shape of F_4, not negative."""
        x = levels[0]
        for conv, level in zip(self.down, levels[1:], strict=True):
            # Pooling comes first: it commutes with a 1 x 1 convolution, which then costs a quarter. Sides are tensors
            # in a trace, and ONNX has this pooling for numbers only.
            height, width = map(int, height_and_width(level))
            x = level + conv(F.adaptive_avg_pool2d(x, (height, width)))
        return F.relu(self.out(x))


class DecoderBlock(nn.Module):
    """One level of the decoder: 1 x 1 convolution, addition of the level above, 3 x 3 convolution, upsampling."""

    def __init__(self, channels: int, up: bool = True):
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels, 1)
        self.merge = nn.Conv2d(channels, channels, 3, padding=1)
        self.up = nn.ConvTranspose2d(channels, channels, 4, 2, 1) if up else nn.Identity()

    def forward(self, x: Tensor, above: Tensor | None) -> Tensor:
        """Decodes ``(N, C, H, W)`` with the result of the level above, to twice the height and width with ``up``."""
        x = F.relu(self.reduce(x))
        if above is not None:
            x = x + _resize(above, x)
        return self.up(F.relu(self.merge(x)))


def _resize(x: Tensor, like: Tensor) -> Tensor:
    """Resizes to the height and width of another tensor, bilinear without aligned corners, as published."""
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
