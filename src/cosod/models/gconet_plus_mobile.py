"""The default network: consensus and confidence branches as in GCoNet+, on the features of a frozen backbone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.models.backbones import registry as backbones
from cosod.models.backbones.base import Backbone, four_levels, has_four_levels
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.layers import enlarge, height_and_width, keep_statistics, peak
from cosod.models.modules.part_matching import SIMILARITIES, PartMatching, described, unpack

#: Largest value by which the gate's logits of an image are raised.
MADE_UP = 2.0
#: The gate's logits are divided by one plus this factor times the value that was added; one unit removes a third.
DOUBT = 0.5
#: Options of :class:`MobileConfig` that only ``decode`` reads, so that they may be changed after training.
DECODE_OPTIONS = ("strength", "lift", "raised")
#: Share of a training batch in the running means of the features that are compared.
MOMENTUM = 0.01


@dataclass(frozen=True)
class MobileConfig:
    """Options of :class:`GCoNetPlusMobile`.

    Attributes:
        backbone: ``efficientnet_lite0``, ``efficientnet_lite1``, ``efficientnet_lite2``, or another one with features
            at strides 4, 8, 16 and 32.
        decoder: channels of the saliency decoder at strides 32, 16, 8 and 4.
        gate: channels of the gate at strides 16, 8 and 4.
        dropout: share of the channels of each feature that are set to zero for the saliency decoder in training, so
            that it does not depend on single channels, and thereby on the classes of the training set.
        strength: factor of the gate's logits in ``decode``; it is not applied in training.
        lift: value of the gate's logits in ``decode``, before the factor, where an image resembles the group most.
        raised: logit toward which ``decode`` raises the most salient part of an image, by at most half of the
            difference; it is applied to the logits of saliency, and again to their sum with the gate's. With -inf
            nothing is raised.
        size: side of a square with as many pixels as images are resized to by default; a multiple of 32.
    """

    backbone: str = "efficientnet_lite0"
    decoder: tuple[int, int, int, int] = (128, 96, 64, 32)
    gate: tuple[int, int, int] = (48, 32, 24)
    dropout: float = 0.0
    strength: float = 1.5
    lift: float = 0.25
    raised: float = 3.0
    size: int = 288

    def __post_init__(self):
        backbones.check(self.backbone, has_four_levels)
        if self.size < 64 or self.size % 32:
            raise InputError(f"size {self.size}: give a multiple of 32, at least 64")
        if min(self.strength, self.lift) < 0:
            raise InputError(f"strength {self.strength}, lift {self.lift}: give numbers that are not negative")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout {self.dropout}: give a share from 0 up to, but not including, 1")
        if not 0 < self.gate[1] < self.gate[0]:
            raise InputError(f"gate {self.gate}: give fewer channels at stride 8 than at stride 16")


def _conv(i: int, o: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class SaliencyDecoder(nn.Module):
    """A top-down decoder over the features of the backbone, which computes the saliency of each image by itself.

    Args:
        backbone: channels at strides 4, 8, 16 and 32.
        channels: channels of the decoder at strides 32, 16, 8 and 4.
        dropout: share of the channels of each feature that are left out in training.
    """

    def __init__(self, backbone: tuple[int, ...], channels: tuple[int, int, int, int], dropout: float = 0.0):
        super().__init__()
        self.dropout = nn.Dropout2d(dropout)
        s4, s8, s16, s32 = backbone
        c32, c16, c8, c4 = channels
        self.reduce = _conv(s32, c32, 1)
        self.context = nn.Linear(s32, c32)
        self.block32 = nn.Sequential(_conv(c32, c32), _conv(c32, c16))
        self.lateral16 = nn.Conv2d(s16, c16, 1)
        self.coarse = nn.Conv2d(c16, 1, 1)
        self.block16 = nn.Sequential(_conv(c16, c16), _conv(c16, c8))
        self.lateral8 = nn.Conv2d(s8, c8, 1)
        self.block8 = nn.Sequential(_conv(c8, c8), _conv(c8, c4))
        self.lateral4 = nn.Conv2d(s4, c4, 1)
        self.block4 = nn.Sequential(_conv(c4, c4), _conv(c4, c4))
        self.head = nn.Conv2d(c4, 1, 1)

    def forward(self, x4: Tensor, x8: Tensor, x16: Tensor, x32: Tensor) -> tuple[Tensor, Tensor]:
        """Computes logits at stride 4, and at stride 16 for an auxiliary loss; both float32."""
        x4, x8, x16, x32 = (self.dropout(x) for x in (x4, x8, x16, x32))
        x = self.reduce(x32) + self.context(x32.mean(dim=(2, 3)))[:, :, None, None]
        x = enlarge(self.block32(x), x16.shape[-2:]) + self.lateral16(x16)
        coarse = self.coarse(x)
        x = enlarge(self.block16(x), x8.shape[-2:]) + self.lateral8(x8)
        x = enlarge(self.block8(x), x4.shape[-2:]) + self.lateral4(x4)
        return self.head(self.block4(x)).float(), coarse.float()


class Gate(nn.Module):
    """A decoder that enlarges the similarity to the group from stride 16 to stride 4, guided by finer features.

    Args:
        backbone: channels at strides 4, 8 and 16.
        channels: channels of the gate at strides 16, 8 and 4.
    """

    def __init__(self, backbone: tuple[int, ...], channels: tuple[int, int, int]):
        super().__init__()
        s4, s8, s16 = backbone
        c16, c8, c4 = channels
        self.similarity = nn.Sequential(_conv(SIMILARITIES, c8), _conv(c8, c8))
        self.lateral16 = nn.Conv2d(s16, c16 - c8, 1)
        self.block16 = nn.Sequential(_conv(c16, c16), _conv(c16, c8))
        self.coarse = nn.Conv2d(c8, 1, 1)
        self.lateral8 = nn.Conv2d(s8, c8, 1)
        self.block8 = nn.Sequential(_conv(c8, c8), _conv(c8, c4))
        self.lateral4 = nn.Conv2d(s4, c4, 1)
        self.block4 = _conv(c4, c4)
        self.head = nn.Conv2d(c4, 1, 1)

    def forward(self, similarity: Tensor, x4: Tensor, x8: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        """Computes logits to add to those of saliency at stride 4, and at stride 16 for a loss; both are float32."""
        x = self.block16(torch.cat([self.similarity(similarity), self.lateral16(fine)], dim=1))
        coarse = self.coarse(x)
        x = enlarge(x, x8.shape[-2:]) + self.lateral8(x8)
        x = enlarge(self.block8(x), x4.shape[-2:]) + self.lateral4(x4)
        return self.head(self.block4(x)).float(), coarse.float()


class GCoNetPlusMobile(CoSaliencyNetwork):
    """``gconet_plus_mobile``, the default network.

    As in GCoNet+, the affinity of all positions of a group gives an attention, under which a consensus is computed
    (section 3.2), and the map comes from two branches, one for the probability of an object and one for what it has to
    exceed (section 3.3, confidence enhancement). There are two differences. The backbone is frozen with its ImageNet
    weights. And the branches have different inputs: the first, the saliency decoder, sees each image by itself and
    nothing of the group; the second, the gate, sees how much each position resembles the group
    (:class:`.part_matching.PartMatching`), but not what is there. So neither can learn that objects of certain classes
    are the shared ones. The map is the sigmoid of the sum of both logits, where those of the gate are taken relative to
    the best position of each image (:func:`_relative`).

    Shapes: ``encode`` returns four skips (the features at strides 4 and 8, the feature at stride 16 as unit vectors,
    and the logits of saliency at stride 4), and the descriptors as ``deep``, ``(N, C, H/32, W/32)``. A consensus vector
    holds a prototype and its parts. ``mean16`` and ``mean32`` are the means of the two compared features over the
    training images; they are subtracted, because otherwise all cosines are high.
    """

    config: MobileConfig
    group_sizes = True
    keep_aspect = True
    stride = 32
    additive_consensus = False
    mean16: Tensor
    mean32: Tensor

    def __init__(self, config: MobileConfig | None = None):
        super().__init__()
        self.config = config = config or MobileConfig()
        self.size = config.size
        self.backbone = backbones.create(config.backbone).requires_grad_(False)
        self.mean, self.std = self.backbone.mean, self.backbone.std
        # In a tuple, so that it is no part of the network's state.
        self._trained_with: tuple[Backbone] = (self.backbone,)
        channels = self.backbone.out_channels[-4:]
        self.matching = PartMatching(channels[3], channels[2])
        self.decoder = SaliencyDecoder(channels, config.decoder, config.dropout)
        self.gate = Gate(channels[:3], config.gate)
        self.register_buffer("mean16", torch.zeros(1, channels[2], 1, 1))
        self.register_buffer("mean32", torch.zeros(1, channels[3], 1, 1))
        for branch in (self.decoder, self.gate):
            for head in (branch.head, branch.coarse):
                nn.init.normal_(head.weight, std=0.01)
                nn.init.zeros_(head.get_parameter("bias"))

    def train(self, mode: bool = True) -> Self:
        """Sets the mode as usual, but the frozen backbone stays in evaluation mode."""
        super().train(mode)
        keep_statistics(self.backbone)
        return self

    def speed_up_training(self, faster: Callable[[Any], Any]) -> None:
        """Uses a faster copy of the backbone in training."""
        self._trained_with = (faster(self.backbone),)

    def encode(self, images: Tensor) -> Features:
        features, _ = self._encode(images)
        return features

    def _encode(self, images: Tensor) -> tuple[Features, Tensor]:
        height, width = images.shape[-2:]
        if height % self.stride or width % self.stride:
            raise InputError(f"images of {width} x {height} pixels: give sides that are multiples of {self.stride}")
        with torch.no_grad():
            x4, x8, x16, x32 = four_levels(self._trained_with[0] if self.training else self.backbone, images)
        if self.training:
            for mean, feature in ((self.mean16, x16), (self.mean32, x32)):
                mean.lerp_(feature.float().mean(dim=(0, 2, 3), keepdim=True), MOMENTUM)
        saliency, coarse = self.decoder(x4, x8, x16, x32)
        fine = x16.float() - self.mean16
        deep = described(x32.float() - self.mean32, fine, saliency.detach())
        return Features((x4, x8, F.normalize(fine, dim=1), saliency), deep, height_and_width(images)), coarse

    def consensus(self, features: Features) -> Consensus:
        return self.matching(features.deep)

    def gather(self, features: Features, attention: Tensor, weights: Tensor | None = None) -> Consensus:
        return self.matching(features.deep, attention, weights)

    def signature(self, consensus: Consensus) -> Tensor:
        return unpack(consensus.vector, self.matching.channels).prototype

    def response(self, features: Features, consensus: Consensus) -> Tensor:
        """Computes how well each position fits any part of the shared object, ``(N, 1, H/16, W/16)``."""
        return self._similarity(features, consensus.vector)[:, :1]

    def decode(self, features: Features, consensus: Consensus) -> Output:
        gate, _ = self._gated(features, consensus.vector)
        saliency = features.skips[3].float()
        strength, lift, level = self.config.strength, self.config.lift, self.config.raised
        alike = strength * _relative(gate, saliency, lift)
        logits = saliency + _missing(saliency, level) + alike
        logits = logits + _missing(logits, level) * (alike - strength * lift).exp()
        # Contiguous, because resizing two channels in channels-last format takes five times as long.
        both = torch.cat([logits, saliency], dim=1).contiguous()
        logits, saliency = enlarge(both, features.size).split(1, dim=1)
        return Output(maps=logits.sigmoid(), logits=logits, probability=saliency.sigmoid())

    def _gated(self, features: Features, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the logits of the gate at stride 4, and at stride 16 for a loss."""
        x4, x8, fine, _ = features.skips
        return self.gate(self._similarity(features, vector), x4, x8, fine.to(x4.dtype))

    def _similarity(self, features: Features, vector: Tensor) -> Tensor:
        """Computes :meth:`.part_matching.PartMatching.similarity` of the images to a consensus."""
        return self.matching.similarity(features.deep, features.skips[2], _pooled(features).sigmoid(), vector)

    def forward_training(self, images: Tensor, sizes: tuple[int, ...]) -> Output:
        """Computes the output of :meth:`forward` in training mode; group i of the batch has ``sizes[i]`` images."""
        features, objects = self._encode(images)
        attentions, vectors = [], []
        for deep in features.deep.split(sizes):
            attentions.append(torch.stack(self.matching.attentions(deep)))
            vectors.append(self.matching(deep, attentions[-1][1].detach()).vector.expand(len(deep), -1, -1, -1))
        gate, coarse = self._gated(features, torch.cat(vectors))
        size = features.size
        logits = enlarge(features.skips[3].float() + gate, size)
        coarse = enlarge(_pooled(features) + coarse, size)
        maps = logits.sigmoid()
        return Output(
            maps=maps,
            logits=logits,
            sides=(coarse.sigmoid(), maps),
            side_logits=coarse,
            objects=(enlarge(features.skips[3], size), enlarge(objects, size)),
            attentions=tuple(torch.cat(attentions, dim=1)),
        )


