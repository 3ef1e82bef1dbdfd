"""Pixels of every kind as 8-bit RGB: those of Pillow images, of numpy arrays and of torch tensors."""

import contextlib
import sys
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from cosod.errors import ImageError
from cosod.io.color_profiles import gray_curve, to_srgb

#: Share of the values of a float image, in percent, that may lie above and below what is shown.
OUTLIERS = 0.5
#: Floats may leave [0, 1] by rounding errors.
ROUNDING = 1e-3
#: An image is uniform where none of its channels spans more levels than the first, nor deviates more than the second.
UNIFORM_SPAN, UNIFORM_DEVIATION = 16, 2.0
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


def from_pillow(image: Image.Image) -> np.ndarray:
    """Converts a Pillow image of any mode to ``(H, W, 3)`` uint8 sRGB, upright, with transparency laid over white.

    Raises:
        Exception: of many kinds, as Pillow's decoders raise them.
    """
    image.load()  # TIFF turns itself when loaded, which changes size and orientation
    mode, profile = image.mode, image.info.get("icc_profile")
    if mode.startswith("I;16") or mode in ("I", "F"):
        # Grayscale of more than 8 bits: Pillow's own conversion would clip it at 255.
        gray = scaled(np.asarray(image))
        curve = gray_curve(profile)
        if curve is None:
            array = from_array(gray)
        else:
            channels = [np.interp(gray * 255, np.arange(256), curve[:, c]) for c in range(3)]
            array = np.stack(channels, axis=2).round().astype(np.uint8)
        return np.ascontiguousarray(turned(array, orientation(image)))
    with contextlib.suppress(Exception):  # damaged EXIF data must not cost the image
        if orientation(image) in range(2, 9):  # of what is upright it would make a copy
            image = ImageOps.exif_transpose(image)
    alpha = None
    if mode in _WITH_ALPHA or "transparency" in image.info:
        if mode in ("La", "RGBa"):  # Pillow converts these to nothing but their own kind without premultiplication
            image = image.convert({"La": "LA", "RGBa": "RGBA"}[mode])
        alpha = image.convert("RGBA").getchannel("A")
        # Gray stays gray, which is what a profile of gray levels is for.
        image = image.getchannel("L") if image.mode == "LA" else image if mode == "L" else image.convert("RGB")
    elif mode not in ("L", "RGB", "CMYK"):
        image = image.convert("L" if mode == "1" else "RGB")
    rgb = to_srgb(image, profile)
    if alpha is not None:
        rgb.putalpha(alpha)
        rgb = Image.alpha_composite(Image.new("RGBA", rgb.size, (255, 255, 255, 255)), rgb).convert("RGB")
    return np.array(rgb)


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of an image, where 1 is upright; damaged data raise errors of many kinds."""
    return image.getexif().get(0x0112, 1)


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an array by one of the eight EXIF orientations, for what Pillow cannot turn."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def scaled(array: np.ndarray) -> np.ndarray:
    """Scales values of unknown depth to floats in [0, 1].

    The depth of integers is the smallest usual one that holds them. That of floats, and of integers of more than 16
    bits, is the smallest usual one that holds all but :data:`OUTLIERS` percent of them, so that a few hot pixels do not
    make the others black; values of no usual depth are spread over the whole range. What is not finite becomes black,
    plus infinity white.
    """
    if array.dtype.kind in "ub" and array.dtype.itemsize <= 2:
        return array.astype(np.float32) / {1: 255.0, 2: 65535.0}[array.dtype.itemsize]
    top = float(array.max(initial=0)) if array.dtype.kind in "iu" else np.inf
    if top <= 65535:
        depth = next(depth for depth in (1.0, 255.0, 65535.0) if top <= depth)
        return (array.astype(np.float32) / depth).clip(0, 1)
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    # Values that are there, not means of two of them: one hot pixel of a tiny image counts by half otherwise.
    high = np.percentile(finite, 100 - OUTLIERS, method="lower") if finite.size else 1.0
    low = np.percentile(finite, OUTLIERS, method="higher") if finite.size else 0.0
    low = min(low, 0.0)
    if low == 0:
        high = 1.0 if high <= 1 + ROUNDING else 255.0 if 64 <= high <= 255 else high
    spread = high - low if high > low else 1.0
    return np.nan_to_num((values - low) / spread, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1).astype(np.float32)


def from_array(array: np.ndarray) -> np.ndarray:
    """Converts an array to ``(H, W, 3)`` uint8 RGB, with transparency laid over white.

    Args:
        array: ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or ``(H, W, 4)`` of uint8, uint16, bool, or floats in [0, 1].

    Raises:
        ImageError: an array of another shape, type or range.
    """
    array = np.asarray(array)  # np.matrix would stay a matrix in all that follows
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        hint = "transpose it to put the channels last" if first else "give (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        raise ImageError(f"an image array of shape {array.shape} cannot be used; {hint}")
    kind, bytes_each = array.dtype.kind, array.dtype.itemsize
    if kind == "u" and bytes_each == 2:
        array = (array.astype(np.float32) / 257).round().astype(np.uint8)
    elif kind == "b":
        array = array.astype(np.uint8) * 255
    elif kind == "f":
        array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise ImageError("an image array of floats holds NaN or infinity; replace these values")
        if array.min() < -ROUNDING or array.max() > 1 + ROUNDING:
            raise ImageError(
                f"an image array of floats must lie in [0, 1], this one is in [{array.min():.3g}, {array.max():.3g}]; "
                "undo its normalization, or divide it by its range"
            )
        array = (array.clip(0, 1) * 255).round().astype(np.uint8)
    elif not (kind == "u" and bytes_each == 1):
        raise ImageError(
            f"an image array of {array.dtype} cannot be used; give uint8, uint16, bool, or floats in [0, 1]"
        )
    if array.shape[2] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255
        array = (array[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array)


def is_uniform(image: np.ndarray) -> bool:
    """Whether an image ``(H, W, C)`` uint8 is of one color all over, but for a little noise, and so shows no object.

    Example:
        >>> is_uniform(np.zeros((48, 64, 3), np.uint8))
        True
    """
    spans = np.ptp(image, axis=(0, 1))
    return bool(spans.max() <= UNIFORM_SPAN and image.std(axis=(0, 1)).max() <= UNIFORM_DEVIATION)


def is_tensor(value: Any) -> bool:
    """Whether this is a tensor of torch, which is not imported for it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def tensor_array(tensor: Any) -> np.ndarray:
    """Converts a tensor to an array with the channels last.

    Args:
        tensor: ``(C, H, W)`` as torchvision has them, ``(H, W)``, ``(H, W, C)`` or, of one image, ``(1, C, H, W)``, of
            1, 3 or 4 channels, on any device. Where both ``(C, H, W)`` and ``(H, W, C)`` fit, it is the first.

    Raises:
        ImageError: a tensor that holds no values, as sparse ones and those on the device ``meta``.
    """
    try:
        dense = tensor.detach().cpu()
        dense = dense.float() if dense.is_floating_point() else dense
        array = dense.resolve_conj().resolve_neg().numpy()
    except Exception as error:
        raise ImageError(f"an image tensor cannot be used ({error}); give a dense tensor") from error
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[0] in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    return array
