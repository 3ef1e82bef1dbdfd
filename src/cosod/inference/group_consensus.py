"""The consensus of a group, with low weights for outliers, or from marked regions."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from cosod.errors import ImageError, InputError
from cosod.inference.deep_rows import DeepRows, together
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.leveling import scene_leveling
from cosod.inference.presence import FLOOR, Calibration, count, group_presence, pooled, similarity, where_like
from cosod.inference.reference_sampling import ReferenceSampling, choose, sampled
from cosod.io.tensors import to_array
from cosod.models.base import Consensus, CoSaliencyNetwork, Features
from cosod.models.modules.affinity import affinity_of
from cosod.models.modules.group_affinity import GroupAffinity
from cosod.models.modules.layers import height_and_width
from cosod.models.modules.part_matching import PartMatching

#: Maximum number of images for a consensus from marks if the consensus is not a mean over images.
MOST = 128


class Shared(NamedTuple):
    """The consensus of the N images of a group that could be read.

    Attributes:
        indices: indices of these images in the group.
        consensus: consensus for the decoder.
        vectors: mean of F of each image under its attention, ``(N, C)``.
        weights: weights of the images in the consensus, ``(N,)``.
        presence: presence of the shared object in each image, ``(N,)``; None without a calibration.
        leveling: how much less the resemblance to the consensus counts (:mod:`cosod.inference.leveling`), in [0, 1].
    """

    indices: list[int]
    consensus: Consensus
    vectors: Tensor
    weights: Tensor
    presence: Tensor | None
    leveling: float = 0.0

    @property
    def prototype(self) -> Tensor:
        """Weighted mean of the vectors, ``(C,)``."""
        return (self.vectors * self.weights[:, None]).sum(dim=0) / self.weights.sum()

    @property
    def weight_of(self) -> dict[int, float]:
        """Weight of each image by its index."""
        return dict(zip(self.indices, self.weights.tolist(), strict=True))


def shared(
    network: CoSaliencyNetwork,
    calibration: Calibration | None,
    group: EncodedGroup,
    sampling: ReferenceSampling,
    precision: torch.dtype = torch.float32,
    kept_calibration: Calibration | None = None,
) -> Shared:
    """Computes the consensus of a group; with a calibration, images are weighted by their presence.

    Without a calibration, or if the network has no attention, the result is the consensus of the network. If the
    network has a group affinity, images are compared in the given precision, and those of a large group with references
    only.

    Raises:
        ImageError: none of the images could be read.
    """
    affinity = affinity_of(network)
    if affinity is None or not sampling.applies_to(len(group)):
        return _exact(network, calibration, group, precision)
    if network.additive_consensus and isinstance(affinity, GroupAffinity):
        return _by_references(affinity, calibration, group, sampling, precision)
    return _of_references(network, affinity, calibration, group, sampling, precision, kept_calibration or calibration)


@torch.inference_mode()
def _exact(
    network: CoSaliencyNetwork, calibration: Calibration | None, group: EncodedGroup, precision: torch.dtype
) -> Shared:
    indices, features = _deepest(group)
    match, leveling = _matched(affinity_of(network), features.deep, precision)
    return shared_by(network, calibration, indices, features, precision, match)._replace(leveling=leveling)


def shared_by(
    network: CoSaliencyNetwork,
    calibration: Calibration | None,
    indices: list[int],
    features: Features,
    precision: torch.dtype = torch.float32,
    match: Tensor | None = None,
) -> Shared:
    """Computes the consensus of a group from its features, where each image is compared with all others.

    Args:
        network, calibration, precision: as for :func:`shared`.
        indices: indices of the images.
        features: their features, of which only ``deep`` is used.
        match: what :meth:`cosod.models.modules.part_matching.PartMatching.match` computes, for a network of part
            matching, if it is known already.
    """
    deep, affinity = features.deep, affinity_of(network)
    if affinity is None:
        consensus = network.consensus(features)
        vectors = deep.mean(dim=(2, 3))
        return Shared(indices, consensus, vectors, vectors.new_ones(len(vectors)), None)
    attention = _attention(affinity, deep, precision, match)
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
    affinity: GroupAffinity,
    calibration: Calibration | None,
    group: EncodedGroup,
    sampling: ReferenceSampling,
    precision: torch.dtype,
) -> Shared:
    """Computes the same as :func:`_exact` from references, in time linear in N and with one vector for each image."""
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
    affinity: GroupAffinity | PartMatching,
    calibration: Calibration | None,
    group: EncodedGroup,
    sampling: ReferenceSampling,
    precision: torch.dtype,
    kept_calibration: Calibration | None,
) -> Shared:
    """Computes the consensus of the references, and applies it to each image of the group like a saved consensus."""
    sample = sampled(group, sampling)
    match, leveling = _matched(affinity, sample.deep, precision)
    attention = _attention(affinity, sample.deep, precision, match)
    vectors = pooled(sample.deep, attention)
    weights, presence = _weights(calibration, vectors)
    if presence is None and isinstance(affinity, PartMatching):
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
        return Shared(indices, consensus, vectors, vectors.new_ones(len(vectors)), None, leveling)
    alike = torch.nn.functional.cosine_similarity(vectors, prototype)  # as in presence.similarity, from pooled vectors
    presence = kept_calibration.presence(alike, count(weights))
    return Shared(indices, consensus, vectors, presence.clamp_min(FLOOR), presence, leveling)


def _matched(
    affinity: GroupAffinity | PartMatching | None, deep: Tensor, precision: torch.dtype
) -> tuple[Tensor | None, float]:
    """Computes the best matches ``(N, P)`` of images and the leveling of their maps; None and 0 without part matching.

    Not a part of :func:`shared_by`, which graphs are traced of.
    """
    if not isinstance(affinity, PartMatching):
        return None, 0.0
    match = affinity.match(deep, precision)
    return match, scene_leveling(to_array(deep.flatten(2).norm(dim=1)), to_array(match))


def _attention(
    affinity: GroupAffinity | PartMatching, deep: Tensor, precision: torch.dtype, match: Tensor | None
) -> Tensor:
    """Computes the attention ``(N, 1, h, w)`` of images to what they share, with their matches if these are known."""
    if isinstance(affinity, PartMatching):
        return affinity.attention(deep, precision, match)
    return affinity.attention(deep, precision=precision)


def _weights(calibration: Calibration | None, vectors: Tensor) -> tuple[Tensor, Tensor | None]:
    """Computes the weights and the presence of the images from their vectors ``(N, C)``."""
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
    """Computes the consensus of marked images and, with a calibration, of the matching parts of the other images.

    Args:
        network, calibration, group: as for :func:`shared`. Only one vector of each image is kept, so that the group may
            have any size.
        marked: indices of the marked images.
        mark: function that returns the mark of a readable image as attention ``(1, H, W)`` for its index and the height
            and width of F, see :func:`cosod.inference.consensus_file.marked_attention`.

    Raises:
        ImageError: none of the images could be read, or those that define the object can no longer be read.
        InputError: none of the marked images could be read, or the network has no attention.
    """
    marks: dict[int, Tensor] = {}
    parts: list[Tensor] = []
    for part, (_, deep, _) in group.batches(marked):
        found = torch.stack([mark(index, height_and_width(deep)).to(deep) for index in part])
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
    consensus, weight = gathered.consensus(), torch.cat(weights)
    return Shared(indices, consensus, torch.cat(vectors), weight, torch.cat(presence) if presence else None)


class _Gathered:
    """The consensus of any number of images that are added in batches.

    If the consensus of a network is not a mean over images, the :data:`MOST` images of the largest weights are used.
    """

    def __init__(self, network: CoSaliencyNetwork):
        self.network = network
        # The weighted sum of consensuses and the sum of weights; or the features, attention and weights of images.
        self._kept: tuple[Tensor, ...] = ()

    def add(self, features: Features, attention: Tensor, weight: Tensor) -> None:
        """Adds the images of a batch, each with an attention and a weight."""
        if weight.sum() <= 0:
            return
        if self.network.additive_consensus:
            sums = self.network.gather(features, attention, weight).vector * weight.sum(), weight.sum()
            self._kept = tuple(map(torch.add, self._kept, sums)) if self._kept else sums
            return
        new = (features.deep, attention, weight)
        if self._kept:
            deep, attention = (together(pair) for pair in zip(self._kept[:2], new[:2], strict=True))
            new = (deep, attention, torch.cat([self._kept[2], weight]))
        rows = new[2].topk(min(MOST, len(new[2]))).indices.sort().values
        self._kept = tuple(part[rows] for part in new)

    def consensus(self) -> Consensus:
        """Returns the consensus of all added images; raises ImageError if none has a positive weight."""
        if not self._kept:
            raise ImageError("the images that define the object can no longer be read")
        if self.network.additive_consensus:
            total, weight = self._kept
            return Consensus(total / weight)
        deep, attention, weight = self._kept
        return self.network.gather(Features((), deep, (0, 0)), attention, weight)._replace(attention=None)
