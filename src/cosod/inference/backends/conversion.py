"""Conversion of graphs, in which batch normalization is folded, to the formats of other runtimes, as bytes."""

import contextlib
import io
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import torch

from cosod.errors import ExtraError, InputError
from cosod.inference.backends.graphs import Graph

#: Maximum difference of the outputs of a converted network from those of the network.
TOLERANCE = 1e-3
#: Name of the file with the metadata in a TorchScript archive.
TORCHSCRIPT_METADATA = "cosod.json"


def import_onnx() -> None:
    """Raises ExtraError if the packages that write ONNX are missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExtraError("writing ONNX", "onnx") from error


def import_openvino() -> ModuleType:
    """Imports the package ``openvino``, with its telemetry disabled.

    Raises:
        ExtraError: the package is missing.
    """
    # OpenVINO reports every import to its developers if its telemetry package can be imported.
    # None makes imports of it fail, which the stubs of sys.modules do not know.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError as error:
        raise ExtraError("OpenVINO", "openvino") from error
    return openvino


def to_onnx(graph: Graph, metadata: Mapping[str, str] | None = None) -> bytes:
    """Converts a graph to an ONNX model; metadata become its ``metadata_props``.

    Raises:
        ExtraError: onnx or onnxscript is missing.
        InputError: the module cannot be converted.
    """
    import_onnx()
    with _converting("ONNX"):
        program = torch.onnx.export(
            graph.module,
            graph.examples,
            dynamo=True,
            dynamic_shapes=_free(graph),
            input_names=graph.inputs,
            output_names=graph.outputs,
            verbose=False,
        )
        assert program is not None  # with dynamo=True
        model = program.model_proto
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def to_openvino(graph: Graph, metadata: Mapping[str, str] | None = None) -> tuple[bytes, bytes]:
    """Converts a graph to an OpenVINO model, its ``.xml`` and ``.bin``, in float32; metadata become ``rt_info``.

    Inputs and outputs have the order of the graph. They get names only if there is one input and one output, because
    several of them may be the same tensor, which can have only one name.

    Raises:
        ExtraError: openvino is missing.
        InputError: the module cannot be converted.
    """
    openvino = import_openvino()
    free = graph.free()
    shapes = [
        openvino.PartialShape([-1 if axis in dimensions else side for axis, side in enumerate(example.shape)])
        for example, dimensions in zip(graph.examples, free, strict=True)
    ]
    with _converting("OpenVINO"):
        # By a trace, which takes a quarter of the time of torch.export. A trace follows arithmetic with the sides of
        # tensors, but not with Python numbers made of them; the callers compare outputs for other sides.
        model = openvino.convert_model(graph.module, example_input=graph.examples, input=shapes)
    if len(graph.inputs) == len(graph.outputs) == 1:
        model.inputs[0].get_tensor().set_names(set(graph.inputs))
        model.outputs[0].get_tensor().set_names(set(graph.outputs))
    for key, value in (metadata or {}).items():
        model.set_rt_info(value, ["cosod", key])
    with tempfile.TemporaryDirectory(prefix="cosod-") as folder:
        path = Path(folder) / "model.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _free(graph: Graph) -> tuple:
    """Returns the dynamic dimensions of the arguments of a graph; variable positional arguments are one tuple."""
    free = graph.free()
    return free if len(graph.inputs) == 1 else (free,)


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
    """Returns the most informative line of a converter's error."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()]
    missing = [line for line in lines if line.startswith("No conversion rule")]
    return (missing or lines or [type(error).__name__])[0]


@contextlib.contextmanager
def _converting(form: str) -> Iterator[None]:
    """Disables gradients and the converters' log messages, and turns their errors into one sentence."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    try:
        log.setLevel(logging.ERROR)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, ExtraError):
        raise
    except Exception as error:  # converters raise errors of many kinds
        raise InputError(f"this network cannot be converted to {form}: {_cause(error)}; choose another one") from error
    finally:
        log.setLevel(level)
