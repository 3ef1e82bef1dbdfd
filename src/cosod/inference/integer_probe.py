"""A probe of whether the integer graph of a network is worth using on this processor, with its result in the cache."""

import hashlib
import importlib.util
import time
from importlib import metadata

import torch

from cosod.errors import CosodError
from cosod.inference.backends.integer_steps import IntegerSteps, graph_file, packaged_graph
from cosod.inference.cpu_fusion import FastSteps
from cosod.inference.probe_cache import kept_answer
from cosod.inference.probe_images import drawn_batch
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork, Steps
from cosod.models.checkpoints import loading

#: Maximum time of int8 relative to the other precision at which it is chosen automatically.
FASTER = 0.9
#: Minimum cosine of the descriptors of drawn images with those in float32. It is between .949 and .995 for the networks
#: in the package at all sizes of their graphs, because drawn images are further from the photos of the calibration than
#: other photos are (.996).
ALIKE = 0.9
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
    name = registry.name_of(network)
    if graph_file(name) is None:
        return False
    identity = loading.identity(network)
    try:
        graph = packaged_graph(name, identity, size)
    except CosodError:  # other weights, another size
        return False
    versions = tuple(metadata.version(package) for package in PACKAGES)
    digest = hashlib.sha256(graph).hexdigest()
    facts = (identity, digest, size, other, torch.get_num_threads(), versions, FASTER, ALIKE)
    return kept_answer("int8", name, facts, lambda: _answer(network, size, other, graph))


def _answer(network: CoSaliencyNetwork, size: int, other: str, graph: bytes) -> bool:
    try:
        return _measured(network, size, other, graph)
    except Exception:  # runtimes raise errors of many kinds
        return False


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
