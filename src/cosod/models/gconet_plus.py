"""GCoNet+: Zheng et al., "GCoNet+: A Stronger Group Collaborative Co-Salient Object Detector", TPAMI 2023."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from cosod.errors import InputError
from cosod.models.backbones import registry as backbones
from cosod.models.backbones.base import has_five_levels
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.auxiliary_classification import classifier
from cosod.models.modules.confidence_enhancement import RELEASED_K, confidence_branch, confidence_logits
from cosod.models.modules.group_collaborating import contrast_head, own_and_other
from cosod.models.modules.layers import halves, height_and_width, resize
from cosod.models.modules.refiner import Refiner
from cosod.models.modules.relation import make_relation

#: Channels of the decoder, from the top down.
DECODER = (256, 128, 64, 32)

_CHOICES = {
    "lateral": ("plain", "resblk"),
    "outputs": (1, 2, 3, 4),
    "relation": ("gam", "ice", "non_local", "attention", "none"),
    "refiner": ("none", "mask", "image_mask"),
    "mask_merge": ("product", "sum", "concat"),
}


@dataclass(frozen=True)
class GCoNetPlusConfig:
    """Options of :class:`GCoNetPlus`; the defaults are the published network.

    Attributes:
        backbone: ``vgg16_bn``, ``vgg16``, ``resnet50``, or another one of five levels.
        relation: how the consensus is formed: ``gam`` (group affinity), ``ice``, ``non_local``, ``attention``,
            or ``none``.
        key_kernel: kernel of query and key in ``gam``: 1 in the published code, 3 in the papers.
        lateral: lateral connections by one 1 x 1 convolution (``plain``) or by a ``resblk``.
        conv_after_resize: three more convolutions after each of the decoder's first four resizes.
        outputs: number of supervised outputs, 1 to 4: the result and the levels above it.
        confidence_module: whether the confidence enhancement module (section 3.4, CEM) computes the map from
            probability and threshold; otherwise one convolution computes it.
        confidence: k of that module, ``map = sigmoid(k (P - T))``; ``"released"`` follows the published code,
            where k is 300, or 50 for a whole batch with any P - T below -0.296 (not with a refiner).
        refiner: U-shaped refiner on the map (``mask``) or on image and map (``image_mask``).
        classification: whether the auxiliary group classifier is used; this and the next three are for training only.
        masked_classification: whether the classifier also sees the images masked by the network's own map (RACM).
        mask_merge: how image and mask are combined: ``product``, ``sum`` or ``concat`` (with a 1 x 1 convolution).
        contrast: whether the group collaborating module (GCM) is used.
        groups: training groups that the classifier tells apart (291 in DUTS_class).
        size: side in pixels to which images are resized, aspect not kept.
    """

    backbone: str = "vgg16_bn"
    relation: str = "gam"
    lateral: str = "plain"
    conv_after_resize: bool = False
    outputs: int = 1
    confidence_module: bool = True
    confidence: float | Literal["released"] = RELEASED_K
    refiner: str = "none"
    classification: bool = True
    masked_classification: bool = True
    mask_merge: str = "product"
    contrast: bool = True
    groups: int = 291
    size: int = 256
    key_kernel: int = 1

    def __post_init__(self):
        backbones.check(self.backbone, has_five_levels)
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                known = ", ".join(map(str, choices))
                raise InputError(f"{field} cannot be {getattr(self, field)!r}; choose one of {known}")
        if isinstance(self.confidence, str) and self.confidence != "released":
            raise InputError(f"confidence cannot be {self.confidence!r}; give a number or 'released'")
        if self.confidence == "released" and self.refiner != "none":
            raise InputError("the released rule for k does not work with a refiner; give a number as confidence")
        if self.contrast and self.relation == "none":
            raise InputError("contrast needs a consensus; set contrast=False, or a relation other than 'none'")


def _norm(channels: int, batch_norm: bool) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if batch_norm else []


def _resblk(i: int, o: int, bn: bool) -> nn.Sequential:
    """Creates the papers' "ResBlk": 3 x 3 to 64, ReLU, 3 x 3 to ``o``; it has no shortcut."""
    head = [nn.Conv2d(i, 64, 3, padding=1), *_norm(64, bn), nn.ReLU()]
    return nn.Sequential(*head, nn.Conv2d(64, o, 3, padding=1), *_norm(o, bn))


