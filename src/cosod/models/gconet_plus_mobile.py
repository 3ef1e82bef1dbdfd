"""The light network: the consensus and the confidence module of GCoNet+ on MobileNetV2."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.backbones.mobilenet import MobileNetV2
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.group_affinity import CosineAffinity
from cosod.models.modules.layers import halves, keep_statistics, resize


@dataclass(frozen=True)
class MobileConfig:
    """Options of :class:`GCoNetPlusMobile`.

    Attributes:
        channels: channels of the feature that the consensus is formed on.
        key_channels: channels of the embedding that the group affinity compares.
        decoder: channels of the decoder at strides 16, 8 and 4.
        confidence: k of the confidence enhancement module, ``map = sigmoid(k (P - T))``. The papers' 300 makes
            the map all but binary and stops gradients; 10 spans (0.00005, 0.99995) and trains from scratch.
        groups: training groups that the auxiliary classifier tells apart.
    """

    channels: int = 192
    key_channels: int = 64
    decoder: tuple[int, int, int] = (128, 64, 48)
    confidence: float = 10.0
    groups: int = 291


def _conv(i: int, o: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU())


class GCoNetPlusMobile(CoSaliencyNetwork):
    """``gconet_plus_mobile``, the default network.

    As GCoNet+: group affinity module on the deepest feature F, the consensus multiplied into F channel by
    channel, a top-down decoder with lateral connections, and two branches whose difference is the map
    (GCoNet+ section 3.3, CEM). Otherwise than there: F is a 1 x 1 projection of MobileNetV2's last stage at
    stride 16; the affinity is a cosine, with a term for objectness (:class:`.modules.group_affinity.CosineAffinity`),
    and its attention is supervised in training; the decoder also sees the cosine between F and the consensus, position
    by position; the map is made at stride 4 and resized; the masked classification pools F under the map instead of
    encoding the masked image again.
    """

    size = 288  # best of 256, 288 and 320 on the held-out groups of DUTS_class
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)

    def __init__(self, config: MobileConfig | None = None):
        super().__init__()
        self.config = config = config or MobileConfig()
        self.backbone = MobileNetV2()
        c16, c8, c4 = config.decoder
        s4, s8, s16 = MobileNetV2.skip_channels[1:]
        c = config.channels
        self.reduce = _conv(MobileNetV2.deep_channels, c, 1)
        self.affinity = CosineAffinity(c, config.key_channels)
        self.top = nn.Sequential(_conv(c + 1, 64), _conv(64, c16))
        self.lateral16 = nn.Conv2d(s16, c16, 1)
        self.lateral8 = nn.Conv2d(s8, c8, 1)
        self.lateral4 = nn.Conv2d(s4, c4, 1)
        self.block16 = nn.Sequential(_conv(c16, 64), _conv(64, c8))
        self.block8 = nn.Sequential(_conv(c8, 64), _conv(64, c4))
        self.block4 = nn.Sequential(_conv(c4, 32), _conv(32, 32))
        self.probability = nn.Sequential(_conv(32, 16), nn.Conv2d(16, 1, 1))
        self.threshold = nn.Sequential(_conv(32, 16), nn.Conv2d(16, 1, 1))
        # Training only.
        self.side8 = nn.Conv2d(c8, 1, 1)
        self.classifier = nn.Linear(c, config.groups)
        self.contrast = nn.Sequential(_conv(c + 1, 64), nn.Conv2d(64, 1, 1))
        for module in (self.top, self.block16, self.block8, self.block4, self.probability, self.threshold):
            for conv in (m for m in module.modules() if isinstance(m, nn.Conv2d)):
                nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        for branch in (self.probability, self.threshold):
            nn.init.normal_(branch[-1].weight, std=0.01)
            nn.init.zeros_(branch[-1].bias)

    def train(self, mode: bool = True):
        """As usual, but the backbone's batch normalisation keeps its ImageNet statistics.

        Batches sorted by group would ruin them.
        """
        super().train(mode)
        keep_statistics(self.backbone)
        return self

    def encode(self, images: Tensor) -> Features:
        skips, deep = self.backbone(images)
        return Features(skips[1:], self.reduce(deep), tuple(images.shape[-2:]))

    def consensus(self, features: Features) -> Consensus:
        return self.affinity(features.deep)

    def gather(self, features: Features, attention: Tensor, weights: Tensor | None = None) -> Consensus:
        return self.affinity(features.deep, attention, weights)

    def modulate(self, deep: Tensor, vector: Tensor) -> Tensor:
        """F times the consensus, and the cosine of the two as one more channel: ``(N, C + 1, H, W)``."""
        weighted = deep * vector
        norm = deep.norm(dim=1, keepdim=True) * vector.norm(dim=1, keepdim=True)
        cosine = weighted.sum(dim=1, keepdim=True) / norm.clamp_min(1e-6)
        return torch.cat([weighted, cosine.to(weighted.dtype)], dim=1)

    def decode(self, features: Features, consensus: Consensus) -> Output:
        return self._decode(features, self.modulate(features.deep, consensus.vector))

    def _decode(self, features: Features, modulated: Tensor) -> Output:
        x4, x8, x16 = features.skips
        p = self.top(modulated) + self.lateral16(x16)
        p8 = resize(self.block16(p), x8.shape[-2:]) + self.lateral8(x8)
        p4 = resize(self.block8(p8), x4.shape[-2:]) + self.lateral4(x4)
        p4 = self.block4(p4)
        # Contiguous: two channels that stand side by side in memory are enlarged five times slower.
        pair = torch.cat([self.probability(p4), self.threshold(p4)], dim=1).float().sigmoid().contiguous()
        probability, threshold = resize(pair, features.size).split(1, dim=1)
        logits = self.config.confidence * (probability - threshold)
        maps = logits.sigmoid()
        sides = ()
        if self.training:
            sides = (resize(self.side8(p8).float(), features.size).sigmoid(), maps)
        return Output(maps=maps, logits=logits, sides=sides, probability=probability, threshold=threshold)

    def forward_training(self, images: Tensor) -> Output:
        n = halves(images)
        features = self.encode(images)
        a, b = (self.affinity(half) for half in features.deep.split(n))
        own = torch.cat([a.vector.expand(n, -1, -1, -1), b.vector.expand(n, -1, -1, -1)])
        other = own.roll(n, dims=0)
        modulated = self.modulate(features.deep, own)
        output = self._decode(features, modulated)
        crossed = self.modulate(features.deep, other)
        contrast = resize(self.contrast(torch.cat([modulated, crossed])).float(), features.size)
        mask = F.adaptive_avg_pool2d(output.maps, features.deep.shape[-2:]).to(features.deep.dtype)
        masked = (features.deep * mask).sum(dim=(2, 3)) / mask.sum(dim=(2, 3)).clamp_min(1.0)
        pooled = features.deep.mean(dim=(2, 3))
        return output._replace(
            classes=self.classifier(pooled),
            masked_classes=self.classifier(masked),
            contrast=contrast,
            deep=features.deep,
            attention=torch.cat([a.attention, b.attention]),
        )
