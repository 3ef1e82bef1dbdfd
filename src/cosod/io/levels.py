"""Reading the gray levels that a mask file stores, and finding the pixels that the mask marks."""

import contextlib

import numpy as np
from PIL import Image, ImageChops, ImageOps

from cosod.errors import ImageError, InputError
from cosod.io.pixels import orientation, turned


def levels_of_pillow(image: Image.Image) -> np.ndarray:
    """Returns the gray levels of a Pillow image, upright, as :func:`cosod.io.images.read_levels` describes them.

    Returns:
        float32 ``(H, W)``. The opacity channel is returned if it varies; otherwise the brightest color channel.

    Raises:
        Exception: the image cannot be decoded; Pillow's decoders raise errors of many kinds.

    Example:
        >>> levels_of_pillow(Image.new("L", (4, 3), 255)).shape
        (3, 4)
    """
    image.load()
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return levels_of_array(turned(np.asarray(image), orientation(image)))
    with contextlib.suppress(Exception):  # damaged EXIF data must not prevent reading the mask
        image = ImageOps.exif_transpose(image)
    if image.mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"), np.float32)
        if np.ptp(alpha):
            return alpha
    if image.mode not in ("L", "1"):
        red, green, blue = image.convert("RGB").split()
        image = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return np.asarray(image.convert("L"), np.float32)


def levels_of_array(array: np.ndarray) -> np.ndarray:
    """Returns the gray levels of an array, as :func:`cosod.io.images.read_levels` describes them.

    Args:
        array: ``(H, W)``, ``(H, W, C)`` with 1, 3 or 4 channels, or ``(1, H, W)``, of bool, integers or finite floats.

    Returns:
        float32 ``(H, W)``. The fourth channel is returned if it varies; otherwise the maximum of the color channels.

    Raises:
        ImageError: the array has another shape or type, or holds NaN or infinity.

    Example:
        >>> levels_of_array(np.full((3, 4), 7)).max()
        np.float32(7.0)
    """
    array = np.asarray(array)
    if array.ndim == 3 and len(array) == 1 and array.shape[2] not in (1, 3, 4):
        array = array[0]
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise ImageError(f"a mask of shape {array.shape} cannot be used; give (H, W)")
    if array.dtype.kind not in "buif" or not np.isfinite(array).all():
        raise ImageError(f"a mask of {array.dtype} cannot be used; give whole numbers, bool, or floats that are finite")
    if array.shape[2] == 4 and np.ptp(array[..., 3]):
        return array[..., 3].astype(np.float32)
    return array[..., :3].max(axis=2).astype(np.float32)


def marked(levels: np.ndarray, name: str = "the mask") -> np.ndarray:
    """Returns the pixels that a mask marks.

    If the mask has exactly two levels, the brighter one marks the object, whatever the two values are (0 and 255,
    0 and 1, or two gray values of a palette). If the mask has more levels, a pixel is marked if its level is above half
    of the maximum of the range. The maximum is the first of 1, 255 and 65535 that no level exceeds, or else the highest
    level.

    Args:
        levels: ``(H, W)`` float32, from :func:`cosod.io.images.read_levels`.
        name: name of the mask in error messages.

    Returns:
        bool ``(H, W)``, true where the mask marks the object.

    Raises:
        InputError: the mask marks no pixel, or all pixels.

    Example:
        >>> marked(np.array([[0, 1], [1, 0]], np.float32)).sum()
        np.int64(2)
    """
    low, high = float(levels.min()), float(levels.max())
    if low == high:
        if low in (1, 255, 65535):
            raise InputError(f"{name} marks everything; paint the object white and leave the rest black")
        value = f" (it holds nothing but the value {low:g})" if low else ""
        raise InputError(f"{name} marks nothing{value}; paint the object white on black")
    if ((levels == low) | (levels == high)).all():
        return levels == high
    full = next((full for full in (1.0, 255.0, 65535.0) if high <= full), high)
    found = levels > full / 2
    if not found.any():
        values = f" (its brightest value is {high:g} of {full:g}, and it holds more than two)"
        raise InputError(f"{name} marks nothing{values}; paint the object white on black")
    if found.all():
        raise InputError(f"{name} marks everything; paint the object white and leave the rest black")
    return found
