"""A probe of whether the integer graph of a network is worth using on this processor, with its result in the cache."""

import hashlib
import importlib.util
import json
import platform
import time
from importlib import metadata
from pathlib import Path

import torch

from cosod.errors import CosodError, OutputError
from cosod.inference.backends.integer_steps import IntegerSteps, graph_file, packaged_graph
from cosod.inference.cpu_fusion import FastSteps
from cosod.inference.probe_images import drawn_batch
from cosod.io.atomic_write import whole
from cosod.models import registry
from cosod.models.backbones.imagenet import cache_dir
from cosod.models.base import CoSaliencyNetwork, Steps
from cosod.models.checkpoints import loading

#: Maximum time of int8 relative to the other precision at which it is chosen automatically.
FASTER = 0.9
#: Minimum cosine of the descriptors of drawn images with those in float32.
ALIKE = 0.98
ROUNDS = 3
PACKAGES = ("onnx", "onnxruntime")


def integers_pay(network: CoSaliencyNetwork, size: int, other: str) -> bool:
    """Returns whether int8 is available, gives the same features, and is faster than another precision here.

    The result is stored in the cache for these weights, this size, these versions and this number of threads.

    Args:
        network: network on the CPU in evaluation mode.
        size: side of the images.
        other: the other precision, ``float32`` or ``bfloat16``.

    Example:
        >>> integers_pay(cosod.models.create("gconet"), 224, "float32")
        False
    """
    if not all(importlib.util.find_spec(package) for package in PACKAGES):
        return False
    if graph_file(registry.name_of(network)) is None:
        return False
    try:
        graph = packaged_graph(network, size)
    except CosodError:  # other weights, another size
        return False
    path = _path(network, graph, size, other)
    if (known := _read(path)) is not None:
        return known
    try:
        answer = _measured(network, size, other, graph)
    except Exception:  # runtimes raise errors of many kinds
        answer = False
    _keep(path, answer)
    return answer


@torch.inference_mode()
def _measured(network: CoSaliencyNetwork, size: int, other: str, graph: bytes) -> bool:
    images = drawn_batch(network, size)
    integer = IntegerSteps(network, size, graph)
    exact = FastSteps(network, torch.device("cpu"))
    fast = exact if other == "float32" else FastSteps(network, torch.device("cpu"), other)
    pairs = zip(integer.encode(images).deep, exact.encode(images).deep, strict=True)
    if min(float(torch.cosine_similarity(a.flatten(), b.flatten(), dim=0)) for a, b in pairs) < ALIKE:
        return False
    # Alternately, so that other load on the machine affects both.
    times = [(_seconds(integer, images), _seconds(fast, images)) for _ in range(ROUNDS)]
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    return ours < FASTER * theirs


def _seconds(steps: Steps, images: torch.Tensor) -> float:
    start = time.perf_counter()
    steps.encode(images)
    return time.perf_counter() - start


def _path(network: CoSaliencyNetwork, graph: bytes, size: int, other: str) -> Path | None:
    """Returns the file of the result in the cache; None if the user has no cache folder."""
    try:
        folder = cache_dir()
    except RuntimeError:  # no home
        return None
    versions = [metadata.version(package) for package in ("torch", *PACKAGES)]
    machine = (platform.machine(), platform.processor(), platform.node(), torch.backends.cpu.get_cpu_capability())
    facts = (loading.identity(network), hashlib.sha256(graph).hexdigest(), size, other, torch.get_num_threads())
    key = hashlib.sha256(repr((versions, machine, facts)).encode()).hexdigest()[:16]
    return folder / "precision" / f"{registry.name_of(network)}-{key}.json"


def _read(path: Path | None) -> bool | None:
    try:
        found = None if path is None else json.loads(path.read_text())["int8"]
    except (OSError, ValueError, KeyError, TypeError):  # missing or damaged
        return None
    return found if isinstance(found, bool) else None


def _keep(path: Path | None, answer: bool) -> None:
    if path is None:
        return
    try:
        with whole(path) as temporary:
            temporary.write_text(json.dumps({"int8": answer}))
    except OutputError:
        pass  # then it is measured again
