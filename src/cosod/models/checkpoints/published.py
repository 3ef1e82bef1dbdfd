"""Conversion of checkpoints of the published code to networks of this package and back."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from cosod.errors import WeightsError
from cosod.io.wording import plural
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.published_names import FAMILIES, Family
from cosod.models.checkpoints.reading import read
from cosod.models.checkpoints.unwrapping import state_dict
from cosod.models.modules.layers import Undrawn

#: Number of names that a message lists before it says how many more there are.
SHOWN = 3


class Recognized(NamedTuple):
    """A recognized published state dict: its ``label`` in messages, its family, and the configuration for it."""

    label: str
    family: Family
    config: Any


def recognize(state: Mapping[str, Tensor], where: str = "the state dict") -> Recognized:
    """Recognizes the published network that a state dict (plain names, no wrapping) belongs to.

    Raises:
        WeightsError: the state dict belongs to no known network.

    Example:
        >>> recognize(torch.load("final_gconet.pth", weights_only=True)).label  # doctest: +SKIP
    """
    for family in FAMILIES:
        if family.matches(state):
            return Recognized(family.label, family, family.config(state))
    known = " or ".join(family.label for family in FAMILIES)
    raise WeightsError(
        f"{where} is not a checkpoint of {known}: its {plural(len(state), 'entry', 'entries')} "
        f"{'begins' if len(state) == 1 else 'begin'} with {some(state)}; "
        "a file that this package saved needs no conversion"
    )


def from_published(source: str | os.PathLike | Mapping[str, Any] | nn.Module) -> CoSaliencyNetwork:
    """Loads the network of a published checkpoint, in evaluation mode; its maps are those of the published code.

    For GCoNet+, ``confidence`` is ``"released"``.

    Args:
        source: a file (PyTorch's format or safetensors), or what such a file holds: a state dict, plain or under a
            key as ``state_dict``, ``model``, ``net`` or ``model_state_dict``, or a whole module. Its names may have
            the prefixes ``module.`` (DataParallel) and ``_orig_mod.`` (torch.compile). Numbers and settings beside
            the tensors are ignored, and ``num_batches_tracked`` may be missing, as in files of old PyTorch
            versions. No code from the file is run.

    Raises:
        WeightsError: the file is missing, damaged, of another kind, or of another network; its weights are not finite;
            or entries are missing, unknown or of another shape.

    Example:
        >>> network = from_published("final_gconet.pth")  # doctest: +SKIP
    """
    if isinstance(source, Mapping | nn.Module):
        where, content = "the state dict", source
    else:
        where, content = str(source), read(source)
    state = state_dict(content, where, lambda state: any(family.matches(state) for family in FAMILIES))
    label, family, config = recognize(state, where)
    with Undrawn():
        network = family.network(config)
    names = _names(network, family)
    own = network.state_dict()
    check(
        {name: tuple(own[our].shape) for name, our in names.items()},
        {name: tuple(tensor.shape) for name, tensor in state.items() if name not in family.unused(config)},
        f"{where}, taken for {label},",
    )
    network.load_state_dict({our: state.get(name, own[our]) for name, our in names.items()})
    return network.eval()


def to_published(network: CoSaliencyNetwork) -> dict[str, Tensor]:
    """Returns the state dict that the published code loads, with its names and including entries that it never uses.

    The unused entries are zeros that share the memory of one number, so that ``torch.save`` writes only this number. If
    the published code has one parameter under several names, these entries share their memory.

    Raises:
        WeightsError: the network, or an option of it, has no published counterpart.

    Example:
        >>> torch.save(to_published(network), "final_gconet.pth")  # doctest: +SKIP
    """
    family = next((family for family in FAMILIES if type(network) is family.network), None)
    if family is None:
        raise WeightsError(f"{type(network).__name__} has no published layout; save it in this package's format")
    if getattr(network.config, "key_kernel", 1) != 1:
        raise WeightsError(f"the published {family.label} has 1 x 1 queries and keys; save it in our own format")
    own = network.state_dict()
    state = {name: own[our].detach() for name, our in _names(network, family).items()}
    unused = family.unused(network.config)
    return state | {name: torch.zeros(1).expand(shape) for name, shape in unused.items()}


def check(
    expected: Mapping[str, tuple],
    found: Mapping[str, tuple],
    where: str,
    optional: tuple[str, ...] = ("num_batches_tracked",),
) -> None:
    """Compares names and shapes of parameters.

    Args:
        expected, found: shape by name.
        where: start of the message.
        optional: endings of the names of those entries of ``expected`` that may be missing.

    Raises:
        WeightsError: entries are missing, unknown, or of another shape; the message lists the first few.

    Example:
        >>> check({"conv.weight": (8, 3, 3, 3)}, {"conv.weight": (8, 3, 3, 3)}, "the file")
    """
    missing = [n for n in expected if n not in found and not n.endswith(optional)]
    extra = [name for name in found if name not in expected]
    wrong = [name for name, shape in expected.items() if found.get(name, shape) != shape]
    parts = []
    if missing:
        parts.append(f"{len(missing)} missing ({some(missing)})")
    if extra:
        parts.append(f"{len(extra)} unknown ({some(extra)})")
    if wrong:
        shapes = [f"{name} {found[name]} instead of {expected[name]}" for name in wrong]
        parts.append(f"{len(wrong)} of another shape ({some(shapes)})")
    if parts:
        raise WeightsError(f"{where} does not fit the network: entries {', '.join(parts)}; use a file of this network")


def some(names: Iterable[str]) -> str:
    """Returns the first few of ``names`` in one line.

    Example:
        >>> some(["conv1.weight", "conv1.bias"])
        'conv1.weight, conv1.bias'
    """
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _names(network: CoSaliencyNetwork, family: Family) -> dict[str, str]:
    """Maps the published names to those of this package, in the order of the network's state dict."""
    rows = family.rows(network.config)
    names: dict[str, str] = {}
    for our in network.state_dict():
        row = next((row for row in rows if our.startswith(row[0])), None)
        if row is None:
            raise WeightsError(f"the published {family.label} has no counterpart of {our}; save it in our own format")
        theirs = (row[1],) if isinstance(row[1], str) else row[1]
        names |= {prefix + our.removeprefix(row[0]): our for prefix in theirs}
    return names