def _relative(gate: Tensor, saliency: Tensor, lift: float) -> Tensor:
    """Computes the logits of the gate relative to the best position of each image, ``(N, 1, H, W)``.

    Each image of a group shows the object somewhere. The logits are therefore shifted so that the salient position that
    resembles the group most has the value ``lift``, and all others have less. The shift is at most :data:`MADE_UP`, so
    that the logits stay low in an image in which nothing resembles the group. The lower the best position was before
    the shift, as with a consensus of a single photo, the less reliable are differences of logits; they are then scaled
    down (:data:`DOUBT`).

    Args:
        gate, saliency: logits of the two branches, ``(N, 1, H, W)``.
        lift: in the unit of logits, at least 0.
    """
    best = peak(gate, gate + F.logsigmoid(saliency)).clamp(-MADE_UP, lift)
    return (gate - best + lift).clamp_max(lift) / (1 - DOUBT * best.clamp_max(0))


def _missing(logits: Tensor, level: float) -> Tensor:
    """Computes half of the difference from the peak of each image to ``level``, ``(N, 1, 1, 1)``, at least 0.

    Each image of a group shows an object, so if no logit is high, as for kinds of objects that the training photos only
    show in the background, the most salient part is raised. The result is at most half of the difference between the
    peak and the mean of the image, so that nothing is raised in an image without any salient part.

    Args:
        logits: ``(N, 1, H, W)``.
        level: in the unit of logits.
    """
    best = peak(logits, logits)
    return 0.5 * torch.minimum(level - best, best - logits.mean(dim=(1, 2, 3), keepdim=True)).clamp_min(0)


def _pooled(features: Features) -> Tensor:
    """Computes the logits of saliency at stride 16, detached, so that losses of the gate do not train the decoder."""
    return F.avg_pool2d(features.skips[3].detach().float(), 4)
