"""Extracting a plain state dict from a checkpoint with wrappers, prefixes, whole modules, or values beside tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cosod.errors import WeightsError
from cosod.models.checkpoints.reading import StandIn

#: Keys under which training scripts save a state dict, most likely first.
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "generator",
    "weights",
    "params",
    "ema",
    "model_ema",
    "ema_state_dict",
    "params_ema",
)
#: Prefixes that wrappers of modules add to all names: DataParallel, torch.compile, Lightning and others.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
#: Entries that wrappers of averaged weights save beside the weights.
_COUNTERS = frozenset({"n_averaged"})
_DEPTH = 4
_SHOWN = 3


def state_dict(content: Any, where: str, fits: Callable[[Mapping[str, Tensor]], bool]) -> dict[str, Tensor]:
    """Finds the state dict in the content of a checkpoint, and removes prefixes from its names.

    Args:
        content: what :func:`cosod.models.checkpoints.reading.read` gives, a state dict, or a module.
        where: start of error messages.
        fits: returns whether a plain state dict belongs to a wanted network. Of several state dicts, the first that
            fits is returned; if none fits, the first one.

    Returns:
        Tensors by their names without prefixes of wrappers, on the device where they are.

    Example:
        >>> state_dict({"epoch": 3, "model": {"module.a": torch.zeros(1)}}, "the file", lambda state: True)
        {'a': tensor([0.])}

    Raises:
        WeightsError: there is no state dict, or it holds numbers that are not finite.
    """
    found = [_plain_names(state) for state in _candidates(content, _DEPTH)]
    if not found:
        _refuse(content, where)
    state = next((state for state in found if fits(state)), found[0])
    check_finite(state, where)
    return state


def check_finite(state: Mapping[str, Tensor], where: str) -> None:
    """Raises an error for weights that are not finite, with which all maps would be black or white.

    Raises:
        WeightsError: an entry holds NaN or infinity; the first few are named.
    """
    broken = [name for name, tensor in state.items() if tensor.is_floating_point() and not _finite(tensor)]
    if broken:
        names = ", ".join(broken[:_SHOWN]) + (f" and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else "")
        raise WeightsError(
            f"{where} holds weights that are NaN or infinite, in {len(broken)} of {len(state)} entries ({names}): the "
            "training went astray or the file is damaged; use an earlier checkpoint"
        )


def _finite(tensor: Tensor) -> bool:
    """Returns whether all numbers are finite: by NumPy, which takes a tenth of the time of torch for small tensors."""
    if tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        tensor = tensor.float()  # NumPy has no bfloat16
    return bool(np.isfinite(tensor.numpy(force=True)).all())


def _candidates(content: Any, depth: int) -> list[dict[str, Tensor]]:
    """Returns all state dicts in a checkpoint, most likely first."""
    if isinstance(content, nn.Module):
        return [dict(content.state_dict())]
    if isinstance(content, StandIn):
        return _of_stand_in(content, depth)
    if not isinstance(content, Mapping) or depth == 0:
        return []
    own = {name: tensor for name, value in content.items() if (tensor := _tensor(value)) is not None}
    if any(isinstance(name, str) and "." in name for name in own):
        return [{str(name): tensor for name, tensor in own.items() if name not in _COUNTERS}]
    inner = [content[key] for key in WRAPPERS if key in content]
    inner += [value for key, value in content.items() if key not in WRAPPERS]
    found = [state for value in inner for state in _candidates(value, depth - 1)]
    return found or ([{str(name): tensor for name, tensor in own.items()}] if own else [])


def _of_stand_in(thing: StandIn, depth: int) -> list[dict[str, Tensor]]:
    """Returns the state dict of a module that was saved whole, or those in an object that holds modules."""
    if isinstance(getattr(thing, "_parameters", None), Mapping):
        return [state] if (state := _module_state(thing)) else []
    values = [value for value in vars(thing).values() if isinstance(value, StandIn | Mapping)] if depth else []
    return [state for value in values for state in _candidates(value, depth - 1)]


def _module_state(module: Any, prefix: str = "") -> dict[str, Tensor]:
    """Returns what ``state_dict()`` of a saved module would return, from the attributes that every module has."""
    facts = vars(module)
    state: dict[str, Tensor] = {}
    passing = facts.get("_non_persistent_buffers_set") or ()
    for kind in ("_parameters", "_buffers"):
        for name, value in (facts.get(kind) or {}).items():
            if isinstance(value, Tensor) and name not in passing:
                state[prefix + name] = value.detach()
    for name, child in (facts.get("_modules") or {}).items():
        if isinstance(child, StandIn):
            state |= _module_state(child, f"{prefix}{name}.")
    return state


def _tensor(value: Any) -> Tensor | None:
    """Returns the value as a tensor; None for numbers, texts and settings that are saved beside weights."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.ndim:
        return torch.from_numpy(np.ascontiguousarray(value))
    return None


def _plain_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in state)), None):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return {name.replace("._orig_mod.", "."): tensor for name, tensor in state.items()}


def _refuse(content: Any, where: str) -> None:
    if isinstance(content, Mapping) and content:
        odd = [str(name) for name in content]
        names = ", ".join(odd[:_SHOWN]) + (f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else "")
        raise WeightsError(f"{where} holds entries that are no tensors ({names}); give a plain state dict")
    raise WeightsError(f"{where} holds no state dict; give a file of named tensors")
