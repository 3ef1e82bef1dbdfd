"""Decoding one image file or Pillow image; errors state the cause of the failure in one sentence."""

import contextlib
import io
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cosod.errors import DamagedImageWarning, ImageError, InputError
from cosod.io.color_profiles import to_srgb
from cosod.io.image_formats import open_pillow, unreadable
from cosod.io.levels import levels_of_array, levels_of_pillow
from cosod.io.other_kinds import HEAD
from cosod.io.pixels import from_array, from_pillow, orientation, scaled, turned
from cosod.io.storage import nothing_at, open_binary
from cosod.io.truncated_jpeg import mended

#: Lock for decoding Pillow images and reading file objects. A group may contain the same object twice, and only one
#: thread at a time may read it.
one_at_a_time = threading.RLock()


class Reader(NamedTuple):
    """The functions that convert decoded Pillow images and arrays to the result: pixels, or the levels of a mask."""

    of_pillow: Callable[[Image.Image], np.ndarray]
    of_array: Callable[[np.ndarray], np.ndarray]


PIXELS = Reader(from_pillow, from_array)
LEVELS = Reader(levels_of_pillow, levels_of_array)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Opens the file at a path for Pillow, as a context manager that closes it.

    Pillow gets an open file instead of a path, because it maps an uncompressed TIFF file that is given by its path into
    memory, and then decodes rotated images wrongly.

    Args:
        path: path on this machine or in an object store.

    Raises:
        ImageError: the file cannot be opened.
        InputError: the object store does not answer.

    Example:
        >>> with opened(Path("photo.jpg")) as file:  # doctest: +SKIP
        ...     first_bytes = file.read(32)
    """
    try:
        file = open_binary(path)
    except FileNotFoundError:
        raise ImageError(nothing_at(path, "file")) from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder; give an image file") from None
    except PermissionError:
        raise ImageError(f"{path}: may not be read; check its permissions") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # for instance a name that is too long or has a zero byte, or a disk error
        raise ImageError(f"{path}: cannot be opened ({error}); check the path") from error
    with file:
        yield file


def decoded(
    file: BinaryIO, name: str, max_pixels: int, at_least: int | None, reader: Reader
) -> tuple[np.ndarray, tuple[int, int]]:
    """Decodes a file in any of the formats of :mod:`cosod.io.image_formats`.

    Args:
        file: file object, positioned at its start.
        name: name of the image in messages.
        max_pixels: maximum number of pixels.
        at_least: minimum side in pixels to which a JPEG file may be reduced while it is decoded; None decodes it at its
            full size.
        reader: conversion of the decoded image.

    Returns:
        The result of ``reader``, and the height and width of the whole upright image.

    Raises:
        ImageError: the file is not an image, damaged, or larger than ``max_pixels``.

    Example:
        >>> with opened(Path("photo.jpg")) as file:  # doctest: +SKIP
        ...     pixels, (height, width) = decoded(file, "photo.jpg", 10**8, None, PIXELS)
    """
    try:
        with open_pillow(file) as image:
            _check_size(image.size, max_pixels, name)
            try:
                return _pixels(image, at_least, reader)
            except OSError:
                whole = _mended(image, file, name)
                if whole is None:
                    raise
        with open_pillow(io.BytesIO(whole)) as image:
            return _pixels(image, at_least, reader)
    except UnidentifiedImageError:
        array = _by_opencv(file, name, max_pixels, reader)
        return array, array.shape[:2]
    except MemoryError:
        raise ImageError(f"{name}: too large for the memory of this machine; reduce the image") from None
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many kinds, such as SyntaxError and struct.error
        raise ImageError(f"{name}: damaged or truncated ({error}); replace the file") from error


def _pixels(image: Image.Image, at_least: int | None, reader: Reader) -> tuple[np.ndarray, tuple[int, int]]:
    width, height = image.size
    if at_least and isinstance(image, JpegImageFile) and image.draft(None, (at_least, at_least)):
        array = reader.of_pillow(image)
        return array, (width, height) if sideways(image) else (height, width)
    array = reader.of_pillow(image)
    return array, array.shape[:2]


def _mended(image: Image.Image, file: BinaryIO, name: str) -> bytes | None:
    """Returns the completed file of a JPEG image that is truncated near its end; None for other images."""
    if not isinstance(image, JpegImageFile):
        return None
    file.seek(0)
    found = mended(file.read())
    if found is None:
        return None
    if found.missing >= 0.005:  # a smaller gap is not visible
        message = f"{name}: lacks its last bytes, and with them {found.missing:.0%} of the image; replace the file"
        warnings.warn(message, DamagedImageWarning, stacklevel=2)
    return found.data


def decoded_pillow(image: Image.Image, max_pixels: int, reader: Reader) -> np.ndarray:
    """Decodes a Pillow image completely.

    Args:
        image: the image.
        max_pixels: maximum number of pixels.
        reader: conversion of the decoded image.

    Returns:
        The result of ``reader``.

    Raises:
        ImageError: the image is closed, damaged, of a mode that cannot be converted, or larger than ``max_pixels``.

    Example:
        >>> decoded_pillow(Image.new("RGB", (4, 3)), 100, PIXELS).shape
        (3, 4, 3)
    """
    name = "the Pillow image given"
    _check_size(image.size, max_pixels, name)
    try:
        with one_at_a_time:
            try:
                image.load()
            except OSError:
                file = getattr(image, "fp", None)
                whole = _mended(image, file, name) if file is not None else None
                if whole is None:
                    raise
                image = open_pillow(io.BytesIO(whole))
            return reader.of_pillow(image)
    except MemoryError:
        raise ImageError(f"{name}: too large for the memory of this machine; reduce the image") from None
    except InputError:
        raise
    except Exception as error:  # the image is closed, truncated, or of a mode that cannot be converted
        raise ImageError(f"{name}: cannot be used ({error}); open it again, or replace its file") from error


def sideways(image: Image.Image) -> bool:
    """Returns whether the EXIF orientation exchanges the width and the height of the stored image.

    Example:
        >>> sideways(Image.new("RGB", (4, 3)))
        False
    """
    try:
        return orientation(image) in (5, 6, 7, 8)
    except Exception:  # damaged EXIF data is ignored
        return False


def _check_size(size: tuple[int, int], max_pixels: int, name: str) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} is over the limit of {max_pixels:,} pixels; "
            "raise the limit (--max-pixels) if you trust the file"
        )
    if width == 0 or height == 0:
        raise ImageError(f"{name}: the image has no pixels")


def _by_opencv(file: BinaryIO, name: str, max_pixels: int, reader: Reader) -> np.ndarray:
    """Decodes TIFF files that OpenCV supports and Pillow does not: those with floats or 16 bits per color channel.

    Raises:
        ImageError: OpenCV cannot decode the file either.
    """
    file.seek(0)
    content = file.read()
    array = None
    if content[:4] in (b"II*\0", b"MM\0*"):
        try:
            flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
            array = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        except cv2.error:  # OpenCV has its own limit on the size of images
            array = None
    if array is None:
        raise unreadable(name, content[:HEAD])
    _check_size(array.shape[1::-1], max_pixels, name)
    profile, turn = _tiff_tags(content)
    if reader is LEVELS:
        return turned(reader.of_array(array), turn)
    array = reader.of_array(scaled(array) if array.dtype.kind == "f" else array)
    if profile:
        array = np.array(to_srgb(Image.fromarray(array), profile))
    return np.ascontiguousarray(turned(array, turn))


def _tiff_tags(content: bytes) -> tuple[bytes | None, int]:
    """Reads the ICC profile and EXIF orientation of a TIFF file."""
    icc_profile, turn = 34675, 274
    try:
        tags = ImageFileDirectory_v2(content[:8])
        file = io.BytesIO(content)
        file.seek(tags.next)
        tags.load(file)
        return tags.get(icc_profile), int(tags.get(turn, 1))
    except Exception:  # damaged tags do not prevent decoding
        return None, 1
