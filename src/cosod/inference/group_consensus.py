"""What the images of a group share: the network's consensus, with outliers counting less, or from marked regions."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from cosod.errors import ImageError, InputError
from cosod.inference.deep_rows import DeepRows, together
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.presence import FLOOR, Calibration, count, group_presence, pooled, similarity, where_like
from cosod.inference.reference_sampling import ReferenceSampling, choose, sampled
from cosod.models.base import Consensus, CoSaliencyNetwork, Features
from cosod.models.modules.affinity import affinity_of

#: Images that a consensus from marks is formed of where it is no mean over images.
MOST = 128


class Shared(NamedTuple):
    """Of the N images of a group that could be read.

    Attributes:
        indices: indices of these images in the group.
        consensus: what the decoder takes.
        vectors: F of each image under its attention, ``(N, C)``.
        weights: weights of the images in the consensus, ``(N,)``.
        presence: presence of what they share in each image, ``(N,)``; None where it is not known.
    """

    indices: list[int]
    consensus: Consensus
    vectors: Tensor
    weights: Tensor
    presence: Tensor | None

    @property
    def prototype(self) -> Tensor:
        """Weighted mean of the vectors, ``(C,)``."""
        return (self.vectors * self.weights[:, None]).sum(dim=0) / self.weights.sum()


def shared(
    network: CoSaliencyNetwork,
    calibration: Calibration | None,
    group: EncodedGroup,
    sampling: ReferenceSampling,
    precision: torch.dtype = torch.float32,
    kept_calibration: Calibration | None = None,
) -> Shared:
    """Computes what a group shares; with a calibration, an image counts as far as the object is there.

    A network without a calibration, or whose consensus comes from no attention, gives its own consensus. A network
    with a group affinity compares images in the given precision, and those of a large group with some of them only.

    Raises:
        ImageError: none of the images could be read.
    """
    if affinity_of(network) is not None and sampling.applies_to(len(group)):
        if network.additive_consensus:
            return _by_references(network, calibration, group, sampling, precision)
        return _of_references(network, calibration, group, sampling, precision, kept_calibration or calibration)
    return _exact(network, calibration, group, precision)


@torch.inference_mode()
def _exact(
    network: CoSaliencyNetwork, calibration: Calibration | None, group: EncodedGroup, precision: torch.dtype
) -> Shared:
    indices, features = _deepest(group)
    deep = features.deep
    affinity = affinity_of(network)
    if affinity is None:
        consensus = network.consensus(features)
        vectors = deep.mean(dim=(2, 3))
        return Shared(indices, consensus, vectors, vectors.new_ones(len(vectors)), None)
    attention = affinity.attention(deep, precision=precision)
    vectors = pooled(deep, attention)
    weights, presence = _weights(calibration, vectors)
    consensus = network.gather(features, attention, None if presence is None else weights)
    return Shared(indices, consensus, vectors, weights, presence)


def _deepest(group: EncodedGroup) -> tuple[list[int], Features]:
    """Returns indices of the images that can be read, and their deepest features."""
    indices: list[int] = []
    rows = DeepRows(len(group))
    for part, features in group.batches(range(len(group))):
        rows.add(features.deep)
        indices += part
    if not indices:
        raise ImageError("none of the images could be read")
    return indices, Features((), rows.tensor(), features.size)


@torch.inference_mode()
def _by_references(
    network: CoSaliencyNetwork,
    calibration: Calibration | None,
    group: EncodedGroup,
    sampling: ReferenceSampling,
    precision: torch.dtype,
) -> Shared:
    """Does the same as :func:`_exact`, in time that grows with N and memory that grows by one vector an image."""
    affinity = affinity_of(network)
    references, chosen = choose(affinity, group, sampling, precision)
    indices: list[int] = []
    parts: list[Tensor] = []
    for part, features in group.batches(range(len(group))):
        deep = features.deep
        own = torch.tensor([chosen.get(index, 0.0) for index in part], device=deep.device)
        indices += part
        parts.append(pooled(deep, affinity.attention(deep, references, own)))
    vectors = torch.cat(parts)
    weights, presence = _weights(calibration, vectors)
    vector = affinity.gathered(vectors, deep.shape[2] * deep.shape[3], weights)
    return Shared(indices, Consensus(vector), vectors, weights, presence)


@torch.inference_mode()
def _of_references(
    network: CoSaliencyNetwork,
    calibration: Calibration | None,
    group: EncodedGroup,
    sampling: ReferenceSampling,
    precision: torch.dtype,
    kept_calibration: Calibration | None,
) -> Shared:
    """Computes what the references share, looked for in each image of the group as a saved consensus is."""
    affinity = affinity_of(network)
    sample = sampled(group, sampling)
    attention = affinity.attention(sample.deep, precision=precision)
    vectors = pooled(sample.deep, attention)
    weights, presence = _weights(calibration, vectors)
    if presence is None:
        weights = affinity.agreement(sample.deep, attention)
    weights = weights * sample.weights
    size = (group.inputs.size, group.inputs.size)
    consensus = network.gather(Features((), sample.deep, size), attention, weights)._replace(attention=None)
    prototype = (vectors * weights[:, None]).sum(dim=0) / weights.sum()
    indices: list[int] = []
    found: list[Tensor] = []
    for part, features in group.batches(range(len(group))):
        indices += part
        found.append(pooled(features.deep, where_like(features.deep, prototype)))
    vectors = torch.cat(found)
    if kept_calibration is None:
        return Shared(indices, consensus, vectors, vectors.new_ones(len(vectors)), None)
    alike = torch.nn.functional.cosine_similarity(
        vectors, prototype
    )  # as presence.similarity, of what is pooled already
    presence = kept_calibration.presence(alike, count(weights))
    return Shared(indices, consensus, vectors, presence.clamp_min(FLOOR), presence)


def _weights(calibration: Calibration | None, vectors: Tensor) -> tuple[Tensor, Tensor | None]:
    """Computes weights of the images and presence in each, from F of each under its attention, ``(N, C)``."""
    if calibration is None or len(vectors) == 1:
        return vectors.new_ones(len(vectors)), None
    presence = group_presence(calibration, vectors)
    return presence.clamp_min(FLOOR), presence


@torch.inference_mode()
def shared_with_marks(
    network: CoSaliencyNetwork,
    calibration: Calibration | None,
    group: EncodedGroup,
    marked: list[int],
    mark: Callable[[int, tuple[int, int]], Tensor],
) -> Shared:
    """Computes what marked images share and, with a calibration, what resembles it in the others.

    Args:
        network, calibration, group: as for :func:`shared`. Nothing is kept of an image but a vector, so that the
            group may have any size.
        marked: indices of the marked images.
        mark: called with the index of a marked image that could be read and the height and width of F; gives its mark
            as attention ``(1, H, W)``, see :func:`cosod.inference.consensus_file.marked_attention`.

    Raises:
        ImageError: none of the images could be read.
        InputError: none of the marked images could be read, or the network's consensus comes from no attention.
    """
    marks: dict[int, Tensor] = {}
    parts: list[Tensor] = []
    for part, (_, deep, _) in group.batches(marked):
        found = torch.stack([mark(index, tuple(deep.shape[-2:])).to(deep) for index in part])
        marks |= zip(part, found, strict=True)
        parts.append(pooled(deep, found))
    if len(group.inputs.failed) == len(group):
        raise ImageError("none of the images could be read")
    if not marks:
        raise InputError("none of the images with a mask can be read and shows more than one color; mark others")
    prototype = torch.cat(parts).mean(dim=0)
    gathered = _Gathered(network)
    indices: list[int] = []
    vectors: list[Tensor] = []
    weights: list[Tensor] = []
    presence: list[Tensor] = []
    for part, features in group.batches(range(len(group))):
        deep = features.deep
        attention = where_like(deep, prototype)
        weight = deep.new_zeros(len(part))
        if calibration is not None:
            presence.append(calibration.presence(similarity(deep, prototype), len(marks)))
            weight = presence[-1].clamp_min(FLOOR)
        for row, index in enumerate(part):
            if index in marks:
                attention[row], weight[row] = marks[index], 1.0
        gathered.add(features, attention, weight)
        indices += part
        vectors.append(pooled(deep, attention))
        weights.append(weight)
    weight = torch.cat(weights)
    return Shared(indices, gathered.consensus(), torch.cat(vectors), weight, torch.cat(presence) if presence else None)


class _Gathered:
    """The consensus of images that come in batches, of any number.

    Where the consensus of a network is no mean over images, it is that of the :data:`MOST` images that weigh most.
    """

    def __init__(self, network: CoSaliencyNetwork):
        self.network = network
        self._total, self._weight = 0.0, 0.0
        self._kept: tuple[Tensor, ...] = ()

    def add(self, features: Features, attention: Tensor, weight: Tensor) -> None:
        """Take in the images of a batch, with an attention and a weight each."""
        if weight.sum() <= 0:
            return
        if self.network.additive_consensus:
            self._total = self._total + self.network.gather(features, attention, weight).vector * weight.sum()
            self._weight = self._weight + weight.sum()
            return
        new = (features.deep, attention, weight)
        if self._kept:
            deep, attention = (together(pair) for pair in zip(self._kept[:2], new[:2], strict=True))
            new = (deep, attention, torch.cat([self._kept[2], weight]))
        rows = new[2].topk(min(MOST, len(new[2]))).indices.sort().values
        self._kept = tuple(part[rows] for part in new)

    def consensus(self) -> Consensus:
        """Returns the consensus of all that was added."""
        if self.network.additive_consensus:
            return Consensus(self._total / self._weight)
        deep, attention, weight = self._kept
        return self.network.gather(Features((), deep, (0, 0)), attention, weight)._replace(attention=None)
