"""The precisions that a network computes in, and the choice between them."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

#: Largest :func:`precision_deviation` at which bfloat16 is taken by itself.
CLOSE = 2 / 255


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 by itself, so that it is faster than float32 there."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    return torch.backends.mkldnn.is_available() and any(ask is not None and ask() for ask in known)


def precision_deviation(maps: Callable[[str], Sequence[np.ndarray]]) -> float:
    """Computes how far maps in bfloat16 are from those in float32, in [0, 1]: the pixel that differs most.

    Args:
        maps: from a precision to the maps of some images.
    """
    exact, fast = (maps(precision) for precision in ("float32", "bfloat16"))
    return max(float(np.abs(one - other).max()) for one, other in zip(exact, fast, strict=True))


def probed_precision(maps: Callable[[str], Sequence[np.ndarray]]) -> str:
    """Returns ``bfloat16`` where :func:`precision_deviation` is at most 2/255, else ``float32``."""
    return "bfloat16" if precision_deviation(maps) <= CLOSE else "float32"
