"""Group affinity: how well each position of a group matches the other images of the group.

GCoNet section 3.2 ("group affinity module", GAM); the same module serves GCoNet+ and the light network.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.base import Consensus

#: Largest number of entries of one block of the affinity matrix in float32, twice as many in 16 bits: 2 MiB, which stay
#: in the cache of a processor between the product that writes the block and the maximum that reads it.
BLOCK_ENTRIES = 1 << 19


def best_match(query: Tensor, key: Tensor, block_entries: int = BLOCK_ENTRIES) -> Tensor:
    """Computes the mean over the images of the group of each position's best match in that image.

    The affinity of all positions is ``S = query^T key``; the result is the maximum over the positions of each
    image, averaged over the images, the position's own image included. ``S`` has ``(N P)^2`` entries, 262 GB
    for a thousand images of 16 x 16 positions; it is computed in blocks and never held. The result is exact
    and gradients pass to both arguments.

    Args:
        query: ``(N, C, P)``, P positions in each of N images.
        key: ``(M, C, P')`` of the M images to match against (the same group: M = N).
        block_entries: bound on the entries held at once.

    Returns:
        ``(N, P)``, unscaled.
    """
    if torch.jit.is_tracing() or isinstance(query.shape[0], torch.SymInt):
        return _whole_best_match(query, key)
    wanted = torch.is_grad_enabled() and (query.requires_grad or key.requires_grad)
    if query.is_cuda and not wanted and (fused := _fused(query.device)):
        return fused(query, key)
    if query is key and not wanted:
        return _best_match_within(query, block_entries)
    return _BestMatch.apply(query, key, block_entries)


def _fused(device: torch.device) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Returns the kernel for NVIDIA GPUs, if Triton is there, as it is with torch for CUDA on Linux, and works."""
    try:
        from cosod.models.modules import affinity_kernel
    except ImportError:
        return None
    return affinity_kernel.fused_best_match if affinity_kernel.works(device) else None


def _whole_best_match(query: Tensor, key: Tensor) -> Tensor:
    """Does the same as :func:`best_match` from the whole matrix: for graphs, in which no loop runs over a group."""
    n, c, p = query.shape
    m, _, keys = key.shape
    scores = query.transpose(1, 2).reshape(n * p, c) @ key.transpose(0, 1).reshape(c, m * keys)
    return scores.view(n * p, m, keys).amax(dim=2).float().mean(dim=1).view(n, p).to(query.dtype)


class _BestMatch(torch.autograd.Function):
    """Forward keeps only the index of each best match, and that only when a gradient is wanted."""

    @staticmethod
    def forward(ctx, query: Tensor, key: Tensor, block_entries: int) -> Tensor:
        n, c, p = query.shape
        m, _, keys = key.shape
        flat = query.transpose(1, 2).reshape(n * p, c)
        total = torch.empty(n * p, device=query.device, dtype=torch.float32)
        wanted = any(ctx.needs_input_grad[:2])
        index = torch.empty(m, n * p, device=query.device, dtype=torch.int32) if wanted else None
        block_entries = block_entries * 4 // query.element_size()
        # Whole images of keys, and as many queries as then fit: both blocks are as square as the bound allows.
        images = max(1, min(m, int(block_entries**0.5) // keys))
        rows = max(1, block_entries // (images * keys))
        blocks = [block.transpose(0, 1).reshape(c, -1) for block in key.split(images)]
        # One piece of memory for all blocks: fresh memory for each costs more than what is computed in it.
        memory = flat.new_empty(rows * images * keys)
        for start in range(0, n * p, rows):
            part = flat[start : start + rows]
            best = torch.zeros(len(part), device=query.device, dtype=torch.float32)
            for first, block in zip(range(0, m, images), blocks, strict=True):
                scores = memory[: len(part) * block.shape[1]].view(len(part), block.shape[1])
                scores = torch.mm(part, block, out=scores).view(len(part), -1, keys)
                if wanted:
                    values, where = scores.max(dim=2)
                    index[first : first + len(where.T), start : start + rows] = where.T.to(torch.int32)
                else:
                    values = _largest(scores, 2)
                best += values.float().sum(dim=1)
            total[start : start + rows] = best / m
        ctx.save_for_backward(query, key, index)
        return total.view(n, p).to(query.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor):
        query, key, index = ctx.saved_tensors
        n, c, p = query.shape
        m = len(key)
        flat = query.transpose(1, 2).reshape(n * p, c)
        weight = (grad.reshape(n * p, 1) / m).to(flat.dtype)
        grad_query = torch.zeros_like(flat)
        grad_key = torch.zeros_like(key)
        weighted = flat * weight
        for image in range(m):
            where = index[image].long()
            grad_query += key[image].T[where]
            grad_key[image] = torch.zeros_like(key[image].T).index_add_(0, where, weighted).T
        return (grad_query * weight).view(n, p, c).transpose(1, 2), grad_key, None


def _best_match_within(unit: Tensor, block_entries: int) -> Tensor:
    """Computes :func:`best_match` of images ``(N, C, P)`` with themselves.

    The affinity is symmetric then: half of it is computed, and each block says what matches its rows best and its
    columns.
    """
    n, c, p = unit.shape
    flat = unit.transpose(1, 2).reshape(n * p, c)
    side = max(1, min(n, int((block_entries * 4 // unit.element_size()) ** 0.5) // p)) * p
    parts = flat.split(side)
    columns = [part.T.contiguous() for part in parts]
    best = [torch.zeros(len(part), device=unit.device, dtype=torch.float32) for part in parts]
    memory = flat.new_empty(side * side)
    for row, part in enumerate(parts):
        for column in range(row, len(parts)):
            other = columns[column]
            shape = (len(part), other.shape[1])
            scores = torch.mm(part, other, out=memory[: shape[0] * shape[1]].view(shape))
            best[row] += _largest(scores.view(shape[0], -1, p), 2).float().sum(dim=1)
            if column > row:
                best[column] += _largest(scores.view(-1, p, shape[1]), 1).float().sum(dim=0)
    return (torch.cat(best) / n).view(n, p).to(unit.dtype)


def _largest(scores: Tensor, dim: int) -> Tensor:
    """Returns the maxima over a dimension.

    Of bfloat16 on a processor by the bits, which are in the order of the numbers from zero on: an eighth of the time.
    """
    if scores.dtype == torch.bfloat16 and not scores.is_cuda:
        bits = scores.view(torch.int16).amax(dim=dim)
        if bits.amin() >= 0:
            return bits.view(torch.bfloat16)
    return scores.amax(dim=dim)


def image_mean(x: Tensor, weights: Tensor | None = None) -> Tensor:
    """Averages ``(N, C, H, W)`` over positions and images, weighted by ``(N,)`` if given: ``(1, C, 1, 1)``."""
    if weights is None:
        return x.mean(dim=(0, 2, 3), keepdim=True)
    weights = (weights / weights.sum()).to(x.dtype)
    return torch.einsum("nchw,n->c", x, weights)[None, :, None, None] / (x.shape[2] * x.shape[3])


class References(NamedTuple):
    """Images that the images of a large group are matched against, in place of the whole group.

    Attributes:
        keys: keys of R of the group's images, ``(R, K, P)``, in the precision that is to be compared in: the affinity's
            ``keys`` times the image's weight (how many images it stands for), as the best match with w times a key is
            w times the best match with the key.
        weight: sum of the R weights.
        images: N, how many the group has.
    """

    keys: Tensor
    weight: float
    images: int


def _reference_match(query: Tensor, references: References, own: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the weighted sum over references of each position's best match, and the weight of the others."""
    others = references.weight - own
    others = torch.where(others > 0, others, 1.0)  # where an image is the only reference
    match = best_match(query.to(references.keys.dtype), references.keys)
    return match.float() * len(references.keys), others[:, None]


class GroupAffinity(nn.Module):
    """Attention from the group affinity, and the consensus that it gathers (GCoNet equations 1-4).

    Args:
        channels: C of the deep feature.
        key_channels: channels of query and key; C in the papers.
        pool: ``"mean"`` averages the attended feature over positions (the papers); ``"sum"`` adds it up, which
            keeps the consensus on the scale of the feature whatever the number of positions.
        kernel: kernel size of query and key: 1 in the published code, 3 in the papers.
    """

    def __init__(self, channels: int, key_channels: int | None = None, pool: str = "mean", kernel: int = 1):
        super().__init__()
        key_channels = key_channels or channels
        self.query = nn.Conv2d(channels, key_channels, kernel, padding=kernel // 2)
        self.key = nn.Conv2d(channels, key_channels, kernel, padding=kernel // 2)
        self.project = nn.Conv2d(channels, channels, 1)
        self.pool = pool
        for conv in (self.query, self.key, self.project):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(conv.bias)

    def keys(self, deep: Tensor) -> Tensor:
        """Computes what other images are matched against, ``(N, K, H W)``, from F ``(N, C, H, W)``."""
        return self.key(deep).flatten(2)

    def attention(
        self,
        deep: Tensor,
        references: References | None = None,
        own: Tensor | None = None,
        precision: torch.dtype | None = None,
    ) -> Tensor:
        """Computes where in each image the best matches of the group are.

        Args:
            deep: F of one group, ``(N, C, H, W)``; with references of any n of its images.
            references: to match against in place of the whole group. The mean over the images other than a position's
                own is then the weighted mean over those of them that are references, and its own image counts one
                N-th, as in the whole group: with all N images as references the result is the same.
            own: ``(n,)``, the weights that these images have as references, 0 where they are none; needed with
                ``references``.
            precision: that the positions of the whole group are compared in, by default their own; references bring
                theirs.

        Returns:
            ``(N, 1, H, W)``, every image summing to one.
        """
        n, _, h, w = deep.shape
        query, key = self.query(deep).flatten(2), self.keys(deep)
        if references is None:
            match = best_match(query.to(dtype=precision), key.to(dtype=precision))
        else:
            pairs = zip(query.split(1), key.split(1), strict=True)
            itself = torch.cat([best_match(q, k) for q, k in pairs]).float()
            total, others = _reference_match(query, references, own)
            rest = (total - own[:, None] * itself) / others
            match = (itself + (references.images - 1) * rest) / references.images
        scale = self.query.out_channels**-0.5
        return F.softmax(match.float() * scale, dim=1).to(deep.dtype).view(n, 1, h, w)

    def forward(self, deep: Tensor, attention: Tensor | None = None, weights: Tensor | None = None) -> Consensus:
        """Computes the consensus of the N images of one group.

        Args:
            deep: ``(N, C, H, W)``.
            attention: ``(N, 1, H, W)`` to use in place of the group's own, for a consensus from marked regions.
            weights: ``(N,)`` of the images in the consensus; all the same by default.
        """
        if attention is None:
            attention = self.attention(deep)
        attended = deep * attention
        if self.pool == "sum":
            attended = attended.sum(dim=(2, 3), keepdim=True)
        return Consensus(vector=image_mean(self.project(attended), weights), attention=attention)

    def gathered(self, vectors: Tensor, positions: int, weights: Tensor | None = None) -> Tensor:
        """Computes the consensus vector ``(1, C, 1, 1)`` from F of each image added up under its attention.

        Args:
            vectors: ``(N, C)``, see :func:`cosod.inference.presence.pooled`.
            positions: H W of the F that they come from.
            weights: as for :meth:`forward`.
        """
        scale = 1.0 if self.pool == "sum" else 1 / positions
        return image_mean(self.project(scale * vectors[:, :, None, None]), weights)
