"""Sessions of ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cosod.errors import import_extra


def import_onnxruntime(what: str = "ONNX Runtime") -> ModuleType:
    """Imports the package ``onnxruntime``, which ``what`` needs.

    Raises:
        ExtraError: the package is missing.
    """
    return import_extra("onnxruntime", what, "onnx")


def open_session(model: bytes | Path, threads: int, weights: Mapping[str, np.ndarray] | None = None) -> Any:
    """Opens a model on the CPU.

    Args:
        model: its bytes, or the path of its file.
        threads: number of threads; 0 for one on each core.
        weights: values of the weights that the model declares but does not contain, by name.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        ExtraError: onnxruntime is missing.
    """
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that wait for the next image in a loop would take the processor from what is done in between.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if weights:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
        options.add_external_initializers(list(weights), values)
    data = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
