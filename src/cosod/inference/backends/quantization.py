"""Static quantization of the encoder to 8-bit integers, calibrated by the ranges of features on photos.

The graph contains the scales of the quantized convolutions, but not their weights, which are rounded from the float
weights when the graph is loaded, so that nothing is stored twice. According to measurements, three kinds of layers stay
in float32: the first two convolutions, whose rounding causes half of the error of all features (the filters of the
first depthwise one are edge filters with small sums); layers with one output channel, which are logits; and all layers
that compute descriptors.

Processors with AVX2 alone add two neighboring products in 16 bits, where large ones saturate. The scales are therefore
chosen such that no pair of weights can saturate, which costs a quarter of a bit, so that the graph gives the same
features on all processors.
"""

import contextlib
import logging
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.errors import InputError, import_extra
from cosod.inference.backends.conversion import import_onnx, leave_out_unused_operators, to_onnx
from cosod.inference.backends.graphs import Encoder, encoder_graph, folded
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints import loading

#: Version of the graphs; it is increased when they are not compatible with earlier versions of the package.
FORMAT = 3
#: Number of convolutions at the start that stay in float32.
FLOAT_FIRST = 2
#: Largest integer of a weight; the range is symmetric, so that weights need no zero point.
TOP = 127
#: Largest sum of two neighboring weights of the same sign. Activations are at most 255, and rounding can add 2 to the
#: sum: (126 + 2) * 255 is still a 16-bit integer.
PAIR = 126
#: Types of quantized nodes.
INTEGER = ["Conv", "Add", "Resize", "Clip", "Relu"]


def integers(weight: Tensor, scale: Tensor) -> Tensor:
    """Rounds the weight of a convolution to integers, and keeps the sum over the taps of each filter.

    As in :func:`cosod.inference.cpu_fusion.rounded`, the rounding error of each tap is added to the next one, from the
    largest to the smallest.

    Args:
        weight: ``(O, I, h, w)`` float32.
        scale: scale of each output channel, ``(O,)``.

    Returns:
        int8 with the shape of ``weight``, in [-127, 127].

    Example:
        >>> integers(torch.tensor([[[[0.6, -0.3, -0.3]]]]), torch.tensor([0.1])).tolist()
        [[[[6, -3, -3]]]]
    """
    taps = (weight / scale.view(-1, 1, 1, 1)).flatten(2)
    if taps.shape[2] == 1:  # there is no next tap, and sorting would take as long as everything else
        return taps.round().clamp(-TOP, TOP).view_as(weight).to(torch.int8)
    order = taps.abs().argsort(dim=2, descending=True, stable=True)
    result, carry = torch.empty_like(taps), torch.zeros_like(taps[..., :1])
    for index in order.split(1, dim=2):
        wanted = taps.gather(2, index) + carry
        tap = wanted.round().clamp(-TOP, TOP)
        carry = wanted - tap
        result.scatter_(2, index, tap)
    return result.view_as(weight).to(torch.int8)


