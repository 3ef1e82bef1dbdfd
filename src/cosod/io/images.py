"""Reading one image of any kind as an upright 8-bit sRGB array."""

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cosod.errors import DamagedImageWarning, ImageError, InputError
from cosod.io.color_profiles import to_srgb
from cosod.io.image_formats import SUFFIXES, open_pillow, unreadable
from cosod.io.levels import levels_of_array, levels_of_pillow
from cosod.io.limits import MAX_PIXELS
from cosod.io.pixels import from_array, from_pillow, is_tensor, orientation, scaled, tensor_array, turned
from cosod.io.storage import as_path, is_remote, open_binary
from cosod.io.truncated_jpeg import mended

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

#: Sides of a reduced image (see :func:`read_reduced`), at least, in sides of the square that it is shrunk to.
OVERSAMPLING = 1.25


class SupportsArray(Protocol):
    """Tensors of torch, and whatever else numpy makes an array of."""

    def __array__(self) -> np.ndarray:
        """Returns the pixels."""


#: What an image is read from, see :func:`read_image`.
ImageSource = str | os.PathLike | Image.Image | np.ndarray | bytes | bytearray | memoryview | BinaryIO | SupportsArray

#: A Pillow image that has not been decoded yet, and a file object, may be in a group twice and be read by one thread
#: at a time.
_one_at_a_time = threading.RLock()


