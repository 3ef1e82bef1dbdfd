"""The steps of a network with an encoder in 8-bit integers, in ONNX Runtime."""

from pathlib import Path

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.inference.backends.quantization import facts, filled
from cosod.inference.backends.runtimes import OnnxRuntime
from cosod.inference.cpu_fusion import FastSteps
from cosod.models import registry
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.checkpoints import loading
from cosod.models.modules.layers import height_and_width

#: Suffix of the file of the integer graph beside a weights file of the package.
SUFFIX = ".int8.onnx"
#: Smallest and largest size of images for which a graph is used, as shares of the size of the photos on which its
#: ranges were taken. Between them, the cosines of features with those in float32 fall by less than .006.
SIZES = (2 / 3, 1.5)


class IntegerSteps:
    """An encoder in integers and a decoder in float32; descriptors are computed in float32.

    Args:
        network: network on the CPU, float32, in evaluation mode.
        size: side of the images, or of the square with about as many pixels.
        graph: graph from :func:`cosod.inference.backends.quantization.quantized`; by default that of the package.

    Raises:
        InputError: the package has no integer graph for these weights or this size.
        ExtraError: onnx or onnxruntime is missing.

    Example:
        >>> features = IntegerSteps(network, 288).encode(images)  # doctest: +SKIP
    """

    def __init__(self, network: CoSaliencyNetwork, size: int, graph: bytes | None = None):
        identity = loading.identity(network)
        graph = packaged_graph(registry.name_of(network), identity, size) if graph is None else graph
        self._arguments = (network, size, graph)
        self._decoder = FastSteps(network, torch.device("cpu"))
        self._encoder = OnnxRuntime(filled(graph, identity, self._decoder.network.state_dict()))

    def __reduce__(self):
        return type(self), self._arguments  # a session cannot be sent to another process

    def encode(self, images: Tensor) -> Features:
        """Encodes images like :meth:`cosod.models.base.CoSaliencyNetwork.encode`, if the graph supports their size."""
        *skips, deep = self._encoder(images)
        return Features(tuple(skip.permute(0, 3, 1, 2) for skip in skips), deep, height_and_width(images))

    def decode(self, features: Features, consensus: Consensus) -> Output:
        """Decodes features like :meth:`cosod.models.base.CoSaliencyNetwork.decode`."""
        return self._decoder.decode(features, consensus)


def graph_file(name: str) -> Path | None:
    """Returns the file of a network's integer graph in the package, or None if there is none.

    Raises:
        InputError: there is no network of this name.

    Example:
        >>> graph_file("gconet") is None
        True
    """
    weights = registry.weights_file(name)
    path = None if weights is None else weights.with_suffix(SUFFIX)
    return path if path is not None and path.is_file() else None


def packaged_graph(name: str, identity: str, size: int) -> bytes:
    """Reads the integer graph of a network from the package.

    Args:
        name: name of the network.
        identity: hash of its configuration and weights, see :func:`cosod.models.checkpoints.loading.identity`.
        size: side of the images, or of the square with about as many pixels.

    Raises:
        InputError: the package has no graph for this network, these weights or this size.
        ExtraError: onnx is missing.

    Example:
        >>> graph = packaged_graph("gconet_plus_mobile", loading.identity(network), 288)  # doctest: +SKIP
    """
    path = graph_file(name)
    if path is None:
        raise InputError(
            f"precision int8: there is no integer graph for {name}; take a network of the package, or precision float32"
        )
    graph = path.read_bytes()
    known = facts(graph)
    if known["cosod_identity"] != identity:
        raise InputError(
            f"precision int8: the integer graph of {name} belongs to the weights in the package, not to these; leave "
            "the weights file out, or take precision float32"
        )
    smallest, largest = (round(share * int(known["cosod_size"])) for share in SIZES)
    if not smallest <= size <= largest:
        raise InputError(
            f"precision int8: the integer graph of {name} is for images of {smallest} to {largest} pixels, not {size}; "
            "leave the size out, or take precision float32"
        )
    return graph
