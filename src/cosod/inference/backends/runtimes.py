"""Converted models that run: tensors in, tensors out, in the order of the graph."""

import threading
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cosod.errors import ExtraError
from cosod.inference.backends.conversion import import_openvino, openvino_core


class OnnxRuntime:
    """An ONNX model on the CPU, with as many threads as torch has.

    Args:
        model: its bytes, or the path of its file.

    Attributes:
        inputs: names of the inputs.

    Raises:
        ExtraError: without onnxruntime.
    """

    def __init__(self, model: bytes | Path):
        try:
            import onnxruntime
        except ImportError as error:
            raise ExtraError("ONNX Runtime", "onnx") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that wait for the next image in a loop would take the processor from what torch does in between.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        data = model if isinstance(model, bytes) else str(model)
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self.inputs = [entry.name for entry in self._session.get_inputs()]

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        """Float32 tensors in and out."""
        arrays = dict(zip(self.inputs, map(_array, tensors), strict=True))
        return [torch.from_numpy(array) for array in self._session.run(None, arrays)]


class OpenVINO:
    """An OpenVINO model on the CPU in float32, with as many threads as torch has.

    Args:
        xml, weights: the bytes of both files, or their paths.

    Attributes:
        inputs: names of the inputs.

    Raises:
        ExtraError: without openvino.
    """

    def __init__(self, xml: bytes | Path, weights: bytes | Path):
        openvino, core = import_openvino(), openvino_core()
        if isinstance(xml, bytes) and isinstance(weights, bytes):
            model = core.read_model(xml, openvino.Tensor(np.frombuffer(weights, np.uint8)))
        else:
            model = core.read_model(str(xml), str(weights))
        # By default the library would take bfloat16 where the processor has it.
        facts = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
        }
        self._request = core.compile_model(model, "CPU", facts).create_infer_request()
        self._lock = threading.Lock()  # one request does one thing at a time
        self.inputs = [entry.get_any_name() for entry in model.inputs]

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        """Float32 tensors in and out."""
        with self._lock:
            self._request.infer([_array(tensor) for tensor in tensors])
            return [torch.from_numpy(found.data.copy()) for found in self._request.output_tensors]


def _array(tensor: Tensor) -> np.ndarray:
    """Returns the values of a tensor as a contiguous array."""
    return tensor.detach().float().contiguous().numpy()
