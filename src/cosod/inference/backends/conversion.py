"""Conversion of graphs, in which batch normalization is folded, to the formats of other runtimes, as bytes.

All formats are made by a trace. It follows arithmetic with the sides of tensors, but not with Python numbers made of
them; the callers compare the outputs for other sides.
"""

import contextlib
import functools
import io
import json
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from cosod.errors import ExtraError, InputError, import_extra
from cosod.inference.backends.graphs import Graph

#: Maximum difference of the outputs of a converted network from those of the network.
TOLERANCE = 1e-3
#: Version of the operators of ONNX.
OPSET = 18
#: Name of the file with the metadata in a TorchScript archive.
TORCHSCRIPT_METADATA = "cosod.json"


def import_onnx(what: str = "writing ONNX") -> ModuleType:
    """Imports the package ``onnx``, which ``what`` needs.

    Raises:
        ExtraError: the package is missing.
    """
    return import_extra("onnx", what, "onnx")


def import_openvino() -> ModuleType:
    """Imports the package ``openvino``, with its telemetry disabled.

    Raises:
        ExtraError: the package is missing.
    """
    # OpenVINO reports every import to its developers if its telemetry package can be imported.
    # None makes imports of it fail, which the stubs of sys.modules do not know.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return import_extra("openvino", "OpenVINO", "openvino")


@functools.cache
def openvino_core() -> Any:
    """Returns the only OpenVINO core of this process.

    Each core gives the thread another stack for signals. If there are two, and the older goes first, the younger leaves
    the older's behind, whose memory is gone, and the next signal (a program that ends, say) ends the process.

    Raises:
        ExtraError: the package is missing.
    """
    return import_openvino().Core()


def to_onnx(graph: Graph, metadata: Mapping[str, str] | None = None, as_is: bool = False) -> bytes:
    """Converts a graph to an ONNX model, without inputs that are not used; metadata become its ``metadata_props``.

    Args:
        graph: the graph.
        metadata: further values, by name.
        as_is: whether all weights stay as they are, under their names in the module. By default batch normalization
            that is not folded yet, and operations on weights alone, are computed in advance.

    Raises:
        ExtraError: onnx is missing.
        InputError: the module cannot be converted.
    """
    onnx = import_onnx()
    with _converting("ONNX"), tempfile.TemporaryDirectory(prefix="cosod-") as folder:
        path = Path(folder) / "model.onnx"
        torch._C._jit_set_onnx_log_enabled(False)  # otherwise the whole graph is printed before an error
        # By a trace, as for the other formats: torch.export takes forty times as long with dynamic sides.
        torch.onnx.export(
            graph.module,
            graph.examples,
            path,
            dynamo=False,
            dynamic_axes=graph.free(),
            input_names=graph.inputs,
            output_names=graph.outputs,
            opset_version=OPSET,
            do_constant_folding=not as_is,
            training=torch.onnx.TrainingMode.PRESERVE if as_is else torch.onnx.TrainingMode.EVAL,
        )
        model = onnx.load(path)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def leave_out_unused_operators(model: Any) -> None:
    """Removes the sets of operators that no node of an ``onnx.ModelProto`` uses; ONNX Runtime declares all its own."""
    used = {node.domain for node in model.graph.node}
    replace_entries(model.opset_import, [entry for entry in model.opset_import if entry.domain in used])


def replace_entries(field: Any, entries: Iterable[Any]) -> None:
    """Replaces the entries of a repeated field of an ONNX message."""
    kept = list(entries)
    del field[:]
    field.extend(kept)


def to_openvino(graph: Graph, metadata: Mapping[str, str] | None = None) -> tuple[bytes, bytes]:
    """Converts a graph to an OpenVINO model, its ``.xml`` and ``.bin``, in float32; metadata become ``rt_info``.

    Inputs that are not used are left out.

    Raises:
        ExtraError: openvino or onnx is missing.
        InputError: the module cannot be converted.
    """
    openvino = import_openvino()
    # By way of ONNX, which takes a quarter of the time of OpenVINO's own conversion of modules.
    data = to_onnx(graph)
    with _converting("OpenVINO"), tempfile.TemporaryDirectory(prefix="cosod-") as folder:
        model = openvino_core().read_model(data)
        for key, value in (metadata or {}).items():
            model.set_rt_info(value, ["cosod", key])
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def to_torchscript(graph: Graph, metadata: Mapping[str, str] | None = None) -> bytes:
    """Converts a graph to a frozen TorchScript archive with one output; metadata become its file ``cosod.json``.

    Raises:
        InputError: the module cannot be converted.
    """
    with _converting("TorchScript"):
        traced = torch.jit.trace(_First(graph.module).eval(), graph.examples, check_trace=False)
        frozen = torch.jit.freeze(traced)
        target = io.BytesIO()
        torch.jit.save(frozen, target, _extra_files={TORCHSCRIPT_METADATA: json.dumps(dict(metadata or {}))})
    return target.getvalue()


class _First(torch.nn.Module):
    """Returns the only output as a tensor, and not as a tuple."""

    def __init__(self, module: torch.nn.Module):
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.module(*inputs)[0]


def _cause(error: BaseException) -> str:
    """Returns the first line of the message of the error that caused a converter's error."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__


@contextlib.contextmanager
def _converting(form: str) -> Iterator[None]:
    """Disables gradients and the converters' warnings, and turns their errors into one sentence."""
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, ExtraError):
        raise
    except Exception as error:  # converters raise errors of many kinds
        raise InputError(f"this network cannot be converted to {form}: {_cause(error)}; choose another one") from error