def quantized(network: CoSaliencyNetwork, batches: Iterable[Tensor], size: int | None = None) -> bytes:
    """Makes the integer graph of a network's encoder.

    Args:
        network: network on the CPU, float32, in evaluation mode.
        batches: normalized photos ``(N, 3, H, W)``, on which the ranges are measured.
        size: side of the images, or of the square with about as many pixels; by default that of the network.

    Returns:
        An ONNX model without the integer weights for :func:`filled`, of about 0.7 MB. Its skips are ``(N, H, W, C)``.

    Raises:
        ExtraError: onnx or onnxruntime is missing.
        InputError: the network cannot be converted.

    Example:
        >>> graph = quantized(network, photos.split(8))  # doctest: +SKIP
    """
    onnx, tool = import_onnx(), _quantizer()
    size = size or network.size
    folded_network = folded(network)
    graph = replace(encoder_graph(network, size), module=_ChannelsLast(folded_network).eval())
    model = simplified(to_onnx(graph))
    with tempfile.TemporaryDirectory(prefix="cosod-") as folder, _silent():
        path = str(Path(folder) / "integer.onnx")
        tool.quantize_static(
            model,
            path,
            _reader(batches),
            quant_format=tool.QuantFormat.QDQ,
            per_channel=True,
            weight_type=tool.QuantType.QInt8,
            activation_type=tool.QuantType.QUInt8,
            op_types_to_quantize=INTEGER,
            nodes_to_exclude=_left_in_float(model.graph),
            calibrate_method=tool.CalibrationMethod.MinMax,
        )
        made = onnx.load(path)
    state = folded_network.state_dict()
    _avoid_saturation(made.graph, state)
    for tensor in made.graph.initializer:
        if _weight_of(tensor.name, state):
            tensor.ClearField("raw_data")
    # The converter's records of the origin of each node are four times as long as the graph.
    for node in made.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    made.graph.ClearField("value_info")
    made.graph.ClearField("metadata_props")
    made.ClearField("metadata_props")
    facts = {
        "cosod_integer": str(FORMAT),
        "cosod_network": registry.name_of(network),
        "cosod_identity": loading.identity(network),
        "cosod_size": str(size),
    }
    for key, value in facts.items():
        made.metadata_props.add(key=key, value=value)
    return made.SerializeToString(deterministic=True)


def simplified(model: bytes) -> Any:
    """Computes the constants of a model in advance, and makes each padding part of the convolution after it.

    PyTorch writes padding as a node of its own whose widths are computed from constants. Beside an integer convolution
    it would be quantized by itself, and costs time in each run.

    Args:
        model: an ONNX model.

    Returns:
        The model as an ``onnx.ModelProto``, with the same names of weights.

    Raises:
        ExtraError: onnx or onnxruntime is missing.
    """
    onnx, tool = import_onnx(), _quantizer()
    with tempfile.TemporaryDirectory(prefix="cosod-") as folder, _silent():
        path = str(Path(folder) / "simplified.onnx")
        # Sizes are inferred at quantization.
        tool.quant_pre_process(onnx.load_from_string(model), path, skip_onnx_shape=True, skip_symbolic_shape=True)
        result = onnx.load(path)
    leave_out_unused_operators(result)
    return result


def saturation(weight: Tensor, scale: Tensor) -> Tensor:
    """Computes by how much the scales of a convolution have to grow so that no pair of its weights can saturate.

    Args:
        weight: ``(O, I, h, w)`` float32; the inputs are added tap by tap, and in each tap channel by channel.
        scale: scale of each output channel, ``(O,)``.

    Returns:
        Factor of each scale, ``(O,)``, at least 1. It is 1 for depthwise convolutions, which are added in 32 bits.

    Example:
        >>> weight = torch.tensor([[[[126.0]], [[63.0]]], [[[126.0]], [[-63.0]]]])
        >>> saturation(weight, torch.ones(2)).tolist()
        [1.5, 1.0]
    """
    if weight.shape[1] == 1:
        return torch.ones_like(scale)
    added = weight.permute(0, 2, 3, 1).flatten(1) / scale[:, None]
    pairs = F.pad(added, (0, added.shape[1] % 2)).unflatten(1, (-1, 2))
    largest = torch.maximum(pairs.clamp_min(0).sum(dim=2), -pairs.clamp_max(0).sum(dim=2)).amax(dim=1)
    return (largest / PAIR).clamp_min(1)


