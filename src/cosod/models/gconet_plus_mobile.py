"""The light network: GCoNet+'s consensus and two branches, on frozen features, so that it knows no classes."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.models.backbones import registry as backbones
from cosod.models.backbones.base import four_levels, has_four_levels
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.layers import enlarge, keep_statistics, peak
from cosod.models.modules.part_matching import SIMILARITIES, PartMatching, described, unpack

#: How much of the gate's logit is made up for where an image resembles the group most.
MADE_UP = 2.0
#: How much less the gate counts for each unit of logits that is made up for: one unit takes a third off.
DOUBT = 0.5
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
        dropout: share of the channels of each feature that the saliency decoder does not see in training, so that
            it leans on no single one, and on no class of the training set.
        strength: factor of the gate's logits in ``decode``; they count as they are while the network is trained.
        lift: what is added in ``decode`` to the gate's logits where an image resembles the group most, before the
            factor.
        raised: logit up to which ``decode`` raises the best of an image, halfway, once by itself and once by what it
            shares with the group. -inf leaves all as it is.
        size: side of a square with as many pixels as images are resized to by default; a multiple of 32.
    """

    backbone: str = "efficientnet_lite0"
    decoder: tuple[int, int, int, int] = (128, 96, 64, 32)
    gate: tuple[int, int, int] = (48, 32, 24)
    dropout: float = 0.0
    strength: float = 1.5
    lift: float = 0.25
    raised: float = 3.0
    size: int = 256

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
    """What stands out in each image by itself: a top-down decoder over the backbone's features.

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
        """Computes logits at stride 4, and at stride 16 for a loss of their own; both float32."""
        x4, x8, x16, x32 = (self.dropout(x) for x in (x4, x8, x16, x32))
        x = self.reduce(x32) + self.context(x32.mean(dim=(2, 3)))[:, :, None, None]
        x = enlarge(self.block32(x), x16.shape[-2:]) + self.lateral16(x16)
        coarse = self.coarse(x)
        x = enlarge(self.block16(x), x8.shape[-2:]) + self.lateral8(x8)
        x = enlarge(self.block8(x), x4.shape[-2:]) + self.lateral4(x4)
        return self.head(self.block4(x)).float(), coarse.float()


class Gate(nn.Module):
    """What of that the group shares: similarity at stride 16, brought to the outlines of finer features.

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
        """Computes what is added to the logits of saliency at stride 4, and at stride 16 for a loss; both float32."""
        x = self.block16(torch.cat([self.similarity(similarity), self.lateral16(fine)], dim=1))
        coarse = self.coarse(x)
        x = enlarge(x, x8.shape[-2:]) + self.lateral8(x8)
        x = enlarge(self.block8(x), x4.shape[-2:]) + self.lateral4(x4)
        return self.head(self.block4(x)).float(), coarse.float()


