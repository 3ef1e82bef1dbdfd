"""Conversion of Pillow images, NumPy arrays and PyTorch tensors of any kind to 8-bit RGB pixels."""

import contextlib
import sys
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from cosod.errors import ImageError
from cosod.io.color_profiles import gray_curve, to_srgb

#: Percentage of the values of an image of unknown depth that may be clipped at either end of the range.
OUTLIERS = 0.5
#: Rounding error by which floats may leave [0, 1].
ROUNDING = 1e-3
#: An image is uniform if in each channel the range of the levels is at most the first number, and their standard
#: deviation at most the second.
UNIFORM_SPAN, UNIFORM_DEVIATION = 16, 2.0
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


def from_pillow(image: Image.Image) -> np.ndarray:
    """Converts a Pillow image of any mode to ``(H, W, 3)`` uint8 sRGB, upright, with transparent pixels on white.

    Raises:
        Exception: the image cannot be decoded; Pillow's decoders raise errors of many kinds.

    Example:
        >>> from_pillow(Image.new("LA", (4, 3))).shape
        (3, 4, 3)
    """
    image.load()  # Pillow rotates a TIFF image when it loads it, which changes its size and orientation
    mode, profile = image.mode, image.info.get("icc_profile")
    if mode.startswith("I;16") or mode in ("I", "F"):
        # These are grayscale images of more than 8 bits, whose values Pillow's own conversion would clip at 255.
        gray = scaled(np.asarray(image))
        curve = gray_curve(profile)
        if curve is None:
            array = from_array(gray)
        else:
            channels = [np.interp(gray * 255, np.arange(256), curve[:, c]) for c in range(3)]
            array = np.stack(channels, axis=2).round().astype(np.uint8)
        return np.ascontiguousarray(turned(array, orientation(image)))
    with contextlib.suppress(Exception):  # damaged EXIF data must not prevent reading the image
        if orientation(image) in range(2, 9):  # exif_transpose would copy an image that is upright already
            image = ImageOps.exif_transpose(image)
    alpha = None
    if mode in _WITH_ALPHA or "transparency" in image.info:
        if mode in ("La", "RGBa"):  # Pillow converts premultiplied modes only to the same mode with straight alpha
            image = image.convert({"La": "LA", "RGBa": "RGBA"}[mode])
        alpha = image.convert("RGBA").getchannel("A")
        # A grayscale image stays grayscale, so that a grayscale profile can be applied to it.
        image = image.getchannel("L") if image.mode == "LA" else image if mode == "L" else image.convert("RGB")
    elif mode not in ("L", "RGB", "CMYK"):
        image = image.convert("L" if mode == "1" else "RGB")
    rgb = to_srgb(image, profile)
    if alpha is not None:
        rgb.putalpha(alpha)
        rgb = Image.alpha_composite(Image.new("RGBA", rgb.size, (255, 255, 255, 255)), rgb).convert("RGB")
    return np.array(rgb)


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation of an image, from 1 to 8; 1 is upright.

    Raises:
        Exception: the EXIF data are damaged, for which Pillow raises errors of many kinds.

    Example:
        >>> orientation(Image.new("RGB", (4, 3)))
        1
    """
    return image.getexif().get(0x0112, 1)


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an array upright, for images that Pillow cannot turn.

    Args:
        array: ``(H, W)`` or ``(H, W, C)``.
        orientation: EXIF orientation of the stored image; values other than 2 to 8 leave it as it is.

    Example:
        >>> turned(np.zeros((3, 4)), 6).shape
        (4, 3)
    """
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def scaled(array: np.ndarray) -> np.ndarray:
    """Scales the values of an image to float32 in [0, 1].

    uint8, uint16 and bool arrays are divided by the maximum of their type. Other integers are
    divided by the first of 1, 255 and 65535 that none of them exceeds; negative values become 0.

    Floats, and integers above 65535, are judged without the highest and the lowest :data:`OUTLIERS` percent, so that a
    few hot pixels do not make the others black. If the remaining values lie in [0, 1], they stay as they are; if their
    maximum is from 64 to 255 and none is negative, they are divided by 255; otherwise the range from their minimum, or
    0 if that is positive, to their maximum is spread over [0, 1]. NaN and minus infinity become 0, plus infinity 1.

    Example:
        >>> scaled(np.array([[0, 128, 255]], np.int32)).max(), scaled(np.array([[False, True]])).max()
        (np.float32(1.0), np.float32(1.0))
    """
    if array.dtype.kind == "b":
        return array.astype(np.float32)
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return array.astype(np.float32) / {1: 255.0, 2: 65535.0}[array.dtype.itemsize]
    top = float(array.max(initial=0)) if array.dtype.kind in "iu" else np.inf
    if top <= 65535:
        depth = next(depth for depth in (1.0, 255.0, 65535.0) if top <= depth)
        return (array.astype(np.float32) / depth).clip(0, 1)
    values = array.astype(np.float64)
    finite = values[np.isfinite(values)]
    # The percentiles are existing values: one hot pixel of a tiny image would contribute to interpolated ones.
    high = np.percentile(finite, 100 - OUTLIERS, method="lower") if finite.size else 1.0
    low = np.percentile(finite, OUTLIERS, method="higher") if finite.size else 0.0
    low = min(low, 0.0)
    if low == 0:
        high = 1.0 if high <= 1 + ROUNDING else 255.0 if 64 <= high <= 255 else high
    spread = high - low if high > low else 1.0
    return np.nan_to_num((values - low) / spread, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1).astype(np.float32)


def from_array(array: np.ndarray) -> np.ndarray:
    """Converts an array to ``(H, W, 3)`` uint8 RGB, with transparent pixels on white.

    Args:
        array: ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or ``(H, W, 4)`` of uint8, uint16, bool, or floats in [0, 1].

    Raises:
        ImageError: the array has another shape, type or range.

    Example:
        >>> from_array(np.ones((3, 4), bool)).max()
        np.uint8(255)
    """
    array = np.asarray(array)  # an np.matrix would stay two-dimensional in all operations below
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
    """Returns whether an image has a single color, apart from a little noise, so that it shows no object.

    Args:
        image: ``(H, W, C)`` uint8.

    Example:
        >>> is_uniform(np.zeros((48, 64, 3), np.uint8))
        True
    """
    # Some of the pixels first, whose range is no larger than that of all: they tell it of nearly every photo.
    for pixels in (image[::8, ::8], image):
        if np.ptp(pixels, axis=(0, 1)).max() > UNIFORM_SPAN:
            return False
    return bool(image.std(axis=(0, 1)).max() <= UNIFORM_DEVIATION)


def is_tensor(value: Any) -> bool:
    """Returns whether a value is a PyTorch tensor, without importing PyTorch.

    Example:
        >>> is_tensor(np.zeros(3))
        False
    """
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def tensor_array(tensor: Any) -> np.ndarray:
    """Converts a tensor to an array with the channels last.

    Args:
        tensor: ``(C, H, W)`` as in torchvision, ``(H, W)``, ``(H, W, C)`` or ``(1, C, H, W)``, with 1, 3 or 4 channels,
            on any device. A shape that fits both ``(C, H, W)`` and ``(H, W, C)`` is taken for ``(C, H, W)``.

    Raises:
        ImageError: the tensor cannot be converted, for instance because it is sparse or on the device ``meta``.

    Example:
        >>> import torch
        >>> tensor_array(torch.zeros(3, 48, 64)).shape
        (48, 64, 3)
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
