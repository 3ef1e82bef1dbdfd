"""Is this installation in order? Versions, devices, and whether a network gives the maps that it should."""

import importlib.util
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np

from cosod.errors import CosodError
from cosod.inference.onnx_detector import OnnxDetector
from cosod.inference.probe_images import drawn_group

if TYPE_CHECKING:
    from cosod.models.base import CoSaliencyNetwork

PACKAGES = ("cosod", "torch", "numpy", "pillow", "opencv-python-headless", "safetensors")
#: Largest difference of the pooled maps from those stored with the weights that passes: other processors round
#: otherwise, a wrong network is off by tenths.
TOLERANCE = 0.01
#: The same of the integer graph, whose features are rounded to 8 bits.
INTEGER_TOLERANCE = 0.05


def has_torch() -> bool:
    """Returns whether PyTorch is installed."""
    return importlib.util.find_spec("torch") is not None


def fingerprint(network: "CoSaliencyNetwork", device: str = "cpu", precision: str = "float32") -> list[float]:
    """Computes the maps of :func:`drawn_group`, averaged over a grid of 4 x 4 in each image: 48 numbers in [0, 1]."""
    from cosod.inference.detector import Detector

    return pooled(Detector(network, device, precision=precision).segment(drawn_group()))


def pooled(maps: Iterable[np.ndarray]) -> list[float]:
    """Averages maps over a grid of 4 x 4 in each of them."""
    return [round(float(v), 4) for m in maps for v in m.reshape(4, 32, 4, 32).mean(axis=(1, 3)).ravel()]


def deviation(network: "CoSaliencyNetwork", expected: list[float], device: str = "cpu") -> float:
    """Computes the largest absolute difference of the network's :func:`fingerprint` from the expected one."""
    return _largest(fingerprint(network, device), expected)


def integer_deviation(network: "CoSaliencyNetwork", expected: list[float]) -> float | str:
    """Computes :func:`deviation` in int8, or says in one sentence why it cannot be had here.

    Example:
        >>> doctor.integer_deviation(network, expected)  # doctest: +SKIP
        0.0041
    """
    try:
        found = fingerprint(network, precision="int8")
    except CosodError as error:
        return str(error)
    return round(_largest(found, expected), 5)


def onnx_deviation() -> float | str:
    """Computes :func:`deviation` of the default network without PyTorch, or says why it cannot be had here.

    Example:
        >>> doctor.onnx_deviation()  # doctest: +SKIP
        0.0002
    """
    try:
        detector = OnnxDetector()
    except CosodError as error:
        return str(error)
    found = pooled(result.map for result in detector.results(drawn_group()))
    return round(_largest(found, detector.extra["check"]), 5)


def _largest(found: list[float], expected: list[float]) -> float:
    return float(np.abs(np.subtract(found, expected)).max())


def versions() -> dict[str, str]:
    """Returns the versions of Python, this package and what it stands on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def devices() -> dict[str, str]:
    """Returns the devices that ``--device`` accepts here, with what is known of each."""
    if not has_torch():
        return {"cpu": f"{os.cpu_count()} cores, without PyTorch"}
    import torch

    threads = f"{torch.get_num_threads()} threads, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"
    found = {"cpu": threads}
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    return found
