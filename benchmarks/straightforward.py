"""What published research code does with a group, restated plainly on this package's weights, to compare speed with.

Float32, contiguous memory (NCHW), the whole group in one batch, batch normalization as a layer of its own, the affinity
of all positions to all positions held as one matrix, and, as in GCoNet+'s forward, the encoder once more on the images
under the network's own mask, for a classifier whose answer nothing reads. The maps are those of the package's networks.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError
from cosod.models.backbones.base import Backbone
from cosod.models.backbones.vgg import VGG16
from cosod.models.base import CoSaliencyNetwork
from cosod.models.gconet import GCoNet, GCoNetConfig
from cosod.models.gconet_plus import GCoNetPlus, GCoNetPlusConfig
from cosod.models.gconet_plus_mobile import DOUBT, MADE_UP, GCoNetPlusMobile
from cosod.models.modules.group_affinity import GroupAffinity
from cosod.models.modules.layers import enlarge
from cosod.models.modules.part_matching import BACKGROUND, PartMatching, described


class Straightforward:
    """The plain forward pass of a network.

    Args:
        network: GCoNet or GCoNet+ on VGG with the options of the papers, or the light network; it is copied.
        device: where to compute.
        second_pass: encode the masked images too, as GCoNet+'s published code does whenever it is run. GCoNet has no
            such pass, whatever is said here, and the light network neither.

    Raises:
        InputError: another network, or other options.
    """

    def __init__(self, network: CoSaliencyNetwork, device: str | torch.device = "cpu", second_pass: bool = True):
        self._forward = _forward_of(network)
        copied = copy.deepcopy(network).float().eval()
        # PyTorch documents memory_format, but its stubs do not know it.
        self.network = copied.to(device, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.second_pass = second_pass

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Normalized images of one group ``(N, 3, H, W)`` -> maps ``(N, 1, H, W)`` in [0, 1]."""
        return self._forward(self.network, images, self.second_pass)


def _forward_of(network: CoSaliencyNetwork) -> Callable[[Any, Tensor, bool], Tensor]:
    """The function for networks like this one, which is its first argument."""
    if isinstance(network, GCoNetPlusMobile):
        return _mobile
    if isinstance(network, GCoNet) and network.config.affinity == GCoNetConfig.affinity:
        return _gconet
    switches = ("relation", "conv_after_resize", "confidence_module", "refiner", "masked_classification", "mask_merge")
    if (
        isinstance(network, GCoNetPlus)
        and network.config.backbone != "resnet50"
        and network.config.confidence != "released"
        and all(getattr(network.config, name) == getattr(GCoNetPlusConfig, name) for name in switches)
    ):
        return _gconet_plus
    raise InputError(f"{type(network).__name__} with these options has no straightforward version; take gconet_plus")


def _gconet(network: GCoNet, images: Tensor, _second_pass: bool) -> Tensor:
    *skips, deep = _vgg(network.backbone, images)
    p = network.top(deep * _consensus(network.affinity, deep))
    maps = []
    for level in (4, 3, 2, 1):
        skip = skips[level - 1]
        p = _resized(p, skip) + getattr(network, f"lateral{level}")(skip)
        p = getattr(network, f"merge{level}")(p)
        maps.append(_resized(torch.sigmoid(getattr(network, f"predict{level}")(p)), images))
    return maps[-1]


def _gconet_plus(network: GCoNetPlus, images: Tensor, second_pass: bool) -> Tensor:
    *skips, deep = _vgg(network.backbone, images)
    p = network.top(deep * _consensus(network.relation, deep))
    for level in (5, 4, 3, 2):
        skip = skips[level - 2]
        p = _resized(getattr(network, f"block{level}")(p), skip) + getattr(network, f"lateral{level}")(skip)
    p = _resized(network.block1(p), images)
    probability, threshold = torch.sigmoid(network.probability(p)), torch.sigmoid(network.threshold(p))
    k = float(network.config.confidence)  # "released" has no straightforward version
    maps = 1 / (1 + torch.exp(-k * (probability - threshold)))
    if second_pass:
        masked = _vgg(network.backbone, images * torch.sigmoid(network.mask(p)))[-1]
        network.classifier(masked.mean(dim=(2, 3)))
    return maps


