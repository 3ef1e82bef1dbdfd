"""Writing the graphs in the package with which ``cosod segment`` computes a network without PyTorch.

A graph names the weights, but does not contain them: they are read from the weights file beside it
(:mod:`cosod.inference.onnx_graphs`), so that nothing is stored twice.
"""

import io
import json
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cosod.errors import InputError
from cosod.inference.backends.conversion import import_onnx, leave_out_unused_operators, replace_entries, to_onnx
from cosod.inference.backends.graphs import (
    Graph,
    consensus_graph,
    decoder_graph,
    encoder_graph,
    kept_graph,
    match_graph,
)
from cosod.inference.onnx_graphs import FACTS, Facts
from cosod.inference.onnx_session import import_onnxruntime
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import loading
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile

#: Name that the modules of graphs have for the network.
PREFIX = "network."


def packed(network: CoSaliencyNetwork) -> bytes:
    """Makes the graphs of a network: a ZIP archive for :class:`cosod.inference.onnx_detector.OnnxDetector`.

    Args:
        network: network on the CPU, float32, in evaluation mode, whose weights are those of the weights file beside
            which the archive is placed.

    Raises:
        InputError: the network is of another class than those of the package.
        ExtraError: onnx or onnxruntime is missing.

    Example:
        >>> archive = packed(network)  # doctest: +SKIP
    """
    if not isinstance(network, GCoNetPlusMobile):
        raise InputError(f"{type(network).__name__} has no graphs without PyTorch; take a network of the package")
    size = network.size
    graphs = {
        "encoder": encoder_graph(network, size, fold_first=False),
        "match": match_graph(network, size),
        "consensus": consensus_graph(network, size),
        "decoder": decoder_graph(network, size, fold_first=False),
        "kept": kept_graph(network, size),
    }
    without = {name: _without_weights(graph, network) for name, graph in graphs.items()}
    facts = Facts(
        network=registry.name_of(network),
        identity=loading.identity(network),
        size=size,
        stride=network.stride,
        mean=network.mean,
        std=network.std,
        mask_threshold=network.mask_threshold,
        weights={name: names for name, (_, names) in without.items()},
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        files = {FACTS: json.dumps(asdict(facts)).encode()} | {f"{n}.onnx": model for n, (model, _) in without.items()}
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 9)  # without the time of day
    return buffer.getvalue()


def _without_weights(graph: Graph, network: torch.nn.Module) -> tuple[bytes, dict[str, str]]:
    """Returns an ONNX model that declares the weights only: its name of each weight -> that in the weights file."""
    onnx = import_onnx()
    model = onnx.load_from_string(to_onnx(graph, as_is=True))
    state, names = network.state_dict(), {}
    weights: list[Any] = []
    others: list[Any] = []
    for tensor in model.graph.initializer:
        own = tensor.name.removeprefix(PREFIX)
        (weights if own in state else others).append(tensor)
        if own in state:
            names[tensor.name] = own
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights")
    replace_entries(model.graph.initializer, others)
    model = _with_constants_computed(model, weights)
    model.graph.initializer.extend(weights)
    # The converter's records of the origin of each node are longer than the graph.
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    model.graph.ClearField("value_info")
    return model.SerializeToString(deterministic=True), names


def _with_constants_computed(model: Any, weights: Sequence[Any]) -> Any:
    """Returns the model with everything computed in advance that depends on neither the inputs nor the weights.

    That leaves half of the nodes, and opening the model takes three quarters of the time.

    Args:
        model: an ONNX model without the weights.
        weights: declarations of the weights. They are inputs meanwhile, so that nothing is computed from them.
    """
    onnx, onnxruntime = import_onnx(), import_onnxruntime("writing graphs")
    inputs = list(model.graph.input)
    for weight in weights:
        model.graph.input.append(onnx.helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory(prefix="cosod-") as folder:
        options.optimized_model_filepath = str(Path(folder) / "computed.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        computed = onnx.load(options.optimized_model_filepath)
    replace_entries(computed.graph.input, inputs)
    leave_out_unused_operators(computed)
    return computed
