"""Matching in features that training leaves alone: where the shared object is, its parts, and what resembles them.

The classes of a training set are few, and a network that is tuned to them drops what it has no class for. So nothing
here is compared but descriptors from the frozen ImageNet backbone, and what the layers after it see of a group is how
much each position resembles it, never what the group is.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.base import Consensus
from cosod.models.modules.group_affinity import best_match
from cosod.models.modules.layers import peak, resize

#: Parts that a consensus has.
PARTS = 8
#: Rounds of k-means, and how sharply a position belongs to its nearest part.
ROUNDS, SHARPNESS = 4, 20.0
#: Concentration of the mixture that says how well a position fits any of the parts.
CONCENTRATION = 12.0
#: How sharply an image counts less that resembles the others of its group less.
AGREEMENT = 8.0
#: Objectness is kept this far from 0 and 1.
MARGIN = 1e-3
#: Positions whose attention is below this share of the largest belong to no part.
LEAST = 0.02
#: What is as near to a part as this is that part, but for rounding.
NOTHING = 1e-5
#: What a match with a position without any object is worth less than one with an object.
BACKGROUND = 0.3
#: Channels of :meth:`PartMatching.similarity`: eight measures, each as it is and less the image's best, and saliency.
SIMILARITIES = 17


class Parts(NamedTuple):
    """What a consensus vector holds.

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
    """Computes descriptors: two frozen features as unit vectors side by side, scaled by objectness.

    The direction says what is there, the length whether it is an object. Cosines see the first alone, and means of
    descriptors count objects more.

    Args:
        coarse: the backbone's last feature, ``(N, C1, h, w)``.
        fine: the one before, ``(N, C2, 2 h, 2 w)``.
        objectness: logits at an eighth of the stride, ``(N, 1, 8 h, 8 w)``.

    Returns:
        ``(N, C1 + C2, h, w)``, float32, of lengths in [0.001, 0.999].
    """
    pair = [F.normalize(f.float(), dim=1) for f in (coarse, F.avg_pool2d(fine, 2))]
    share = F.avg_pool2d(objectness.float(), 8).sigmoid().clamp(MARGIN, 1 - MARGIN)
    return torch.cat(pair, dim=1) * (share * 2**-0.5)


def _in_float32(method: Callable) -> Callable:
    """Decorates a method whose sums over many products would lose what they are for in half precision."""

    @wraps(method)
    def run(self, deep: Tensor, *arguments, **options):
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
    def attentions(self, deep: Tensor, precision: torch.dtype | None = None) -> tuple[Tensor, Tensor]:
        """Computes where in each image of a group the shared object is, in two rounds.

        In the first a position counts as much as its best matches in the *other* images do, if an object is there; in
        the second also as much as it resembles the prototype of the first.

        Args:
            deep: descriptors of the group's N images, ``(N, C, h, w)``.
            precision: that positions are compared in; by default float32.

        Returns:
            Two attentions, ``(N, 1, h, w)``; every image sums to one. A single image is looked at by objectness alone.
        """
        n, _, h, w = deep.shape
        unit, logits = self._parted(deep)
        base = self.objectness * logits
        match = _others_match(unit, logits, precision)
        first = (self.log_match.exp() * match + base).softmax(dim=1).view(n, 1, h, w)
        vectors = self.vectors(deep, first)
        prototype = _weighted(vectors, _agreement(vectors))
        alike = torch.einsum("ncp,c->np", unit, prototype)
        second = (self.log_prototype.exp() * (alike + match) + base).softmax(dim=1).view(n, 1, h, w)
        return first, second

    def attention(self, deep: Tensor, precision: torch.dtype | None = None) -> Tensor:
        """Computes the second of :meth:`attentions`."""
        return self.attentions(deep, precision)[1]

    @_in_float32
    def forward(self, deep: Tensor, attention: Tensor | None = None, weights: Tensor | None = None) -> Consensus:
        """Computes the consensus of the N images of one group: prototype and parts of what attention is on, packed.

        Args:
            deep: descriptors, ``(N, C, h, w)``.
            attention: ``(N, 1, h, w)`` to use in place of the group's own, for a consensus from marked regions.
            weights: ``(N,)`` of the images; by default an image counts as far as it resembles the others.
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
        """Computes how each position resembles the group, in :data:`SIMILARITIES` channels at the finer grid.

        Eight measures: how well it fits any part; its cosine with the prototype, by either feature, as it is and after
        the image's mean is taken off both; and three of these spread over positions that look alike and lie near, so
        that the parts of an object share one answer. Each is given as it is and less the image's best.

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
        """Averages values ``(N, k, H, W)`` over the positions that look like each one, lie near, and are salient."""
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
        """Computes weights ``(N,)`` of the images, adding up to one, from the cosine of each with the mean of the
        others.
        """
        return _agreement(self.vectors(deep, attention))


