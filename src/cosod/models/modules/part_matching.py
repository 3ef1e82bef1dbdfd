"""Part matching in frozen features: attention to the shared object, its parts, and the similarity of positions to them.

A training set has few classes, and a network that is tuned to them misses objects of other classes. Therefore only
descriptors from the frozen ImageNet backbone are compared here, and the layers that follow see how much each position
resembles the group, but not what the group shows.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.base import Consensus
from cosod.models.modules.group_affinity import best_match
from cosod.models.modules.layers import peak, resize

#: Number of parts of a consensus.
PARTS = 8
#: Rounds of k-means, and the factor of the cosines in its soft assignment of positions to parts.
ROUNDS, SHARPNESS = 4, 20.0
#: Concentration of the mixture of von Mises-Fisher distributions by which a position is compared with all parts.
CONCENTRATION = 12.0
#: Factor of the cosines in the softmax that gives the weights of the images of a group.
AGREEMENT = 8.0
#: Objectness is clamped to [MARGIN, 1 - MARGIN].
MARGIN = 1e-3
#: Positions whose attention is below this share of the largest belong to no part.
LEAST = 0.02
#: A position whose distance from the nearest part is below this is taken for that part, within rounding.
NOTHING = 1e-5
#: Value that is subtracted from the match with a position that shows no object.
BACKGROUND = 0.3
#: Channels of :meth:`PartMatching.similarity`: eight measures, the same relative to the best of the image, and
#: saliency.
SIMILARITIES = 17


class Parts(NamedTuple):
    """The contents of a consensus vector.

    Attributes:
        prototype: the mean descriptor of the shared object, unit length, ``(B, C)``.
        parts: descriptors of its parts, unit length, ``(B, K, C)``.
        shares: shares of the parts in the object, ``(B, K)``, adding up to one.
    """

    prototype: Tensor
    parts: Tensor
    shares: Tensor


def pack(found: Parts) -> Tensor:
    """Packs the parts into one consensus vector, ``(B, (K + 1) C + K, 1, 1)``."""
    return torch.cat([found.prototype, found.parts.flatten(1), found.shares], dim=1)[:, :, None, None]


def unpack(vector: Tensor, channels: int) -> Parts:
    """Inverts :func:`pack`, for descriptors of C = ``channels``."""
    flat = vector.flatten(1)
    count = (flat.shape[1] - channels) // (channels + 1)
    prototype, parts, shares = flat.split([channels, count * channels, count], dim=1)
    return Parts(prototype, parts.unflatten(1, (count, channels)), shares)


def described(coarse: Tensor, fine: Tensor, objectness: Tensor) -> Tensor:
    """Computes descriptors: the concatenation of two frozen features as unit vectors, scaled by objectness.

    The direction of a descriptor represents the appearance, and its length the probability of an object. Cosines depend
    on the direction only, and objects have more weight in means of descriptors.

    Args:
        coarse: last feature of the backbone, ``(N, C1, h, w)``.
        fine: the feature before, ``(N, C2, 2 h, 2 w)``.
        objectness: logits at an eighth of the stride of ``coarse``, ``(N, 1, 8 h, 8 w)``.

    Returns:
        ``(N, C1 + C2, h, w)``, float32, with lengths in [0.001, 0.999].
    """
    pair = [F.normalize(f.float(), dim=1) for f in (coarse, F.avg_pool2d(fine, 2))]
    share = F.avg_pool2d(objectness.float(), 8).sigmoid().clamp(MARGIN, 1 - MARGIN)
    return torch.cat(pair, dim=1) * (share * 2**-0.5)


def _in_float32(method: Callable) -> Callable:
    """Decorates a method that computes in float32, because sums of many products are too inexact in half precision."""

    @wraps(method)
    def run(self: Any, deep: Tensor, *arguments: Any, **options: Any) -> Any:
        with torch.autocast(deep.device.type, enabled=False):
            return method(self, deep, *arguments, **options)

    return run


class PartMatching(nn.Module):
    """Attention, consensus and similarity from descriptors (:func:`described`).

    Args:
        coarse, fine: channels C1 and C2 of the two frozen features; C is their sum.
    """

    def __init__(self, coarse: int, fine: int):
        super().__init__()
        self.coarse, self.channels = coarse, coarse + fine
        self.log_match = nn.Parameter(torch.tensor(math.log(10.0)))
        self.log_prototype = nn.Parameter(torch.tensor(math.log(8.0)))
        self.objectness = nn.Parameter(torch.tensor(1.0))

    @_in_float32
    def attentions(
        self, deep: Tensor, precision: torch.dtype | None = None, match: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Computes the attention to the shared object in each image of a group, in two rounds.

        In the first round, the attention of a position depends on its best matches in the *other* images and on its
        objectness; in the second, it also depends on the similarity to the prototype of the first round.

        Args:
            deep: descriptors of the group's N images, ``(N, C, h, w)``.
            precision: precision in which positions are compared; by default float32.
            match: what :meth:`match` computes, ``(N, P)``, if it is known already.

        Returns:
            Two attentions, ``(N, 1, h, w)``; the values of each image sum to one. The attention of a single image
            depends on objectness alone.
        """
        n, _, h, w = deep.shape
        unit, logits = self._parted(deep)
        base = self.objectness * logits
        match = _others_match(unit, _worth(logits), precision) if match is None else match
        first = (self.log_match.exp() * match + base).softmax(dim=1).view(n, 1, h, w)
        vectors = self.vectors(deep, first)
        prototype = _weighted(vectors, _agreement(vectors))
        alike = torch.einsum("ncp,c->np", unit, prototype)
        second = (self.log_prototype.exp() * (alike + match) + base).softmax(dim=1).view(n, 1, h, w)
        return first, second

    def attention(self, deep: Tensor, precision: torch.dtype | None = None, match: Tensor | None = None) -> Tensor:
        """Computes the second of :meth:`attentions`."""
        return self.attentions(deep, precision, match)[1]

    @_in_float32
    def match(self, deep: Tensor, precision: torch.dtype | None = None) -> Tensor:
        """Computes the mean over the other images of each position's best match there, ``(N, P)``.

        A match is the cosine of both descriptors, less up to 0.3 where the other position shows no object. It is zero
        for a single image. Arguments as for :meth:`attentions`.
        """
        unit, logits = self._parted(deep)
        return _others_match(unit, _worth(logits), precision)

    @_in_float32
    def matches(self, deep: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the best matches of positions in each of some other images, and the best matches there with them.

        For runtimes without loops, from which :meth:`attentions` gets ``match`` in parts.

        Args:
            deep: descriptors of A images, ``(A, C, h, w)``.
            other: descriptors of B images, ``(B, C, h', w')``.

        Returns:
            The best match of each position of A in each image of B, ``(A, P, B)``, and of each position of B in each
            image of A, ``(A, B, P')``.
        """
        (one, logits), (two, others) = self._parted(deep), self._parted(other)
        (a, _, p), (b, _, q) = one.shape, two.shape
        # Two dimensions: products of matrices are faster than those of batches.
        scores = one.transpose(1, 2).reshape(a * p, -1) @ two.transpose(0, 1).reshape(-1, b * q)
        rows = (scores.view(a * p, b, q) + _worth(others)).amax(dim=2).view(a, p, b)
        columns = (scores.view(a, p, b * q) + _worth(logits)[:, :, None]).amax(dim=1).view(a, b, q)
        return rows, columns

    @_in_float32
    def forward(self, deep: Tensor, attention: Tensor | None = None, weights: Tensor | None = None) -> Consensus:
        """Computes the consensus of the N images of one group: prototype and parts under the attention, packed.

        Args:
            deep: descriptors, ``(N, C, h, w)``.
            attention: attention ``(N, 1, h, w)`` to use instead of that of the group, for instance marked regions.
            weights: weights of the images, ``(N,)``; by default those of :meth:`agreement`.
        """
        if attention is None:
            attention = self.attention(deep)
        vectors = self.vectors(deep, attention)
        weights = _agreement(vectors) if weights is None else weights / weights.sum()
        unit = self._parted(deep)[0]
        prototype = _weighted(vectors, weights)
        with torch.no_grad():
            mass = (attention.flatten(1) * weights[:, None]).reshape(-1)
            parts, shares = _parts_of(unit.transpose(1, 2).reshape(-1, self.channels), mass, prototype)
        found = Parts(prototype.detach()[None], parts[None], shares[None])
        return Consensus(vector=pack(found), attention=attention)

    @_in_float32
    def similarity(self, deep: Tensor, fine: Tensor, saliency: Tensor, vector: Tensor) -> Tensor:
        """Computes how much each position resembles the group, in :data:`SIMILARITIES` channels on the finer grid.

        There are eight measures: the similarity to the mixture of all parts; for each of the two features, the cosine
        with the prototype, without and with the mean of the image subtracted; and the first three of these averaged
        over positions that are similar and close, so that all parts of an object get similar values. Each measure is
        returned as it is, and as the difference from the best position of the image.

        Args:
            deep: descriptors ``(N, C, h, w)``.
            fine: the finer frozen feature, as unit vectors ``(N, C2, H, W)``.
            saliency: saliency of any object, in [0, 1], ``(N, 1, H, W)``.
            vector: vector of the consensus, ``(1, V, 1, 1)`` or ``(N, V, 1, 1)``.
        """
        size = fine.shape[-2:]
        fine = fine.float()
        prototype, parts, shares = unpack(vector.float(), self.channels)
        coarse = F.normalize(deep[:, : self.coarse].float(), dim=1)
        both = resize(_cosines(coarse, parts[..., : self.coarse]), size) + _cosines(fine, parts[..., self.coarse :])
        fit = CONCENTRATION * 2**-0.5 * both + (shares + MARGIN).log()[:, :, None, None]
        measures = [fit.logsumexp(dim=1, keepdim=True) / CONCENTRATION]
        for feature, part in ((coarse, prototype[:, : self.coarse]), (fine, prototype[:, self.coarse :])):
            part = F.normalize(part, dim=1)
            mean = feature.mean(dim=(2, 3))
            centered = F.normalize(feature - mean[:, :, None, None], dim=1)
            measures.append(resize(_cosines(feature, part[:, None]), size))
            measures.append(resize(_cosines(centered, F.normalize(part - mean, dim=1)[:, None]), size))
        measures += self._spread(fine, saliency, torch.cat(measures[:3], dim=1)).split(1, dim=1)
        channels = []
        for measure in measures:
            channels += [measure, measure - peak(measure, 10 * measure + 4 * (saliency - 1))]
        logits = _logit(saliency.clamp(MARGIN, 1 - MARGIN))
        return torch.cat([*channels, logits / 4], dim=1)

    def _spread(self, fine: Tensor, saliency: Tensor, values: Tensor) -> Tensor:
        """Averages values ``(N, k, H, W)`` at each position over the positions that are similar, close and salient."""
        h, w = fine.shape[-2:]
        rows, columns = torch.arange(h, device=fine.device), torch.arange(w, device=fine.device)
        places = torch.stack([rows[:, None].expand(h, w) / h, columns.expand(h, w) / w], dim=-1).view(-1, 2).float()
        apart = (places[:, None] - places).square().sum(dim=2)
        flat = fine.flatten(2)
        logits = 10 * flat.transpose(1, 2) @ flat - 8 * apart + (saliency.flatten(2) + MARGIN).log()
        return torch.einsum("npq,nkq->nkp", logits.softmax(dim=2), values.flatten(2)).view_as(values)

    def _parted(self, deep: Tensor) -> tuple[Tensor, Tensor]:
        """Returns descriptors as unit vectors ``(N, C, P)``, and the logits of objectness ``(N, P)``."""
        flat = deep.float().flatten(2)
        length = flat.norm(dim=1)
        return flat / length.clamp_min(1e-6)[:, None], _logit(length.clamp(MARGIN, 1 - MARGIN))

    def vectors(self, deep: Tensor, attention: Tensor) -> Tensor:
        """Computes the mean descriptor of each image under its attention, at unit length, ``(N, C)``."""
        unit = self._parted(deep)[0]
        return F.normalize(torch.einsum("ncp,np->nc", unit, attention.flatten(1).float()), dim=1)

    def agreement(self, deep: Tensor, attention: Tensor) -> Tensor:
        """Computes weights of the images, ``(N,)``, which sum to one.

        They are the softmax of the cosines of each image's mean descriptor with the mean of the others.
        """
        return _agreement(self.vectors(deep, attention))


def _agreement(vectors: Tensor) -> Tensor:
    """Computes :meth:`PartMatching.agreement` from the unit vectors of the images, ``(N, C)``."""
    others = F.normalize(vectors.sum(dim=0) - vectors, dim=1)  # zero for a single image, whose weight is one
    return (AGREEMENT * (vectors * others).sum(dim=1)).softmax(dim=0)


def _weighted(vectors: Tensor, weights: Tensor) -> Tensor:
    """Computes the weighted mean of unit vectors ``(N, C)``, unit length, ``(C,)``."""
    return F.normalize((weights[:, None] * vectors).sum(dim=0), dim=0)


def _worth(logits: Tensor) -> Tensor:
    """Computes what the objectness of positions adds to the match with them, at most zero."""
    return -BACKGROUND * (1 - logits.sigmoid())


def _others_match(unit: Tensor, worth: Tensor, precision: torch.dtype | None) -> Tensor:
    """Computes the mean over the other images of each position's best match there; zero for a single image."""
    own = (unit.transpose(1, 2) @ unit + worth[:, None]).amax(dim=2)
    images = torch.ones_like(unit[:, 0, 0]).sum()  # a tensor, so that exported graphs accept groups of other sizes
    compared = unit.to(dtype=precision)
    mean = best_match(compared, compared, worth=worth.to(dtype=precision)).float()
    return torch.where(images > 1, (images * mean - own) / (images - 1).clamp_min(1), torch.zeros_like(mean))


def _parts_of(unit: Tensor, mass: Tensor, prototype: Tensor) -> tuple[Tensor, Tensor]:
    """Clusters positions ``(M, C)`` with masses ``(M,)`` by spherical k-means: parts ``(K, C)`` and shares ``(K,)``.

    The first part is initialized with the prototype, and each further one with the position of the largest mass times
    distance from the nearest part. If every position with any mass is a part already, the prototype is used again.
    """
    mass = torch.where(mass > LEAST * mass.amax(dim=0), mass, torch.zeros_like(mass))
    least = NOTHING * mass.amax(dim=0)
    parts = [prototype]
    nearest = unit @ prototype
    for _ in range(PARTS - 1):
        gain, place = (mass * (1 - nearest)).max(dim=0, keepdim=True)
        # index_select, because exported graphs cannot convert a tensor to an index, as plain indexing does.
        chosen = torch.where(gain > least, unit.index_select(0, place)[0], prototype)
        parts.append(chosen)
        nearest = torch.maximum(nearest, unit @ chosen)
    found = torch.stack(parts)
    for _ in range(ROUNDS):
        belongs = (SHARPNESS * unit @ found.T).softmax(dim=1) * mass[:, None]
        # A part without any position keeps its value.
        found = F.normalize(belongs.T @ unit + 1e-6 * found, dim=1)
    return found, belongs.sum(dim=0) / belongs.sum()


def _logit(share: Tensor) -> Tensor:
    """Computes :func:`torch.logit` in operations that all export formats have."""
    return (share / (1 - share)).log()


def _cosines(unit: Tensor, vectors: Tensor) -> Tensor:
    """Computes cosines ``(N, K, H, W)`` of ``(N, C, H, W)`` with ``(B, K, C)``, where B is 1 or N."""
    return torch.einsum("nchw,nkc->nkhw", unit, vectors.expand(unit.shape[0], -1, -1))