def _mobile(network: GCoNetPlusMobile, images: Tensor, _second_pass: bool) -> Tensor:
    x4, x8, x16, x32 = network.backbone(images)
    saliency, _ = network.decoder(x4, x8, x16, x32)
    fine = x16 - network.mean16
    deep = described(x32 - network.mean32, fine, saliency)
    fine = F.normalize(fine, dim=1)
    matching = network.matching
    vector = matching(deep, _part_attention(matching, deep)).vector
    pooled = F.avg_pool2d(saliency, saliency.shape[-1] // fine.shape[-1])
    similarity = matching.similarity(deep, fine, torch.sigmoid(pooled), vector)
    gate, _ = network.gate(similarity, x4, x8, fine)
    config = network.config
    best = _best(gate, gate + F.logsigmoid(saliency)).clamp(-MADE_UP, config.lift)
    relative = (gate - best + config.lift).clamp(max=config.lift) / (1 - DOUBT * best.clamp(max=0))
    logits = saliency + _missing(saliency, config.raised) + config.strength * relative
    logits = logits + _missing(logits, config.raised) * torch.exp(config.strength * (relative - config.lift))
    return torch.sigmoid(enlarge(logits, images.shape[-2:]))


def _best(logits: Tensor, where: Tensor) -> Tensor:
    weights = torch.softmax(where.flatten(1), dim=1)
    return (weights * logits.flatten(1)).sum(dim=1)[:, None, None, None]


def _missing(logits: Tensor, level: float) -> Tensor:
    best = _best(logits, logits)
    return torch.minimum(level - best, best - logits.mean(dim=(1, 2, 3), keepdim=True)).clamp(min=0) / 2


def _vgg(backbone: Backbone, images: Tensor) -> list[Tensor]:
    assert isinstance(backbone, VGG16)
    outputs = []
    for block in (backbone.conv1, backbone.conv2, backbone.conv3, backbone.conv4, backbone.conv5):
        images = block(images)
        outputs.append(images)
    return outputs


def _best_match(query: Tensor, key: Tensor) -> Tensor:
    """``(N, C, P)`` twice -> ``(N, P)``: all affinities at once, maximum over each image, mean over the images."""
    n, c, positions = query.shape
    rows = query.permute(0, 2, 1).reshape(n * positions, c)
    columns = key.permute(1, 0, 2).reshape(c, n * positions)
    affinity = torch.matmul(rows, columns).view(n * positions, n, positions)
    return affinity.max(dim=2).values.mean(dim=1).view(n, positions)


def _consensus(module: nn.Module, deep: Tensor) -> Tensor:
    """The group affinity module of the papers: ``(N, C, H, W)`` -> ``(1, C, 1, 1)``."""
    assert isinstance(module, GroupAffinity)
    n, c, h, w = deep.shape
    match = _best_match(module.query(deep).flatten(2), module.key(deep).flatten(2))
    attention = torch.softmax(match * c**-0.5, dim=1).view(n, 1, h, w)
    return module.project(deep * attention).mean(dim=(0, 2, 3), keepdim=True)


def _part_attention(module: PartMatching, deep: Tensor) -> Tensor:
    """The light network's: the mean best match in the other images, and after it the cosine with a first prototype."""
    n, _, h, w = deep.shape
    flat = deep.flatten(2)
    length = flat.norm(dim=1)
    unit = flat / length[:, None]
    worth = -BACKGROUND * (1 - length)
    every = unit.transpose(0, 1).flatten(1)
    affinity = (every.T @ every + worth.flatten()).view(n, h * w, n, h * w).amax(dim=3)
    others = affinity.sum(dim=2) - affinity.diagonal(dim1=0, dim2=2).T
    match = others / max(1, n - 1)
    objects = module.objectness * length.logit()
    first = torch.softmax(module.log_match.exp() * match + objects, dim=1)
    of_each = F.normalize((unit * first[:, None]).sum(dim=2), dim=1)
    weights = module.agreement(deep, first.view(n, 1, h, w))
    prototype = F.normalize(weights @ of_each, dim=0)
    alike = (unit * prototype[:, None]).sum(dim=1)
    second = torch.softmax(module.log_prototype.exp() * (alike + match) + objects, dim=1)
    return second.view(n, 1, h, w)


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=True)
