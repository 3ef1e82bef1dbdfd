"""The archives of graphs in the package, with which a network computes in ONNX Runtime, without PyTorch.

:mod:`cosod.inference.backends.packaged_graphs` writes them, and :mod:`cosod.inference.onnx_detector` uses them.
"""

import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from cosod.inference.onnx_session import open_session
from cosod.models.checkpoints.packaged import ALIASES, packaged_file

#: Name of the file in an archive with its :class:`Facts`.
FACTS = "facts.json"
#: Suffix of an archive of graphs beside the weights file.
SUFFIX = ".graphs.zip"
#: Number of images that are compared with as many others at once, in a matrix of at most 15 MB.
COMPARED = 16


@dataclass(frozen=True)
class Facts:
    """What an archive of graphs says of its network.

    Attributes:
        network: registered name of the network.
        identity: hash of its configuration and weights, see :func:`cosod.models.checkpoints.loading.identity`.
        size, stride, mean, std, mask_threshold: see :class:`cosod.models.base.CoSaliencyNetwork`.
        weights: for each graph the name that it has for each weight -> the name in the weights file.
    """

    network: str
    identity: str
    size: int
    stride: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    mask_threshold: float | str
    weights: Mapping[str, Mapping[str, str]]


def archive_of(model: str) -> Path | None:
    """Returns the archive of graphs of a network by its name or alias; None if the package has none.

    Example:
        >>> archive_of("accurate").name
        'gconet_plus_accurate.graphs.zip'
        >>> archive_of("gconet") is None
        True
    """
    name = ALIASES.get(model, model)
    # A name from the command line may be anything, a path included.
    return packaged_file(f"{name}{SUFFIX}") if name in ALIASES.values() else None


def open_archive(path: Path) -> tuple[Facts, dict[str, Any], dict[str, "Graph"]]:
    """Opens the graphs of an archive with the weights of the file beside it.

    Args:
        path: the archive, from :func:`archive_of`.

    Returns:
        What the archive says of the network, the further values of the weights file, and the graphs by name.

    Raises:
        ExtraError: onnxruntime is missing.

    Example:
        >>> facts, extra, graphs = open_archive(archive_of("default"))  # doctest: +SKIP
    """
    with zipfile.ZipFile(path) as archive:
        facts = Facts(**json.loads(archive.read(FACTS)))
        models = {name: archive.read(f"{name}.onnx") for name in facts.weights}
    with safe_open(path.with_name(path.name.removesuffix(SUFFIX) + ".safetensors"), framework="np") as file:
        extra = json.loads(file.metadata()["cosod_extra"])
        values = {
            name: {given: file.get_tensor(own).astype(np.float32) for given, own in names.items()}
            for name, names in facts.weights.items()
        }
    return facts, extra, {name: Graph(models[name], values[name]) for name in models}


class Graph:
    """A graph with its weights, from arrays to arrays."""

    def __init__(self, model: bytes, weights: Mapping[str, np.ndarray]):
        threads = os.environ.get("OMP_NUM_THREADS", "")
        self._session = open_session(model, int(threads) if threads.isdecimal() else 0, weights)
        self._inputs = [entry.name for entry in self._session.get_inputs()]

    def __call__(self, *arrays: np.ndarray) -> list[np.ndarray]:
        return self._session.run(None, dict(zip(self._inputs, arrays, strict=True)))


def best_matches(matches: Callable[..., Sequence[np.ndarray]], deep: np.ndarray) -> np.ndarray:
    """Computes the mean over the other images of each position's best match there, zero for a single image.

    Two parts of a group are compared once for both.

    Args:
        matches: function from the descriptors of two parts of a group to the best matches of each with the other, see
            :meth:`cosod.models.modules.part_matching.PartMatching.matches`.
        deep: descriptors of the N images of the group, ``(N, C, 1, P)``.

    Returns:
        ``(N, P)`` float32.

    Example:
        >>> match = best_matches(graph, deep)  # doctest: +SKIP
    """
    number = len(deep)
    total = np.zeros((number, deep.shape[3]), np.float32)
    for start in range(0, number, COMPARED):
        one = slice(start, start + COMPARED)
        rows, _ = matches(deep[one], deep[one])
        own = np.arange(len(rows))
        rows[own, :, own] = 0  # an image is not another one
        total[one] += rows.sum(axis=2)
        for later in range(start + COMPARED, number, COMPARED):
            other = slice(later, later + COMPARED)
            rows, columns = matches(deep[one], deep[other])
            total[one] += rows.sum(axis=2)
            total[other] += columns.sum(axis=0)
    return total / max(1, number - 1)


def together(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenates descriptors ``(n, C, h, w)`` of any grids to ``(N, C, 1, P)``, padded with zeros.

    As :class:`cosod.inference.deep_rows.DeepRows`, which says why the padding changes nothing.

    Example:
        >>> together([np.ones((2, 4, 2, 2)), np.ones((1, 4, 2, 3))]).shape
        (3, 4, 1, 6)
    """
    flat = [part.reshape(*part.shape[:2], 1, -1) for part in parts]
    most = max(part.shape[3] for part in flat)
    return np.concatenate([np.pad(part, ((0, 0), (0, 0), (0, 0), (0, most - part.shape[3]))) for part in flat])
