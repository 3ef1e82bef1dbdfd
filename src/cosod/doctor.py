"""Is this installation in order? Versions, devices, and whether a network gives the maps that it should."""

import os
import platform
from importlib import metadata

import numpy as np
import torch

from cosod.inference.cpu_fusion import PRECISIONS
from cosod.inference.detector import Detector
from cosod.models.base import CoSaliencyNetwork

PACKAGES = ("cosod", "torch", "numpy", "pillow", "opencv-python-headless", "safetensors")
#: Largest difference of the pooled maps from those stored with the weights that passes: other processors round
#: otherwise, a wrong network is off by tenths.
TOLERANCE = 0.01
#: Largest :func:`precision_deviation` at which bfloat16 is taken by itself.
CLOSE = 2 / 255


def drawn_group(size: int = 128) -> list[np.ndarray]:
    """Three drawn images of a red disc on different grounds: the same bytes on every machine."""
    y, x = np.mgrid[:size, :size].astype(np.int64)
    images = []
    for number, (cx, cy) in enumerate([(40, 44), (80, 60), (60, 88)]):
        ground = [x * 2 % 256, (x + y) % 256, (x * 3 + y * 5) // 4 % 256]
        image = np.stack([ground[number] // 2, ground[number - 1] // 3 + 60, ground[number - 2] // 4 + 90], axis=2)
        disc = (x - cx) ** 2 + (y - cy) ** 2 <= 26**2
        image[disc] = (200, 30, 40)
        images.append(image.astype(np.uint8))
    return images


def fingerprint(network: CoSaliencyNetwork, device: str = "cpu") -> list[float]:
    """Maps of :func:`drawn_group`, averaged over a grid of 4 x 4 in each image: 48 numbers in [0, 1]."""
    maps = Detector(network, device).segment(drawn_group())
    return [round(float(v), 4) for m in maps for v in m.reshape(4, 32, 4, 32).mean(axis=(1, 3)).ravel()]


def deviation(network: CoSaliencyNetwork, expected: list[float], device: str = "cpu") -> float:
    """Largest absolute difference of the network's :func:`fingerprint` from the expected one."""
    return float(np.abs(np.subtract(fingerprint(network, device), expected)).max())


def precision_deviation(network: CoSaliencyNetwork, device: str = "cpu") -> float:
    """How far the network's maps in bfloat16 are from those in float32, in [0, 1].

    Of the images of :func:`drawn_group` at 128 pixels, the pixel that differs most.
    """
    exact, fast = (Detector(network, device, size=128, precision=p).segment(drawn_group()) for p in PRECISIONS[1:])
    return max(float(np.abs(one - other).max()) for one, other in zip(exact, fast, strict=True))


def probed_precision(network: CoSaliencyNetwork, device: str = "cpu") -> str:
    """``bfloat16`` where :func:`precision_deviation` is at most 2/255, else ``float32``."""
    return "bfloat16" if precision_deviation(network, device) <= CLOSE else "float32"


def versions() -> dict[str, str]:
    """Versions of Python, this package and what it stands on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def devices() -> dict[str, str]:
    """Devices that ``--device`` accepts here, with what is known of each."""
    threads = f"{torch.get_num_threads()} threads, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}"
    found = {"cpu": threads}
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        found[f"cuda:{index}"] = f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    return found
