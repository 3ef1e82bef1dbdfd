"""Group affinity: how well each position of a group matches the other images of the group.

GCoNet section 3.2 ("group affinity module", GAM); the same module serves GCoNet+ and the light network.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.base import Consensus

#: Largest number of float32 entries of one block of the affinity matrix (twice as many in 16 bits). These 2 MiB stay in
#: the cache of a processor between the product that writes the block and the maximum that reads it.
BLOCK_ENTRIES = 1 << 19


def best_match(query: Tensor, key: Tensor, block_entries: int = BLOCK_ENTRIES, worth: Tensor | None = None) -> Tensor:
    """Computes the mean over the images of the group of each position's best match in that image.

    The affinity of all positions is ``S = query^T key``; the result is the maximum over the positions of each
    image, averaged over the images, the position's own image included. ``S`` has ``(N P)^2`` entries, 262 GB
    for a thousand images of 16 x 16 positions; it is computed in blocks and never held. The result is exact
    and gradients pass to both arguments.

    Args:
        query: ``(N, C, P)``, P positions in each of N images.
        key: ``(M, C, P')`` of the M images to match against (the same group: M = N).
        block_entries: bound on the entries held at once.
        worth: values that are added to the affinity with each position of the key, ``(M, P')``; by default none.

    Returns:
        ``(N, P)``, unscaled.
    """
    traced = torch.jit.is_tracing() or isinstance(query.shape[0], torch.SymInt)
    wanted = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (query, key, worth))
    if query is key and not (traced or wanted or query.is_cuda):
        return _best_match_within(query, block_entries, worth)
    if worth is not None:  # one more channel, which is one in the query and the worth in the key
        query = torch.cat([query, torch.ones_like(query[:, :1])], dim=1)
        key = torch.cat([key, worth[:, None]], dim=1)
    if traced:
        return _whole_best_match(query, key)
    if query.is_cuda and not wanted and (fused := _fused(query.device)):
        return fused(query, key)
    return _BestMatch.apply(query, key, block_entries)


def _fused(device: torch.device) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Returns the kernel for NVIDIA GPUs if Triton is installed and works; torch for CUDA on Linux comes with it."""
    try:
        from cosod.models.modules import affinity_kernel
    except ImportError:
        return None
    return affinity_kernel.fused_best_match if affinity_kernel.works(device) else None


def _whole_best_match(query: Tensor, key: Tensor) -> Tensor:
    """Computes :func:`best_match` from the whole matrix, for exported graphs, which have no loop over a group."""
    n, c, p = query.shape
    m, _, keys = key.shape
    scores = query.transpose(1, 2).reshape(n * p, c) @ key.transpose(0, 1).reshape(c, m * keys)
    return scores.view(n * p, m, keys).amax(dim=2).float().mean(dim=1).view(n, p).to(query.dtype)


class _BestMatch(torch.autograd.Function):
    """The function :func:`best_match`, which saves the index of each best match if a gradient is needed."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, block_entries: int) -> Tensor:
        n, c, p = query.shape
        m, _, keys = key.shape
        flat = query.transpose(1, 2).reshape(n * p, c)
        total = torch.empty(n * p, device=query.device, dtype=torch.float32)
        wanted = any(ctx.needs_input_grad[:2])
        index = torch.empty(m, n * p, device=query.device, dtype=torch.int32) if wanted else None
        block_entries = block_entries * 4 // query.element_size()
        # A block has the keys of whole images, and as many queries as then fit; it is as square as the bound allows.
        images = max(1, min(m, int(block_entries**0.5) // keys))
        rows = max(1, block_entries // (images * keys))
        blocks = [block.transpose(0, 1).reshape(c, -1) for block in key.split(images)]
        # All blocks share one buffer, because allocating one for each block takes longer than computing the block.
        memory = flat.new_empty(rows * images * keys)
        for start in range(0, n * p, rows):
            part = flat[start : start + rows]
            best = torch.zeros(len(part), device=query.device, dtype=torch.float32)
            for first, block in zip(range(0, m, images), blocks, strict=True):
                scores = memory[: len(part) * block.shape[1]].view(len(part), block.shape[1])
                scores = torch.mm(part, block, out=scores).view(len(part), -1, keys)
                if index is not None:
                    values, where = scores.max(dim=2)
                    index[first : first + len(where.T), start : start + rows] = where.T.to(torch.int32)
                else:
                    values = _largest(scores, 2)
                best += values.float().sum(dim=1)
            total[start : start + rows] = best / m
        ctx.save_for_backward(query, key, index)
        return total.view(n, p).to(query.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
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


def _best_match_within(unit: Tensor, block_entries: int, worth: Tensor | None) -> Tensor:
    """Computes :func:`best_match` of images ``(N, C, P)`` with themselves.

    The affinity matrix is symmetric in this case, except for the worth of positions, so that only half of its blocks
    are computed; each gives the best matches of its rows and of its columns.
    """
    n, _, p = unit.shape
    if worth is not None:  # one more channel, which is one in rows and the worth in columns
        unit = torch.cat([unit, torch.ones_like(unit[:, :1])], dim=1)
    flat = unit.transpose(1, 2).reshape(n * p, -1)
    side = max(1, min(n, int((block_entries * 4 // unit.element_size()) ** 0.5) // p)) * p
    parts = flat.split(side)
    # Copies, also of a single image, whose rows are contiguous in this direction already.
    columns = [part.T.clone(memory_format=torch.contiguous_format) for part in parts]
    added = () if worth is None else worth.reshape(-1).split(side)
    for keys, own in zip(columns, added, strict=False):
        keys[-1] = own
    best = [torch.zeros(len(part), device=unit.device, dtype=torch.float32) for part in parts]
    memory = flat.new_empty(side * side)
    for row, part in enumerate(parts):
        for column in range(row, len(parts)):
            other = columns[column]
            shape = (len(part), other.shape[1])
            scores = torch.mm(part, other, out=memory[: shape[0] * shape[1]].view(shape))
            best[row] += _largest(scores.view(shape[0], -1, p), 2).float().sum(dim=1)
            if column == row:
                continue
            if added:  # that of the rows in place of that of the columns
                scores += added[row][:, None]
            largest = _largest(scores.view(-1, p, shape[1]), 1).float().sum(dim=0)
            best[column] += largest - shape[0] // p * added[column].float() if added else largest
    return (torch.cat(best) / n).view(n, p).to(unit.dtype)


def _largest(scores: Tensor, dim: int) -> Tensor:
    """Returns the maxima over a dimension.

    On a CPU, the maximum of bfloat16 values that are not negative is computed from their bits as integers, which have
    the same order, in an eighth of the time.
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
    """Images of a large group that all its images are matched against, instead of the whole group.

    Attributes:
        keys: keys of R images of the group, ``(R, K, P)``, in the precision of the comparison. They are the ``keys`` of
            the affinity times the weight of the image (the number of images it represents), because the best match
            with w times a key is w times the best match with the key.
        weight: sum of the R weights.
        images: number N of images of the group.
    """

    keys: Tensor
    weight: float
    images: int


def _reference_match(query: Tensor, references: References, own: Tensor) -> tuple[Tensor, Tensor]:
    """Computes the weighted sum over references of each position's best match, and the weight of the others."""
    others = references.weight - own
    others = torch.where(others > 0, others, 1.0)  # for an image that is the only reference
    match = best_match(query.to(references.keys.dtype), references.keys)
    return match.float() * len(references.keys), others[:, None]


class GroupAffinity(nn.Module):
    """Attention from the group affinity, and the consensus under this attention (GCoNet, equations 1-4).

    Args:
        channels: C of the deep feature.
        key_channels: channels of query and key; C in the papers.
        pool: ``"mean"`` averages the attended feature over positions, as in the papers; ``"sum"`` sums it, so that the
            scale of the consensus does not depend on the number of positions.
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
            nn.init.zeros_(conv.get_parameter("bias"))

    def keys(self, deep: Tensor) -> Tensor:
        """Computes the keys that other images are matched against, ``(N, K, H W)``, from F ``(N, C, H, W)``."""
        return self.key(deep).flatten(2)

    def attention(
        self,
        deep: Tensor,
        references: References | None = None,
        own: Tensor | None = None,
        precision: torch.dtype | None = None,
    ) -> Tensor:
        """Computes the attention of a group: the softmax over the positions of each image of their mean best match.

        Args:
            deep: F of one group, ``(N, C, H, W)``; with ``references``, F of any n images of the group.
            references: images to match against instead of the whole group. The mean over all images except the one of
                the position becomes the weighted mean over the references except this image, and the image itself has
                the weight 1 / N, as in the whole group. If all N images are references, the result is the same.
            own: weights of the n images as references, ``(n,)``, 0 for those that are none; needed with ``references``.
            precision: precision in which the positions of the whole group are compared, by default that of ``deep``;
                ``references`` are in the precision of their own.

        Returns:
            ``(N, 1, H, W)``; the values of each image sum to one.

        Raises:
            ValueError: ``references`` are given without ``own``.
        """
        n, _, h, w = deep.shape
        query, key = self.query(deep).flatten(2), self.keys(deep)
        if references is None:
            match = best_match(query.to(dtype=precision), key.to(dtype=precision))
        elif own is None:
            raise ValueError("references need own, the weights of the images as references")
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
            attention: attention ``(N, 1, H, W)`` to use instead of that of the group, for instance marked regions.
            weights: weights of the images in the consensus, ``(N,)``; equal by default.
        """
        if attention is None:
            attention = self.attention(deep)
        attended = deep * attention
        if self.pool == "sum":
            attended = attended.sum(dim=(2, 3), keepdim=True)
        return Consensus(vector=image_mean(self.project(attended), weights), attention=attention)

    def gathered(self, vectors: Tensor, positions: int, weights: Tensor | None = None) -> Tensor:
        """Computes the consensus vector ``(1, C, 1, 1)`` from the weighted sum of F of each image under its attention.

        Args:
            vectors: ``(N, C)``, see :func:`cosod.inference.presence.pooled`.
            positions: number of positions H W of F.
            weights: as for :meth:`forward`.
        """
        scale = 1.0 if self.pool == "sum" else 1 / positions
        return image_mean(self.project(scale * vectors[:, :, None, None]), weights)
