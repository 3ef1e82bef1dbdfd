"""Weights files of this package: safetensors that name their network and carry its configuration."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cosod.errors import InputError, WeightsError
from cosod.io.atomic_write import whole
from cosod.io.file_names import text_path
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.published import check
from cosod.models.checkpoints.reading import refuse_other_kinds
from cosod.models.checkpoints.unwrapping import check_finite
from cosod.models.registry import create_for_weights, entry, name_of

#: Version of the format; it is increased when earlier versions of the package cannot read the files.
FORMAT = 1


class Description(NamedTuple):
    """Metadata of a weights file: the registered name of the network, its options, and further values."""

    name: str
    config: dict[str, Any]
    extra: dict[str, Any]


def save(
    network: CoSaliencyNetwork,
    path: str | os.PathLike,
    extra: dict[str, Any] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Writes a network's parameters, name and configuration to a safetensors file, completely or not at all.

    Args:
        network: one of the registered networks.
        path: path of the file; its folder is created if it is missing.
        extra: further values for the metadata, of types that JSON supports (how it was trained, its scores, ...).
        dtype: type of the floating-point values in the file, for instance ``torch.float16`` for half the size.

    Raises:
        OutputError: the file cannot be written.
        InputError: the network is not registered, or ``extra`` is not JSON.

    Example:
        >>> save(network, "network.safetensors")  # doctest: +SKIP
    """
    try:
        described = json.dumps(extra or {})
    except TypeError as error:
        raise InputError(f"extra values of a weights file must be JSON: {error}") from error
    metadata = {
        "cosod_network": name_of(network),
        "cosod_config": json.dumps(dataclasses.asdict(network.config)),
        "cosod_format": str(FORMAT),
        "cosod_extra": described,
    }
    tensors = {}
    for name, tensor in network.state_dict().items():
        wanted = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
        tensors[name] = tensor.detach().to("cpu", wanted).contiguous()
    _write(tensors, path, metadata)


def annotate(path: str | os.PathLike, **extra: Any) -> None:
    """Adds extra values to a weights file, or replaces those of the same names; its tensors stay as they are.

    Raises:
        WeightsError: the file is missing, damaged, or not of this package.
        OutputError: the file cannot be written.

    Example:
        >>> annotate("network.safetensors", source="trained on DUTS_class")  # doctest: +SKIP
    """
    description = describe(path)
    with text_path(Path(path)) as name, safe_open(name, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    _write(tensors, path, metadata | {"cosod_extra": json.dumps(description.extra | extra)})


def load(path: str | os.PathLike) -> CoSaliencyNetwork:
    """Loads the network of a weights file, on the CPU, in evaluation mode and float32.

    Raises:
        WeightsError: the file is missing, damaged, not of this package, or of a newer format; its weights are not
            finite; or its entries are not exactly those of the network.

    Example:
        >>> network = load("network.safetensors")  # doctest: +SKIP
    """
    path = Path(path)
    description, state = _read(path, with_tensors=True)
    try:
        network = create_for_weights(description.name, **description.config)
    except Exception as error:  # options from an untrusted file may be missing, negative, or too large for the memory
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} is of a network that this version cannot make: {reason}; update cosod") from error
    own = network.state_dict()
    expected, found = ({name: tuple(tensor.shape) for name, tensor in tensors.items()} for tensors in (own, state))
    check(expected, found, f"{path}, saved as {description.name},", optional=())
    check_finite(state, str(path))
    network.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in state.items()})
    network.extra = description.extra
    return network.eval()


def describe(path: str | os.PathLike) -> Description:
    """Reads the metadata of a weights file, without its tensors.

    Raises:
        WeightsError: the file is missing, damaged, or not of this package.

    Example:
        >>> describe("network.safetensors").name  # doctest: +SKIP
    """
    description, _ = _read(Path(path), with_tensors=False)
    return description


def _write(tensors: dict[str, Tensor], path: str | os.PathLike, metadata: dict[str, str]) -> None:
    with whole(path) as temporary:
        try:
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:  # safetensors raises it for a full disk
            raise OSError(str(error)) from error


def _read(path: Path, with_tensors: bool) -> tuple[Description, dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path}; check the path")
    refuse_other_kinds(path)
    try:
        with text_path(path) as name, safe_open(name, framework="pt") as file:
            description = _description(file.metadata() or {}, path)
            state = {key: file.get_tensor(key) for key in file.keys()} if with_tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"cannot read the weights in {path}: {error}; download or copy the file again") from error
    return description, state


def _description(metadata: dict[str, str], path: Path) -> Description:
    if "cosod_network" not in metadata:
        raise WeightsError(
            f"{path} was not saved by cosod; a published checkpoint is converted with: cosod convert {path} OUTPUT"
        )
    if int(metadata.get("cosod_format", 0)) > FORMAT:
        raise WeightsError(f"{path} has format {metadata['cosod_format']}, newer than this version reads; update cosod")
    name = metadata["cosod_network"]
    config = _table(metadata, "cosod_config")
    try:
        defaults = {f.name: f.default for f in dataclasses.fields(entry(name).config)}
    except InputError as error:
        raise WeightsError(f"{path} is of a network that this version does not know: {error}") from error
    # JSON has no tuples.
    config = {k: tuple(v) if isinstance(defaults.get(k), tuple) else v for k, v in config.items()}
    return Description(name, config, _table(metadata, "cosod_extra"))


def _table(metadata: dict[str, str], key: str) -> dict[str, Any]:
    """Reads a JSON object of the metadata; without the key it is empty."""
    table = json.loads(metadata.get(key, "{}"))
    if not isinstance(table, dict):
        raise ValueError(f"its {key} is no JSON object")
    return table