def read_image(source: ImageSource, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads an image as ``(H, W, 3)`` uint8 sRGB, upright.

    Args:
        source: one of

            - a path or URL (see :mod:`cosod.io.storage`);
            - the bytes of a file, or a file object opened in binary mode, which is read from its start where it can
              seek;
            - a Pillow image;
            - an array ``(H, W)``, ``(H, W, 1)``, ``(H, W, 3)`` or ``(H, W, 4)`` of uint8, uint16, bool, or floats in
              [0, 1];
            - a tensor of torch of the same types, ``(C, H, W)`` as torchvision has them, ``(H, W)``, ``(H, W, C)`` or
              ``(1, C, H, W)``, of 1, 3 or 4 channels, on any device. Where both ``(C, H, W)`` and ``(H, W, C)`` fit,
              it is read as the first.
        max_pixels: maximum number of pixels; larger files and Pillow images are refused before they are decoded.

    The EXIF orientation is applied, as in image viewers, and colors are converted to sRGB if the file has an ICC
    profile. Transparent images are placed on white, gray becomes RGB, 16 bits become 8, CMYK and palettes are
    converted, and the first frame of an animation is read. A JPEG file that lacks its last bytes is read; where part of
    the image is missing with them, a :class:`cosod.errors.DamagedImageWarning` says so.

    Raises:
        ImageError: the file is missing, not an image, damaged, of an unknown kind, or larger than ``max_pixels``.

    Example:
        >>> read_image(np.zeros((48, 64), np.uint8)).shape
        (48, 64, 3)
    """
    return _read(source, max_pixels)[0]


def read_levels(source: ImageSource, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Reads the gray levels of a mask as they are stored, whatever their range, upright: float32 ``(H, W)``.

    Args:
        source, max_pixels: as for :func:`read_image`; arrays and tensors may hold whole numbers of any type too.

    Of colors the brightest channel counts; where the transparency of an image varies, it is the mask.

    Raises:
        ImageError: as :func:`read_image`.

    Example:
        >>> read_levels(np.eye(3, dtype=int)).max()
        np.float32(1.0)
    """
    return _read(source, max_pixels, reader=_LEVELS)[0]


def read_reduced(source: ImageSource, side: int, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, tuple[int, int]]:
    """Reads an image that is going to be shrunk to a square of ``side`` pixels; returns it with its height and width.

    As :func:`read_image`, but a JPEG file is decoded at a half, a quarter or an eighth of its size (its coefficients
    allow that) as long as both sides stay at least :data:`OVERSAMPLING` times ``side``: in about half the time.

    Returns:
        ``(H', W', 3)`` uint8 RGB, upright, and the upright ``(H, W)`` of the whole image.

    Example:
        >>> pixels, (height, width) = read_reduced("photo.jpg", 512)  # doctest: +SKIP
    """
    return _read(source, max_pixels, int(OVERSAMPLING * side))


def kept(source: ImageSource) -> ImageSource:
    """Returns the image in a form that can be read any number of times; a file object is replaced by its bytes.

    Raises:
        ImageError: a file object that cannot be read.

    Example:
        >>> source = kept(open("photo.jpg", "rb"))  # doctest: +SKIP
    """
    return _fetched(source) if _is_file(source) else source


def image_size(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Reads height and width of the upright image from its header alone; raises as :func:`read_image`.

    Example:
        >>> height, width = image_size("photo.jpg")  # doctest: +SKIP
    """
    try:
        with open_binary(as_path(path)) as file, open_pillow(file) as image:
            width, height = image.size
            sideways = _sideways(image)
    except Exception:
        height, width = read_image(path, max_pixels).shape[:2]
        return height, width
    return (width, height) if sideways else (height, width)


class _Reader(NamedTuple):
    """What is made of decoded Pillow images, and of arrays."""

    of_pillow: Callable[[Image.Image], np.ndarray]
    of_array: Callable[[np.ndarray], np.ndarray]


_PIXELS = _Reader(from_pillow, from_array)
_LEVELS = _Reader(levels_of_pillow, levels_of_array)


def _read(
    source: ImageSource, max_pixels: int, at_least: int | None = None, reader: _Reader = _PIXELS
) -> tuple[np.ndarray, tuple[int, int]]:
    if isinstance(source, Image.Image):
        array = _read_pillow(source, max_pixels, reader)
        return array, array.shape[:2]
    if isinstance(source, bytes | bytearray | memoryview) or _is_file(source):
        data = _fetched(source)
        return _decoded(io.BytesIO(data), "the image given as a file or its bytes", max_pixels, at_least, reader)
    if isinstance(source, str | os.PathLike) or is_remote(source):
        path = as_path(source)
        with _opened(path) as file:
            return _decoded(file, str(path), max_pixels, at_least, reader)
    array = reader.of_array(_array(source))
    return array, array.shape[:2]


def _is_file(source: Any) -> bool:
    return not isinstance(source, str | os.PathLike | Image.Image) and callable(getattr(source, "read", None))


def _fetched(source: Any) -> bytes:
    """Fetches the bytes of an encoded image that is in memory or a file object."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    try:
        with _one_at_a_time:
            with contextlib.suppress(OSError, AttributeError, io.UnsupportedOperation):  # a pipe cannot seek
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


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Opens the file of a path; what cannot be opened is an ImageError.

    Pillow is handed a file, not a path, for which it maps uncompressed TIFF into memory and gets turned ones wrong.
    """
    try:
        file = open_binary(path)
    except FileNotFoundError:
        what = "a link to a file that does not exist" if not is_remote(path) and path.is_symlink() else "no such file"
        raise ImageError(f"{path}: {what}; check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder; give an image file") from None
    except PermissionError:
        raise ImageError(f"{path}: may not be read; check its permissions") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # a name that is too long or holds a zero byte, a disk that fails
        raise ImageError(f"{path}: cannot be opened ({error}); check the path") from error
    with file:
        yield file


def _decoded(
    file: BinaryIO, name: str, max_pixels: int, at_least: int | None, reader: _Reader
) -> tuple[np.ndarray, tuple[int, int]]:
    """Decodes a file in any of the formats; returns its pixels, and height and width of the whole image."""
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
        array = _decoded_by_opencv(file, name, max_pixels, reader)
        return array, array.shape[:2]
    except MemoryError:
        raise ImageError(f"{name}: too large for the memory of this machine; reduce the image") from None
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds, SyntaxError and struct.error among them
        raise ImageError(f"{name}: damaged or truncated ({error}); replace the file") from error


def _pixels(image: Image.Image, at_least: int | None, reader: _Reader) -> tuple[np.ndarray, tuple[int, int]]:
    width, height = image.size
    if at_least and isinstance(image, JpegImageFile) and image.draft(None, (at_least, at_least)):
        array = reader.of_pillow(image)
        return array, (width, height) if _sideways(image) else (height, width)
    array = reader.of_pillow(image)
    return array, array.shape[:2]


def _mended(image: Image.Image, file: BinaryIO, name: str) -> bytes | None:
    """Completes the file of a JPEG image that breaks off near its end; None for all others."""
    if not isinstance(image, JpegImageFile):
        return None
    file.seek(0)
    found = mended(file.read())
    if found is None:
        return None
    if found.missing >= 0.005:  # less is seen by nobody
        message = f"{name}: lacks its last bytes, and with them {found.missing:.0%} of the image; replace the file"
        warnings.warn(message, DamagedImageWarning, stacklevel=2)
    return found.data


def _read_pillow(image: Image.Image, max_pixels: int, reader: _Reader) -> np.ndarray:
    name = "the Pillow image given"
    _check_size(image.size, max_pixels, name)
    try:
        with _one_at_a_time:
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
    except Exception as error:  # closed, truncated, or of a mode that cannot be converted
        raise ImageError(f"{name}: cannot be used ({error}); open it again, or replace its file") from error


def _sideways(image: Image.Image) -> bool:
    """Whether the upright image has the stored one's height for its width."""
    try:
        return orientation(image) in (5, 6, 7, 8)
    except Exception:  # damaged EXIF data, which turns nothing
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


def _decoded_by_opencv(file: BinaryIO, name: str, max_pixels: int, reader: _Reader) -> np.ndarray:
    """Decodes the kinds that Pillow does not know and OpenCV does: TIFF with floats or 16 bits a color."""
    file.seek(0)
    content = file.read()
    array = None
    if content[:4] in (b"II*\0", b"MM\0*"):
        try:
            flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
            array = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
        except cv2.error:  # OpenCV has a size limit of its own
            array = None
    if array is None:
        raise unreadable(name, content[:256])
    _check_size(array.shape[1::-1], max_pixels, name)
    profile, turn = _tiff_tags(content)
    if reader is _LEVELS:
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
    except Exception:  # damaged tags must not cost the image
        return None, 1
