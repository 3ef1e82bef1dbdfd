"""The choice between the precisions of a network."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch

from cosod.errors import InputError

#: Maximum :func:`precision_deviation` at which bfloat16 is chosen automatically: half a level of 255.
CLOSE = 0.5 / 255
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def has_bfloat16(device: torch.device) -> bool:
    """Returns whether the device supports bfloat16 in hardware, so that it is faster than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = [getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")]
    hardware = any(ask is not None and ask() for ask in known)
    return hardware and torch.backends.mkldnn.is_available() and can_bfloat16(device)


def can_bfloat16(device: torch.device) -> bool:
    """Returns whether the device can compute in bfloat16, in hardware or by emulation.

    On a CPU without AVX-512, oneDNN, which computes the convolutions, does not even emulate it.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return True
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def precision_deviation(maps: Callable[[str], Sequence[np.ndarray]]) -> float:
    """Computes the mean difference of the map that differs most between bfloat16 and float32, in [0, 1].

    Single pixels on outlines may differ by more, without an effect on any figure.

    Args:
        maps: function from a precision to the maps of some images.
    """
    exact, fast = (maps(precision) for precision in ("float32", "bfloat16"))
    # Unlike the built-in function, this one returns NaN if any difference is NaN, which is not close.
    return float(np.max([np.abs(one - other).mean() for one, other in zip(exact, fast, strict=True)]))


def training_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Returns the data type in which a network is trained; with all but float32, it is trained with autocast.

    Args:
        precision: ``float32``, ``bfloat16`` or ``float16``; ``auto`` is bfloat16 on devices that support it in
            hardware, and otherwise float32.
        device: device of the training.

    Example:
        >>> training_dtype("float32", torch.device("cpu"))
        torch.float32
    """
    if precision == "auto":
        precision = "bfloat16" if has_bfloat16(device) else "float32"
    return DTYPES[precision]


def warn_of_emulation(precision: str, device: torch.device) -> None:
    """Warns if a precision is ``bfloat16`` and the device only emulates it, which can take 20 times as long."""
    if precision == "bfloat16" and not has_bfloat16(device):
        warnings.warn(
            f"precision bfloat16: {device} only emulates it, which is much slower than float32; take precision auto or "
            "float32",
            stacklevel=2,
        )


def check_bfloat16(precision: str, device: torch.device) -> None:
    """Checks that a device can compute in a precision, and warns if it only emulates it.

    Raises:
        InputError: the precision is ``bfloat16``, and the device cannot compute in it.
    """
    if precision == "bfloat16" and not can_bfloat16(device):
        raise InputError("precision bfloat16: this processor does not support it; take precision auto or float32")
    warn_of_emulation(precision, device)
