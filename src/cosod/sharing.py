"""What the images of a group share: the network's consensus, with strangers counting less, or from marked regions."""

from typing import NamedTuple

import torch
from torch import Tensor

from cosod.models.interface import Consensus, CoSaliencyNetwork, Features
from cosod.presence import FLOOR, Calibration, group_presence, pooled, similarity, where_like


class Shared(NamedTuple):
    """Of N images.

    Attributes:
        consensus: what the decoder takes.
        vectors: F of each image under its attention, ``(N, C)``.
        weights: of the images in the consensus, ``(N,)``.
        presence: of what they share in each, ``(N,)``; None where it is not known.
    """

    consensus: Consensus
    vectors: Tensor
    weights: Tensor
    presence: Tensor | None

    @property
    def prototype(self) -> Tensor:
        """Weighted mean of the vectors, ``(C,)``."""
        return (self.vectors * self.weights[:, None]).sum(dim=0) / self.weights.sum()


@torch.inference_mode()
def shared(network: CoSaliencyNetwork, calibration: Calibration | None, features: Features) -> Shared:
    """What a group shares, from ``features.deep``; with a calibration, an image counts as far as the object is there.

    A network without one, or whose consensus comes from no attention, gives its own consensus.
    """
    deep = features.deep
    consensus = network.consensus(features)
    attention = consensus.attention
    vectors = deep.mean(dim=(2, 3)) if attention is None else pooled(deep, attention)
    if calibration is None or attention is None or len(deep) == 1:
        return Shared(consensus, vectors, vectors.new_ones(len(vectors)), None)
    presence = group_presence(calibration, vectors)
    weights = presence.clamp_min(FLOOR)
    return Shared(network.gather(features, attention, weights), vectors, weights, presence)


@torch.inference_mode()
def shared_with_marks(
    network: CoSaliencyNetwork, calibration: Calibration | None, features: Features, marks: dict[int, Tensor]
) -> Shared:
    """What marked images share and, with a calibration, what resembles it in the others as far as it is there.

    Args:
        network, calibration, features: as for :func:`shared`.
        marks: index of an image -> its mark as attention ``(1, H, W)``, see :func:`cosod.consensus.marked_attention`.

    Raises:
        InputError: the network's consensus comes from no attention.
    """
    deep, rows = features.deep, list(marks)
    marked = torch.stack(list(marks.values()))
    prototype = pooled(deep[rows], marked).mean(dim=0)
    attention = where_like(deep, prototype)
    attention[rows] = marked
    presence, weights = None, deep.new_zeros(len(deep))
    if calibration is not None:
        presence = calibration.presence(similarity(deep, prototype), len(rows))
        weights = presence.clamp_min(FLOOR)
    weights[rows] = 1.0
    return Shared(network.gather(features, attention, weights), pooled(deep, attention), weights, presence)