def _agreement(vectors: Tensor) -> Tensor:
    """Returns :meth:`PartMatching.agreement` of images with these unit vectors, ``(N, C)``."""
    others = F.normalize(vectors.sum(dim=0) - vectors, dim=1)  # zero for a single image, whose weight is one
    return (AGREEMENT * (vectors * others).sum(dim=1)).softmax(dim=0)


def _weighted(vectors: Tensor, weights: Tensor) -> Tensor:
    """Computes the weighted mean of unit vectors ``(N, C)``, unit length, ``(C,)``."""
    return F.normalize((weights[:, None] * vectors).sum(dim=0), dim=0)


def _others_match(unit: Tensor, logits: Tensor, precision: torch.dtype | None) -> Tensor:
    """Computes the mean over the other images of each position's best match there; zero for a single image."""
    worth = -BACKGROUND * (1 - logits.sigmoid())
    query = torch.cat([unit, torch.ones_like(unit[:, :1])], dim=1)
    key = torch.cat([unit, worth[:, None]], dim=1)
    own = (query.transpose(1, 2) @ key).amax(dim=2)
    images = torch.ones_like(unit[:, 0, 0]).sum()  # a tensor, so that a graph knows groups of other sizes
    mean = best_match(query.to(dtype=precision), key.to(dtype=precision)).float()
    return torch.where(images > 1, (images * mean - own) / (images - 1).clamp_min(1), torch.zeros_like(mean))


def _parts_of(unit: Tensor, mass: Tensor, prototype: Tensor) -> tuple[Tensor, Tensor]:
    """Clusters positions ``(M, C)`` with masses ``(M,)`` by spherical k-means: parts ``(K, C)`` and shares ``(K,)``.

    The first part begins at the prototype, each other one at the position that no part resembles and that weighs most;
    where every position of any mass is a part already, at the prototype as well.
    """
    mass = torch.where(mass > LEAST * mass.amax(dim=0), mass, torch.zeros_like(mass))
    least = NOTHING * mass.amax(dim=0)
    parts = [prototype]
    nearest = unit @ prototype
    for _ in range(PARTS - 1):
        gain, place = (mass * (1 - nearest)).max(dim=0, keepdim=True)
        # By index_select: a graph could not read the number out of its tensor, as plain indexing does.
        chosen = torch.where(gain > least, unit.index_select(0, place)[0], prototype)
        parts.append(chosen)
        nearest = torch.maximum(nearest, unit @ chosen)
    found = torch.stack(parts)
    for _ in range(ROUNDS):
        belongs = (SHARPNESS * unit @ found.T).softmax(dim=1) * mass[:, None]
        # A part that loses all its positions stays where it is.
        found = F.normalize(belongs.T @ unit + 1e-6 * found, dim=1)
    return found, belongs.sum(dim=0) / belongs.sum()


def _logit(share: Tensor) -> Tensor:
    """Does the same as :func:`torch.logit`, which not every format of exported models knows."""
    return (share / (1 - share)).log()


def _cosines(unit: Tensor, vectors: Tensor) -> Tensor:
    """Computes cosines ``(N, K, H, W)`` of ``(N, C, H, W)`` with ``(B, K, C)``, where B is 1 or N."""
    return torch.einsum("nchw,nkc->nkhw", unit, vectors.expand(unit.shape[0], -1, -1))