def _after(channels: int, bn: bool) -> nn.Sequential:
    """Creates the convolutions after a resize: 3 x 3, 3 x 3, 1 x 1, a ReLU after each."""
    layers: list[nn.Module] = []
    for i, o, kernel in ((channels, 64, 3), (64, 64, 3), (64, channels, 1)):
        layers += [nn.Conv2d(i, o, kernel, padding=kernel // 2), *_norm(o, bn), nn.ReLU()]
    return nn.Sequential(*layers)


class GCoNetPlus(CoSaliencyNetwork):
    """``gconet_plus``: a backbone of five blocks, a consensus of its last block, a top-down decoder, and the CEM.

    Shapes (with VGG): ``encode`` returns skips with 64, 128, 256 and 512 channels at strides 1, 2, 4 and 8, and F with
    512 channels at stride 16. If the refiner reads the images, they are the first skip. ``sides`` has as many maps as
    ``outputs``, and one more with a refiner; the last one is the result.
    """

    config: GCoNetPlusConfig

    def __init__(self, config: GCoNetPlusConfig | None = None):
        super().__init__()
        self.config = config = config or GCoNetPlusConfig()
        self.size = config.size
        self.backbone = backbones.create(config.backbone)
        self.mean, self.std = self.backbone.mean, self.backbone.std
        bn = config.backbone != "vgg16"
        *skips, deep = self.backbone.out_channels
        self.relation = make_relation(config.relation, deep, config.key_kernel)
        self.top = _resblk(deep, DECODER[0], bn)
        above = DECODER[0]
        for level, (skip, c) in enumerate(zip(reversed(skips), DECODER, strict=True)):
            number = 5 - level
            self.add_module(f"block{number}", _resblk(above, c, bn))
            lateral = _resblk(skip, c, bn) if config.lateral == "resblk" else nn.Conv2d(skip, c, 1)
            self.add_module(f"lateral{number}", lateral)
            if config.conv_after_resize:
                self.add_module(f"after{number}", _after(c, bn))
            if level and number <= config.outputs:
                self.add_module(f"side{number}", nn.Sequential(nn.Conv2d(c, 32, 1), nn.ReLU(), nn.Conv2d(32, 1, 1)))
            above = c
        self.block1 = _resblk(above, above, bn)
        if config.confidence_module:
            self.probability = confidence_branch(above, bn)
            self.threshold = confidence_branch(above, bn)
        else:
            self.predict = nn.Conv2d(above, 1, 1)
        if config.refiner != "none":
            self.refiner = Refiner(4 if config.refiner == "image_mask" else 1, batch_norm=bn)
        # Training only.
        if config.classification or config.masked_classification:
            self.classifier = classifier(deep, config.groups)
        if config.masked_classification:
            self.mask = nn.Conv2d(above, 1, 1)
            if config.mask_merge == "concat":
                self.merge = nn.Conv2d(4, 3, 1)
        if config.contrast:
            self.contrast = contrast_head(deep)

    @property
    def whole_group_maps(self) -> bool:
        """True for the published rule for k, see :meth:`confidence_map`."""
        return self.config.confidence_module and self.config.confidence == "released"

    def encode(self, images: Tensor) -> Features:
        *skips, deep = self.backbone(images)
        if self.config.refiner == "image_mask":
            skips = [images, *skips]
        return Features(tuple(skips), deep, height_and_width(images))

    def consensus(self, features: Features) -> Consensus:
        return self.relation(features.deep)

    def gather(self, features: Features, attention: Tensor, weights: Tensor | None = None) -> Consensus:
        if self.config.relation == "none":
            return super().gather(features, attention, weights)
        return self.relation(features.deep, attention, weights)

    def decode(self, features: Features, consensus: Consensus) -> Output:
        return self._decode(features, features.deep * consensus.vector)[0]

    def confidence_map(self, probability: Tensor, threshold: Tensor) -> Tensor:
        """Computes ``sigmoid(k (P - T))`` with the k of the configuration (section 3.4, CEM).

        With ``confidence="released"``, k is chosen once for all maps that are passed. A predictor that decodes a group
        in several batches therefore calls this at the end, with P and T of the whole group.

        Args:
            probability, threshold: P and T, ``(N, 1, H, W)`` in [0, 1].

        Returns:
            ``(N, 1, H, W)`` in [0, 1].
        """
        return confidence_logits(probability, threshold, self.config.confidence).sigmoid()

    def _decode(self, features: Features, weighted: Tensor) -> tuple[Output, Tensor]:
        """Returns the output, and p1 at the size of the images, which the mask of the auxiliary classifier reads."""
        p = self.top(weighted)
        sides = []
        for number in (5, 4, 3, 2):
            skip = features.skips[number - 6]
            p = resize(self.get_submodule(f"block{number}")(p), skip.shape[-2:])
            if self.config.conv_after_resize:
                p = self.get_submodule(f"after{number}")(p)
            if self.training and hasattr(self, f"side{number}"):
                logits = self.get_submodule(f"side{number}")(p)
                sides.append(resize(logits.float(), features.size).sigmoid())
            p = p + self.get_submodule(f"lateral{number}")(skip)
        p = resize(self.block1(p), features.size)
        probability = threshold = refined = None
        if self.config.confidence_module:
            probability = self.probability(p).float().sigmoid()
            threshold = self.threshold(p).float().sigmoid()
            logits = confidence_logits(probability, threshold, self.config.confidence)
        else:
            logits = self.predict(p).float()
        maps = logits.sigmoid()
        sides.append(maps)
        if self.config.refiner != "none":
            images = features.skips[0] if self.config.refiner == "image_mask" else None
            logits = self.refiner(maps, images).float()
            maps = refined = logits.sigmoid()
            sides.append(maps)
        output = Output(maps, logits, tuple(sides), probability, threshold, refined=refined)
        return output, p

    def forward_training(self, images: Tensor) -> Output:
        n = halves(images)
        features = self.encode(images)
        first, second = (self.relation(half).vector for half in features.deep.split(n))
        own, other = own_and_other(features.deep, first, second)
        output, p = self._decode(features, own)
        output = output._replace(deep=features.deep)
        if self.config.classification:
            output = output._replace(classes=self.classifier(features.deep.mean(dim=(2, 3))))
        if self.config.contrast:
            contrast = self.contrast(torch.cat([own, other]))
            output = output._replace(contrast=resize(contrast.float(), features.size))
        if self.config.masked_classification:
            deep = self.backbone(self._masked(images, self.mask(p).sigmoid()))[-1]
            output = output._replace(masked_deep=deep, masked_classes=self.classifier(deep.mean(dim=(2, 3))))
        return output

    def _masked(self, images: Tensor, mask: Tensor) -> Tensor:
        """Multiplies images by the network's own mask ``(N, 1, H, W)`` (section 3.6, RACM)."""
        if self.config.mask_merge == "sum":
            return images + mask
        if self.config.mask_merge == "concat":
            return self.merge(torch.cat([images, mask], dim=1))
        return images * mask
