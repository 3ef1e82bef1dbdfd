"""Answers of probes of this processor, which are kept in the cache, so that they are asked once."""

import json
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from cosod.errors import OutputError
from cosod.io.atomic_write import whole
from cosod.models.backbones.imagenet import cache_file


def kept_answer(probe: str, network: str, facts: tuple[Any, ...], ask: Callable[[], bool]) -> bool:
    """Returns the answer of a probe from the cache, or asks and stores it.

    A damaged file is replaced. If the cache cannot be written, nothing is stored.

    Args:
        probe: name of the probe.
        network: name of the network, which becomes part of the file name.
        facts: everything that the answer depends on, beside this processor and the version of PyTorch.
        ask: function that computes the answer.

    Example:
        >>> kept_answer("int8", "gconet_plus_mobile", (identity, 288), measure)  # doctest: +SKIP
        True
    """
    machine = (platform.machine(), platform.processor(), platform.node(), torch.backends.cpu.get_cpu_capability())
    path = cache_file("precision", network, repr((probe, metadata.version("torch"), machine, facts)), ".json")
    if (known := _read(path, probe)) is not None:
        return known
    answer = ask()
    if path is not None:
        try:
            with whole(path) as temporary:
                temporary.write_text(json.dumps({probe: answer}))
        except OutputError:
            pass  # then it is asked again
    return answer


def _read(path: Path | None, probe: str) -> bool | None:
    try:
        found = None if path is None else json.loads(path.read_text())[probe]
    except (OSError, ValueError, KeyError, TypeError):  # missing or damaged
        return None
    return found if isinstance(found, bool) else None
