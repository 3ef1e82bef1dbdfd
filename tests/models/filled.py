"""Deterministic weights, images and masks: the rules of the parity fixtures, so that weights need not be shipped."""

import zlib

import numpy as np
import torch


def fill(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Values that depend on nothing but the name and the shape of a parameter."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    normal = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)
    if name.endswith("running_var"):
        values = 1 + 0.2 * np.abs(normal)
    elif name.endswith("running_mean"):
        values = 0.1 * normal
    elif name.endswith("bias"):
        values = 0.05 * normal
    elif len(shape) == 1:
        values = 1 + 0.1 * normal
    else:
        values = normal * np.sqrt(2.0 / np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(values, np.float32))


def filled(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """A state dict of such values; VGG's unused ImageNet classifier, 494 MB, is left at zero."""
    return {
        name: torch.zeros(1).expand(shape) if "backbone.classifier" in name else fill(name, tuple(shape))
        for name, shape in shapes.items()
    }


def images(seed: int, n: int, size: int) -> torch.Tensor:
    """``(n, 3, size, size)``, standard normal, as if normalized."""
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((n, 3, size, size)).astype(np.float32))


def masks(seed: int, n: int, size: int) -> torch.Tensor:
    """``(n, 1, size, size)`` in {0, 1}: an ellipse in each image."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    out = np.zeros((n, 1, size, size), np.float32)
    for i in range(n):
        cy, cx = rng.uniform(0.3, 0.7, 2) * size
        ry, rx = rng.uniform(0.15, 0.35, 2) * size
        out[i, 0] = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1
    return torch.from_numpy(out)
