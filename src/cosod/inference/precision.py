"""The choice between the precisions of a network."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

#: Maximum :func:`precision_deviation` at which bfloat16 is chosen automatically.
CLOSE = 2 / 255


def has_bfloat16(device: torch.device) -> bool:
    """Returns whether the device supports bfloat16 in hardware, so that it is faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    return torch.backends.mkldnn.is_available() and any(ask is not None and ask() for ask in known)


def precision_deviation(maps: Callable[[str], Sequence[np.ndarray]]) -> float:
    """Computes the largest difference of a pixel between maps in bfloat16 and in float32, in [0, 1].

    Args:
        maps: function from a precision to the maps of some images.
    """
    exact, fast = (maps(precision) for precision in ("float32", "bfloat16"))
    return max(float(np.abs(one - other).max()) for one, other in zip(exact, fast, strict=True))


def probed_precision(maps: Callable[[str], Sequence[np.ndarray]]) -> str:
    """Returns ``bfloat16`` if :func:`precision_deviation` is at most 2/255, otherwise ``float32``."""
    return "bfloat16" if precision_deviation(maps) <= CLOSE else "float32"