def filled(graph: bytes, identity: str, state: dict[str, Tensor]) -> bytes:
    """Inserts the weights of the network into a graph of :func:`quantized`; returns a model for ONNX Runtime.

    Args:
        graph: graph without the weights.
        identity: hash of the configuration and weights of the network from which the graph was made, see
            :func:`cosod.models.checkpoints.loading.identity`.
        state: weights of the network with folded batch normalization.

    Raises:
        ExtraError: onnx is missing.
        InputError: the graph is damaged, or belongs to another network.

    Example:
        >>> state = folded(network).state_dict()  # doctest: +SKIP
        >>> runner = OnnxRuntime(filled(graph, loading.identity(network), state))  # doctest: +SKIP
    """
    model = _parsed(graph)
    if _facts(model).get("cosod_identity") != identity:
        raise InputError("the integer graph belongs to other weights; make it again, or take another precision")
    scales = {tensor.name: tensor for tensor in model.graph.initializer}
    import onnx

    for tensor in model.graph.initializer:
        name = _weight_of(tensor.name, state)
        if name is not None:
            scale = torch.from_numpy(onnx.numpy_helper.to_array(scales[f"{_stem(tensor.name)}_scale"]).copy())
            tensor.raw_data = integers(state[name], scale).numpy().tobytes()
    return model.SerializeToString()


def facts(graph: bytes) -> dict[str, str]:
    """Returns the metadata of an integer graph: ``cosod_network``, ``cosod_identity``, ``cosod_size``.

    Raises:
        ExtraError: onnx is missing.
        InputError: the graph is damaged, or has another format.

    Example:
        >>> facts(path.read_bytes())["cosod_size"]  # doctest: +SKIP
        '288'
    """
    return _facts(_parsed(graph))


def _avoid_saturation(graph: Any, state: dict[str, Tensor]) -> None:
    """Multiplies the scales of weights by :func:`saturation`, and those of the biases, which depend on them."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for name in list(tensors):
        weight = _weight_of(name, state)
        if weight is None:
            continue
        scale = tensors[f"{_stem(name)}_scale"]
        factor = saturation(state[weight], torch.from_numpy(numpy_helper.to_array(scale).copy())).numpy()
        bias = _stem(name).removesuffix("weight") + "bias_quantized"
        for tensor in (scale, tensors[f"{bias}_scale"]):
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * factor, tensor.name))
        rounded = np.rint(numpy_helper.to_array(tensors[bias]) / factor).astype(np.int32)
        tensors[bias].CopyFrom(numpy_helper.from_array(rounded, bias))


def _parsed(graph: bytes):
    onnx = import_onnx("precision int8")
    try:
        model = onnx.load_from_string(graph)
    except Exception as error:  # protobuf raises errors of several classes
        raise InputError("the integer graph is damaged; install cosod again, or take another precision") from error
    if _facts(model).get("cosod_integer") != str(FORMAT):
        raise InputError("the integer graph is damaged or of another version; install cosod again")
    return model


def _facts(model: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _stem(name: str) -> str:
    return name.removesuffix("_quantized")


def _weight_of(name: str, state: dict[str, Tensor]) -> str | None:
    """Returns the name in the network of an integer weight; None for any other tensor."""
    own = _stem(name).removeprefix("network.")
    return own if name.endswith(".weight_quantized") and own in state else None


class _ChannelsLast(Encoder):
    """An encoder whose skips have the channels last, which is the format of the integer kernels and of the decoder."""

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        *skips, deep = super().forward(images)
        return *(skip.permute(0, 2, 3, 1) for skip in skips), deep


def _left_in_float(graph: Any) -> list[str]:
    """Returns the names of the nodes that stay in float32; see the module docstring."""
    weights = {tensor.name: tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 4}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    left = convolutions[:FLOAT_FIRST] + [node for node in convolutions if weights.get(node.input[1]) == 1]
    given = {output for node in left for output in node.output}
    activations = [node for node in graph.node if node.op_type in ("Clip", "Relu") and node.input[0] in given]
    return [node.name for node in left + activations]


def _quantizer() -> ModuleType:
    return import_extra("onnxruntime.quantization", "making an integer graph", "onnx")


def _reader(batches: Iterable[Tensor]):
    from onnxruntime.quantization import CalibrationDataReader

    arrays = ({"images": batch.numpy()} for batch in batches)

    class Reader(CalibrationDataReader):
        def get_next(self):
            return next(arrays, None)

    return Reader()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Silences the messages that the quantization tool sends to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
