"""The steps of a network in another runtime."""

import itertools
from collections.abc import Callable
from importlib import metadata

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.inference.backends.conversion import TOLERANCE, import_openvino, to_onnx, to_openvino
from cosod.inference.backends.graph_cache import kept
from cosod.inference.backends.graphs import Graph, decoder_graph, encoder_graph, skip_names
from cosod.inference.backends.runtimes import OnnxRuntime, OpenVINO
from cosod.inference.onnx_session import import_onnxruntime
from cosod.inference.options import check_backend
from cosod.inference.probe_images import drawn_batch
from cosod.models import registry
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output, Steps
from cosod.models.checkpoints import loading
from cosod.models.modules.layers import height_and_width

#: Version of the graphs; it is increased when they are not compatible with earlier versions of the package.
VERSION = 3


class ConvertedSteps:
    """Encoder and decoder in another runtime.

    Args:
        encoder: runtime of the encoder, from images to skips and F.
        decoder: runtime of the decoder, from those of skips, F, vector and spatial modulator that it uses, by name, to
            maps (and P and T).
    """

    def __init__(self, encoder: OnnxRuntime | OpenVINO, decoder: OnnxRuntime | OpenVINO):
        self._encoder, self._decoder = encoder, decoder

    def encode(self, images: Tensor) -> Features:
        """Encodes images like :meth:`cosod.models.base.CoSaliencyNetwork.encode`, if the graph supports their size."""
        *skips, deep = self._encoder(images)
        return Features(tuple(skips), deep, height_and_width(images))

    def decode(self, features: Features, consensus: Consensus) -> Output:
        """Computes the maps, with probability and threshold if the network has them."""
        deep, spatial = features.deep, consensus.spatial
        if spatial is None:
            spatial = deep.new_zeros(len(deep), 1, *deep.shape[2:])  # it is added to the features
        given = dict(zip(skip_names(len(features.skips)), features.skips, strict=True))
        given |= {"deep": deep, "vector": consensus.vector.expand(len(deep), -1, -1, -1), "spatial": spatial}
        maps, *branches = self._decoder(*(given[name] for name in self._decoder.inputs))
        probability, threshold = (*branches, None, None)[:2]
        return Output(maps, None, (maps,), probability, threshold)


def open_steps(backend: str, network: CoSaliencyNetwork, size: int) -> Steps:
    """Returns the steps of a network in another runtime, for any number of images of ``size`` x ``size``.

    The first call for a network converts them, which takes some seconds; later calls read them from the cache. A
    network that keeps the proportions of images has one graph for all sizes, another network has one for each size.

    Args:
        backend: one of :data:`cosod.inference.options.BACKENDS`.
        network: network on the CPU, float32, in evaluation mode.
        size: side of the images.

    Raises:
        InputError: the backend is unknown, or the network cannot be converted.
        ExtraError: the package of the backend is missing.

    Example:
        >>> steps = open_steps("onnxruntime", network, 288)  # doctest: +SKIP
    """
    check_backend(backend)
    if backend == "torch":
        return network
    if network.keep_aspect:
        size = network.size  # of the example only; height and width are dynamic
    endings: tuple[str, ...]
    run: type[OnnxRuntime | OpenVINO]
    convert: Callable[[Graph], tuple[bytes, ...]]
    if backend == "onnxruntime":
        versions, endings, run, convert = _onnx_versions(), ("onnx",), OnnxRuntime, lambda graph: (to_onnx(graph),)
    else:
        versions, endings, run, convert = _openvino_versions(), ("xml", "bin"), OpenVINO, to_openvino
    facts = (registry.name_of(network), loading.identity(network), str(size), backend, str(VERSION), *versions)
    parts = [[f"{part}.{ending}" for ending in endings] for part in ("encoder", "decoder")]
    names = tuple(itertools.chain(*parts))

    def make() -> dict[str, bytes]:
        graphs = encoder_graph(network, size), decoder_graph(network, size)
        files = dict(zip(names, itertools.chain.from_iterable(map(convert, graphs)), strict=True))
        _verify(network, size, opened(files))
        return files

    def opened(files: dict[str, bytes]) -> ConvertedSteps:
        return ConvertedSteps(*(run(*(files[name] for name in part)) for part in parts))

    return opened(kept(facts, names, make))


@torch.no_grad()
def _verify(network: CoSaliencyNetwork, size: int, steps: ConvertedSteps) -> None:
    """Checks the outputs of converted steps, for drawn images of each shape that the steps have to take.

    Raises:
        InputError: the outputs are not those of the network.
    """
    shapes = [(size, size)]
    if network.keep_aspect:
        shapes.append((size + 2 * network.stride, size))
    for shape in shapes:
        images = drawn_batch(network, shape)
        features = network.encode(images)
        consensus = network.consensus(features)
        wanted = network.decode(features, consensus)
        try:
            found = steps.decode(steps.encode(images), consensus)
            pairs = [(getattr(found, name), getattr(wanted, name)) for name in ("maps", "probability", "threshold")]
            same = all(float((one - two).abs().max()) <= TOLERANCE for one, two in pairs if two is not None)
        except Exception:  # runtimes raise errors of many kinds
            same = False
        if not same:
            raise InputError(
                f"{registry.name_of(network)} would give other maps in this runtime for images of "
                f"{shape[0]} x {shape[1]} pixels; leave --backend out"
            )


def _onnx_versions() -> tuple[str, ...]:
    import_onnxruntime("--backend onnxruntime")
    # The files do not depend on the version of onnxruntime that reads them.
    return _versions("torch", "onnx")


def _openvino_versions() -> tuple[str, ...]:
    import_openvino()
    return _versions("torch", "onnx", "openvino")


def _versions(*packages: str) -> tuple[str, ...]:
    found = []
    for package in packages:
        try:
            found.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            found.append(f"{package} -")  # the conversion reports what is missing
    return tuple(found)
