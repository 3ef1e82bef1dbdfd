"""A Triton kernel for NVIDIA GPUs that computes the best matches of a group without storing the affinity matrix."""

import functools
import warnings

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Numbers of queries, of keys and of channels that a program of the kernel multiplies at a time.
QUERIES, KEYS, CHANNELS = 64, 64, 32
#: Number of programs that keeps a large GPU busy; for small groups, the images of the keys are divided to reach it.
PROGRAMS = 512


@triton.jit
def _best_match(
    query, key, out, rows, keys, images, channels, share, exact: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BC: tl.constexpr
):  # fmt: skip
    row = tl.program_id(0) * BM + tl.arange(0, BM)
    first = tl.program_id(1) * share
    total = tl.zeros((BM,), tl.float32)
    for image in range(first, tl.minimum(first + share, images)):
        best = tl.full((BM,), float("-inf"), tl.float32)
        for start in range(0, keys, BN):
            column = start + tl.arange(0, BN)
            scores = tl.zeros((BM, BN), tl.float32)
            for step in range(0, channels, BC):
                channel = step + tl.arange(0, BC)
                left = query + row[:, None].to(tl.int64) * channels + channel[None, :]
                right = key + (image * keys + column[None, :]).to(tl.int64) * channels + channel[:, None]
                inside = channel < channels
                q = tl.load(left, mask=(row < rows)[:, None] & inside[None, :], other=0.0)
                k = tl.load(right, mask=(column < keys)[None, :] & inside[:, None], other=0.0)
                scores = tl.dot(q, k, scores, input_precision="ieee" if exact else "tf32")
            scores = tl.where((column < keys)[None, :], scores, float("-inf"))
            best = tl.maximum(best, tl.max(scores, axis=1))
        total += best
    tl.store(out + tl.program_id(1) * rows + row, total, mask=row < rows)


def fused_best_match(query: Tensor, key: Tensor) -> Tensor:
    """Computes :func:`cosod.models.modules.group_affinity.best_match` without gradients.

    Args:
        query: ``(N, C, P)``.
        key: ``(M, C, P')``, of the same type and on the same device.

    Returns:
        ``(N, P)``.
    """
    n, c, p = query.shape
    m, _, keys = key.shape
    rows = n * p
    blocks = triton.cdiv(rows, QUERIES)
    # The sum of each part is written to a row of its own. Adding the rows in order makes the result deterministic.
    parts = max(1, min(m, PROGRAMS // blocks))
    share = triton.cdiv(m, parts)
    parts = triton.cdiv(m, share)
    out = torch.empty(parts, rows, device=query.device, dtype=torch.float32)
    flat, columns = (t.transpose(1, 2).contiguous() for t in (query, key))
    exact = not torch.backends.cuda.matmul.allow_tf32
    _best_match[(blocks, parts)](
        flat, columns, out, rows, keys, m, c, share, exact, BM=QUERIES, BN=KEYS, BC=CHANNELS
    )  # fmt: skip
    return (out.sum(dim=0) / m).view(n, p).to(query.dtype)


@functools.cache
def works(device: torch.device) -> bool:
    """Returns whether the kernel compiles for this device and gives the right result; warns if it does not.

    Triton does not support every driver and every GPU, which must not make a network fail.
    """
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(n, 40, 70, generator=generator).to(device) for n in (2, 3))
    expected = torch.einsum("ncp,mck->nmpk", query, key).amax(dim=3).mean(dim=1)
    try:
        difference: float | str = float((fused_best_match(query, key) - expected).abs().max())
    except Exception as error:
        difference = f"{type(error).__name__}: {error}"
    if isinstance(difference, float) and difference < 0.05:
        return True
    warnings.warn(
        f"the fused affinity does not work on {device} ({difference}); the blockwise one is used", stacklevel=2
    )
    return False
