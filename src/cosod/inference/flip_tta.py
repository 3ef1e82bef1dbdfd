"""Flip averaging: the maps of each image and its mirror image are averaged (not part of GCoNet+)."""

import torch
from torch import Tensor

from cosod.models.base import Consensus, Features, Output, Steps


class MirroredSteps:
    """The two steps of a network with flip averaging: see :class:`cosod.models.base.Steps`.

    The consensus is computed from the images that are not mirrored. In ``skips``, the features of the mirrored images
    follow those of the images, and their deepest feature is the last entry.

    Args:
        steps: the steps of the network.
    """

    def __init__(self, steps: Steps):
        self.steps = steps

    def encode(self, images: Tensor) -> Features:
        features = self.steps.encode(images)
        mirrored = self.steps.encode(images.flip(3).contiguous(memory_format=torch.channels_last))
        return features._replace(skips=(*features.skips, *mirrored.skips, mirrored.deep))

    def decode(self, features: Features, consensus: Consensus) -> Output:
        *skips, deep = features.skips
        half = len(skips) // 2
        one = self.steps.decode(features._replace(skips=tuple(skips[:half])), consensus)
        turned = consensus._replace(attention=_turned(consensus.attention), spatial=_turned(consensus.spatial))
        other = self.steps.decode(Features(tuple(skips[half:]), deep, features.size), turned)
        return Output(
            maps=_mean(one.maps, other.maps),
            probability=_mean_branch(one.probability, other.probability),
            threshold=_mean_branch(one.threshold, other.threshold),
        )


def _turned(maps: Tensor | None) -> Tensor | None:
    return None if maps is None else maps.flip(3)


def _mean(one: Tensor, mirrored: Tensor) -> Tensor:
    return (one + mirrored.flip(3)) / 2


def _mean_branch(one: Tensor | None, mirrored: Tensor | None) -> Tensor | None:
    return None if one is None or mirrored is None else _mean(one, mirrored)
