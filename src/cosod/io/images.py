"""Reading one image of any kind as an upright 8-bit sRGB array."""

import contextlib
import io
import os
from typing import Any, BinaryIO, Protocol

import numpy as np
from PIL import Image

from cosod.errors import ImageError
from cosod.io.decoding import LEVELS, PIXELS, Reader, decoded, decoded_pillow, one_at_a_time, opened, sideways
from cosod.io.image_formats import SUFFIXES, open_pillow
from cosod.io.limits import MAX_PIXELS
from cosod.io.pixels import is_tensor, tensor_array
from cosod.io.storage import as_path, is_remote, open_binary

__all__ = [
    "MAX_PIXELS",
    "OVERSAMPLING",
    "SUFFIXES",
    "ImageSource",
    "image_size",
    "kept",
    "read_image",
    "read_levels",
    "read_reduced",
]

#: Minimum side of a reduced image (see :func:`read_reduced`), as a multiple of the side to which it is then shrunk.
OVERSAMPLING = 1.25


class SupportsArray(Protocol):
    """Objects that NumPy can convert to an array, such as PyTorch tensors."""

    def __array__(self) -> np.ndarray:
        """Returns the pixels."""


#: The types from which an image can be read, see :func:`read_image`.
ImageSource = str | os.PathLike | Image.Image | np.ndarray | bytes | bytearray | memoryview | BinaryIO | SupportsArray


def read_image(source: ImageSource, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image as ``(H, W, 3)`` uint8 sRGB, upright.

    Args:
        source: one of

            - a path or URL (see :mod:`cosod.io.storage`);
            - the bytes of a file, or a file object opened in binary mode, which is read from its start if it is
              seekable;
            - a Pillow image;
            - an array ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or ``(H, W, 4)`` of uint8, uint16, bool, or floats in
              [0, 1];
            - a PyTorch tensor of the same types, ``(C, H, W)`` as in torchvision, ``(H, W)``, ``(H, W, C)`` or
              ``(1, C, H, W)``, with 1, 3 or 4 channels, on any device. A shape that fits both ``(C, H, W)`` and
              ``(H, W, C)`` is taken for ``(C, H, W)``.
        max_pixels: maximum number of pixels; larger files and Pillow images are refused before they are decoded.

    The EXIF orientation is applied, as in image viewers, and colors are converted to sRGB if the file has an ICC
    profile. Transparent images are placed on white, grayscale images become RGB, 16 bits per channel become 8, CMYK and
    palette images are converted, and the first frame of an animation is read. A JPEG file that lacks only its last
    bytes is read too; if part of the image is missing with them, a :class:`cosod.errors.DamagedImageWarning` is issued.

    Raises:
        ImageError: the file is missing, not an image, damaged, of an unknown kind, or larger than ``max_pixels``.

    Example:
        >>> read_image(np.zeros((48, 64), np.uint8)).shape
        (48, 64, 3)
    """
    return _read(source, max_pixels)[0]


def read_levels(source: ImageSource, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads the gray levels of a mask, upright, without rescaling them.

    If the opacity (alpha) channel of the image varies, it is the mask; otherwise the brightest color channel is.

    Args:
        source: as for :func:`read_image`; arrays and tensors may also hold integers of any type, and any finite floats.
        max_pixels: as for :func:`read_image`.

    Returns:
        float32 ``(H, W)``, in the range that the file or the array has.

    Raises:
        ImageError: the mask cannot be read, see :func:`read_image`.

    Example:
        >>> read_levels(np.eye(3, dtype=int)).max()
        np.float32(1.0)
    """
    return _read(source, max_pixels, reader=LEVELS)[0]


def read_reduced(source: ImageSource, side: int, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, tuple[int, int]]:
    """Reads an image that is going to be shrunk to about ``side`` pixels, in less time than :func:`read_image`.

    A JPEG file is decoded at a half, a quarter or an eighth of its size, as long as both sides stay at least
    :data:`OVERSAMPLING` times ``side``; this takes about half the time. Other images are read at their full size.

    Args:
        source: as for :func:`read_image`.
        side: side in pixels to which the image is going to be shrunk.
        max_pixels: as for :func:`read_image`; it limits the size of the whole image.

    Returns:
        The upright image ``(H', W', 3)`` uint8 sRGB, and the upright ``(H, W)`` of the whole image in pixels.

    Raises:
        ImageError: the image cannot be read, see :func:`read_image`.

    Example:
        >>> pixels, (height, width) = read_reduced("photo.jpg", 512)  # doctest: +SKIP
    """
    return _read(source, max_pixels, int(OVERSAMPLING * side))


def kept(source: ImageSource) -> ImageSource:
    """Returns the image in a form that can be read any number of times; a file object is replaced by its bytes.

    Raises:
        ImageError: the file object cannot be read.

    Example:
        >>> source = kept(open("photo.jpg", "rb"))  # doctest: +SKIP
    """
    return _fetched(source) if _is_file(source) else source


def image_size(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Reads the height and width of an upright image, from the header of the file where possible.

    If the header alone cannot be read, the whole image is decoded.

    Args:
        path: path or URL of the image.
        max_pixels: maximum number of pixels of an image that has to be decoded.

    Returns:
        ``(height, width)`` in pixels.

    Raises:
        ImageError: the image cannot be read, see :func:`read_image`.

    Example:
        >>> height, width = image_size("photo.jpg")  # doctest: +SKIP
    """
    try:
        with open_binary(as_path(path)) as file, open_pillow(file) as image:
            width, height = image.size
            exchanged = sideways(image)
    except Exception:
        height, width = read_image(path, max_pixels).shape[:2]
        return height, width
    return (width, height) if exchanged else (height, width)


def _read(
    source: ImageSource, max_pixels: int, at_least: int | None = None, reader: Reader = PIXELS
) -> tuple[np.ndarray, tuple[int, int]]:
    if isinstance(source, Image.Image):
        array = decoded_pillow(source, max_pixels, reader)
        return array, array.shape[:2]
    if isinstance(source, bytes | bytearray | memoryview) or _is_file(source):
        data = _fetched(source)
        return decoded(io.BytesIO(data), "the image given as a file or its bytes", max_pixels, at_least, reader)
    if isinstance(source, str | os.PathLike) or is_remote(source):
        path = as_path(source)
        with opened(path) as file:
            return decoded(file, str(path), max_pixels, at_least, reader)
    array = reader.of_array(_array(source))
    return array, array.shape[:2]


def _is_file(source: Any) -> bool:
    return not isinstance(source, str | os.PathLike | Image.Image) and callable(getattr(source, "read", None))


def _fetched(source: Any) -> bytes:
    """Fetches the bytes of an encoded image that is in memory or a file object."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    try:
        with one_at_a_time:
            with contextlib.suppress(OSError, AttributeError, io.UnsupportedOperation):  # a pipe is not seekable
                source.seek(0)
            data = source.read()
    except Exception as error:
        raise ImageError(f"the file object given cannot be read ({error}); open it again") from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ImageError("the file object given is open as text; open it in binary mode, as open(path, 'rb')")
    return bytes(data)


def _array(source: Any) -> np.ndarray:
    if isinstance(source, np.ndarray):
        return source
    if is_tensor(source):
        return tensor_array(source)
    if not hasattr(source, "__array__"):
        kinds = "a path, a Pillow image, an array, a tensor, a file object or the bytes of a file"
        raise ImageError(f"cannot read an image from {type(source).__name__}; give {kinds}")
    try:
        return np.asarray(source)
    except Exception as error:
        raise ImageError(f"the image given cannot be converted to an array ({error}); give a numpy array") from error
