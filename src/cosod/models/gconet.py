"""GCoNet: Fan et al., "Group Collaborative Learning for Co-Salient Object Detection", CVPR 2021."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cosod.models.backbones import registry as backbones
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.auxiliary_classification import classifier
from cosod.models.modules.group_affinity import GroupAffinity
from cosod.models.modules.group_collaborating import contrast_head, own_and_other
from cosod.models.modules.layers import halves, height_and_width, resize
from cosod.models.modules.relation import MeanConsensus


@dataclass(frozen=True)
class GCoNetConfig:
    """Options of :class:`GCoNet`; the defaults are the published network.

    Attributes:
        channels: channels of the decoder.
        groups: training groups that the auxiliary classifier tells apart (291 in DUTS_class).
        size: side in pixels to which images are resized, aspect not kept.
        affinity: whether the group affinity module (GAM) forms the consensus; otherwise, as in the ablation of the
            paper (section 4.3), the consensus is the mean of F over images and positions.
        contrast: whether the group collaborating module (GCM) is used in training.
        classification: whether the auxiliary group classifier (ACM) is used in training.
        key_kernel: kernel of query and key in GAM: 1 in the published code, 3 in the paper.
    """

    channels: int = 64
    groups: int = 291
    size: int = 224
    affinity: bool = True
    contrast: bool = True
    classification: bool = True
    key_kernel: int = 1


def _two(i: int, o: int, kernel: int = 3) -> nn.Sequential:
    """Creates convolution, ReLU, convolution."""
    pad = kernel // 2
    return nn.Sequential(nn.Conv2d(i, o, kernel, padding=pad), nn.ReLU(), nn.Conv2d(o, o, kernel, padding=pad))


def _predict(channels: int) -> nn.Sequential:
    """Creates two convolutions with ReLU and a 1 x 1 convolution to one map, as logits."""
    return nn.Sequential(*_two(channels, channels), nn.ReLU(), nn.Conv2d(channels, 1, 1))


class GCoNet(CoSaliencyNetwork):
    """``gconet``: VGG-16, the group affinity module, and a feature pyramid with a map at each of four levels.

    In training, the group collaborating module (GCM, section 3.3) also predicts a map from F times the consensus of
    the other group, whose target is empty, and the auxiliary classifier (ACM, section 3.4) predicts the group.

    Shapes: ``encode`` gives skips with 64, 128, 256, 512 channels at strides 1, 2, 4, 8 and F with 512 at
    stride 16; the output's ``sides`` are the four supervised maps, ``(N, 1, H, W)`` each.
    """

    config: GCoNetConfig

    def __init__(self, config: GCoNetConfig | None = None):
        super().__init__()
        self.config = config = config or GCoNetConfig()
        self.size = config.size
        c = config.channels
        self.backbone = backbones.create("vgg16")
        *laterals, deep = self.backbone.out_channels
        self.affinity = GroupAffinity(deep, kernel=config.key_kernel) if config.affinity else MeanConsensus()
        self.top = _two(deep, c, kernel=1)
        for level, channels in enumerate(laterals, start=1):
            self.add_module(f"lateral{level}", _two(channels, c))
            self.add_module(f"merge{level}", _two(c, c))
            self.add_module(f"predict{level}", _predict(c))
        # Training only.
        if config.classification:
            self.classifier = classifier(deep, config.groups)
        if config.contrast:
            self.contrast = contrast_head(deep)

    def encode(self, images: Tensor) -> Features:
        *skips, deep = self.backbone(images)
        return Features(tuple(skips), deep, height_and_width(images))

    def consensus(self, features: Features) -> Consensus:
        return self.affinity(features.deep)

    def gather(self, features: Features, attention: Tensor, weights: Tensor | None = None) -> Consensus:
        return self.affinity(features.deep, attention, weights)

    def decode(self, features: Features, consensus: Consensus) -> Output:
        return self._decode(features, features.deep * consensus.vector)

    def _decode(self, features: Features, weighted: Tensor) -> Output:
        p = self.top(weighted)
        sides = []
        for level in (4, 3, 2, 1):
            skip = features.skips[level - 1]
            p = resize(p, skip.shape[-2:]) + self.get_submodule(f"lateral{level}")(skip)
            p = self.get_submodule(f"merge{level}")(p)
            logits = self.get_submodule(f"predict{level}")(p).float()
            sides.append(resize(logits.sigmoid(), features.size))  # the published code resizes maps, not logits
        response = resize(weighted.float().mean(dim=1, keepdim=True).sigmoid(), features.size)
        # The last level is at the size of the images: its logits need no resizing.
        return Output(maps=sides[-1], logits=logits, sides=tuple(sides), response=response)

    def forward_training(self, images: Tensor) -> Output:
        n = halves(images)
        features = self.encode(images)
        first, second = (self.affinity(half).vector for half in features.deep.split(n))
        own, other = own_and_other(features.deep, first, second)
        output = self._decode(features, own)._replace(deep=features.deep)
        if self.config.contrast:
            contrast = self.contrast(torch.cat([own, other]))
            output = output._replace(contrast=resize(contrast.float(), features.size))
        if self.config.classification:
            output = output._replace(classes=self.classifier(features.deep.mean(dim=(2, 3))))
        return output