class GCoNetPlusMobile(CoSaliencyNetwork):
    """``gconet_plus_mobile``, the default network.

    As GCoNet+: attention from the affinity of all positions of a group gathers a consensus (section 3.2), and two
    branches make the map, one of which says how probable an object is and one what has to be exceeded (section 3.3,
    confidence enhancement). Otherwise than there the backbone stays as ImageNet left it, and the branches see
    different things. The first sees an image by itself and nothing of the group; the second, the gate, sees how much
    each position resembles the group (:class:`.part_matching.PartMatching`) and nothing of what it is. Neither can
    learn that some classes are shared and others are not. The map is the sigmoid of the sum of their logits,
    those of the gate counted from the best of each image (:func:`_relative`).

    Shapes: ``encode`` gives four skips (features at strides 4 and 8, the feature at stride 16 as unit vectors, and
    logits of saliency at stride 4), and ``deep``, the descriptors, ``(N, C, H/32, W/32)``. A consensus vector holds
    prototype and parts. ``mean16`` and ``mean32`` are the means of the two features that are compared, over the images
    of the training: without them all cosines are high.
    """

    group_sizes = True
    keep_aspect = True
    stride = 32
    additive_consensus = False

    def __init__(self, config: MobileConfig | None = None):
        super().__init__()
        self.config = config = config or MobileConfig()
        self.size = config.size
        self.backbone = backbones.create(config.backbone).requires_grad_(False)
        self.mean, self.std = self.backbone.mean, self.backbone.std
        channels = self.backbone.out_channels[-4:]
        self.matching = PartMatching(channels[3], channels[2])
        self.decoder = SaliencyDecoder(channels, config.decoder, config.dropout)
        self.gate = Gate(channels[:3], config.gate)
        self.register_buffer("mean16", torch.zeros(1, channels[2], 1, 1))
        self.register_buffer("mean32", torch.zeros(1, channels[3], 1, 1))
        for branch in (self.decoder, self.gate):
            for head in (branch.head, branch.coarse):
                nn.init.normal_(head.weight, std=0.01)
                nn.init.zeros_(head.bias)

    def train(self, mode: bool = True):
        """Sets the mode as usual, but the backbone stays in evaluation mode: it is frozen."""
        super().train(mode)
        keep_statistics(self.backbone)
        return self

    def encode(self, images: Tensor) -> Features:
        features, _ = self._encode(images)
        return features

    def _encode(self, images: Tensor) -> tuple[Features, Tensor]:
        height, width = images.shape[-2:]
        if height % self.stride or width % self.stride:
            raise InputError(f"images of {width} x {height} pixels: give sides that are multiples of {self.stride}")
        with torch.no_grad():
            x4, x8, x16, x32 = four_levels(self.backbone, images)
        if self.training:
            for mean, feature in ((self.mean16, x16), (self.mean32, x32)):
                mean.lerp_(feature.float().mean(dim=(0, 2, 3), keepdim=True), MOMENTUM)
        saliency, coarse = self.decoder(x4, x8, x16, x32)
        fine = x16.float() - self.mean16
        deep = described(x32.float() - self.mean32, fine, saliency.detach())
        return Features((x4, x8, F.normalize(fine, dim=1), saliency), deep, tuple(images.shape[-2:])), coarse

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
        # Contiguous: two channels that stand side by side in memory are enlarged five times slower.
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
        """Does the same as :meth:`forward` in training mode, for groups of ``sizes`` images."""
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
    """Computes the logits of the gate as they count in an image of the group, ``(N, 1, H, W)``.

    Each image shows the object somewhere. So what resembles the group most, of what is salient there, is not held back
    but raised to ``lift``, and the rest is held back as far as it resembles the group less. Where even the best is next
    to nothing like the group, no more than :data:`MADE_UP` is made up for. And the less the best resembles the group,
    as where the consensus is of one photo, the less certain it is what differences mean, and the less they count.

    Args:
        gate, saliency: logits of the two branches, ``(N, 1, H, W)``.
        lift: in the unit of logits, at least 0.
    """
    best = peak(gate, gate + F.logsigmoid(saliency)).clamp(-MADE_UP, lift)
    return (gate - best + lift).clamp_max(lift) / (1 - DOUBT * best.clamp_max(0))


def _missing(logits: Tensor, level: float) -> Tensor:
    """Computes half of what the best of each image has less than ``level``, ``(N, 1, 1, 1)``, at least 0.

    Each image shows something, so that where nothing is marked with certainty, as with kinds of things that training
    photos show in the background only, what stands out most is meant. No more than half of how far it stands out from
    the mean of the image is made up for: in an empty image nothing does.

    Args:
        logits: ``(N, 1, H, W)``.
        level: in the unit of logits.
    """
    best = peak(logits, logits)
    return 0.5 * torch.minimum(level - best, best - logits.mean(dim=(1, 2, 3), keepdim=True)).clamp_min(0)


def _pooled(features: Features) -> Tensor:
    """Computes the logits of saliency at stride 16; what trains the gate does not train them."""
    return F.avg_pool2d(features.skips[3].detach().float(), 4)
