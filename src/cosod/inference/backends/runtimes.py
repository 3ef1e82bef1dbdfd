"""Converted models that run: tensors in, tensors out, in the order of the graph."""

import threading
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cosod.inference.backends.conversion import import_openvino, openvino_core
from cosod.inference.onnx_session import open_session
from cosod.io.tensors import to_array


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
        self._session = open_session(model, torch.get_num_threads())
        self.inputs = [entry.name for entry in self._session.get_inputs()]

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        """Float32 tensors in and out."""
        arrays = dict(zip(self.inputs, map(to_array, tensors), strict=True))
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
            self._request.infer([to_array(tensor) for tensor in tensors])
            return [torch.from_numpy(found.data.copy()) for found in self._request.output_tensors]
