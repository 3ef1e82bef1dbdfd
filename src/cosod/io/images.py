"""Reading one image, whatever it is, as an upright 8-bit RGB array."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from cosod.errors import ImageError, InputError
from cosod.io.storage import as_path, is_remote, open_binary

#: Files with these endings are taken for images when a folder is searched.
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .webp .bmp .dib .tif .tiff .gif .ppm .pgm .pbm .pnm".split()  # noqa: SIM905
)

#: Images of more pixels are refused unless the caller raises the limit (600 MB as RGB).
MAX_PIXELS = 200_000_000

#: Sides of a reduced image (see :func:`read_reduced`), at least, in sides of the square that it is shrunk to.
OVERSAMPLING = 1.25

ImageSource = str | os.PathLike | Image.Image | np.ndarray

_pillow_limit = threading.Lock()


def read_image(source: ImageSource, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """An image as ``(H, W, 3)`` uint8 RGB, upright.

    Args:
        source: a path or URL (see :mod:`cosod.io.storage`), a Pillow image, or an array: ``(H, W)``, ``(H, W, 1)``,
            ``(H, W, 3)`` or ``(H, W, 4)`` of uint8, uint16, bool, or floats in [0, 1].
        max_pixels: larger images are refused before they are decoded.

    The EXIF orientation is applied, so that the result is what viewers show. Transparency is laid over white,
    grey becomes RGB, 16 bits become 8, CMYK and palettes are converted, of an animation the first frame is
    taken.

    Raises:
        ImageError: the file is missing, no image, damaged, or larger than ``max_pixels``.
        InputError: an array or object of another kind.
    """
    return _read(source, max_pixels, None)[0]


def read_reduced(source: ImageSource, side: int, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, tuple[int, int]]:
    """An image that is going to be shrunk to a square of ``side`` pixels, and its height and width.

    As :func:`read_image`, but a JPEG file is decoded at a half, a quarter or an eighth of its size (its coefficients
    allow that) as long as both sides stay at least :data:`OVERSAMPLING` times ``side``: in about half the time.

    Returns:
        ``(H', W', 3)`` uint8 RGB, upright, and the upright ``(H, W)`` of the whole image.
    """
    return _read(source, max_pixels, int(OVERSAMPLING * side))


def _read(source: ImageSource, max_pixels: int, at_least: int | None) -> tuple[np.ndarray, tuple[int, int]]:
    if isinstance(source, np.ndarray):
        array = _from_array(source)
        return array, array.shape[:2]
    if isinstance(source, Image.Image):
        _check_size(source.size, max_pixels, "the image given")
        array = _from_pillow(source)
        return array, array.shape[:2]
    if not isinstance(source, str | os.PathLike) and not is_remote(source):
        raise InputError(f"cannot read an image from {type(source).__name__}; give a path, a Pillow image or an array")
    path = as_path(source)
    try:
        with _open(path) as image:
            _check_size(image.size, max_pixels, str(path))
            width, height = image.size
            if at_least and isinstance(image, JpegImageFile) and image.draft(None, (at_least, at_least)):
                array = _from_pillow(image)
                return array, (width, height) if _turned(image) else (height, width)
            array = _from_pillow(image)
            return array, array.shape[:2]
    except UnidentifiedImageError:
        array = _read_by_opencv(path, max_pixels)
        return array, array.shape[:2]
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, an image is needed here") from None
    except PermissionError:
        raise ImageError(f"{path}: may not be read; check its permissions") from None
    except MemoryError:
        raise ImageError(f"{path}: too large for the memory of this machine; reduce the image") from None
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds, SyntaxError and struct.error among them
        raise ImageError(f"{path}: damaged or truncated ({error}); replace the file") from error


def image_size(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width of the upright image, from its header alone; raises as :func:`read_image`."""
    try:
        with _open(as_path(path)) as image:
            width, height = image.size
            turned = _turned(image)
    except Exception:
        height, width = read_image(path, max_pixels).shape[:2]
        return height, width
    return (width, height) if turned else (height, width)


def _orientation(image: Image.Image) -> int:
    """How EXIF data say that an image is stored: 1 is upright. Damaged data raise errors of many kinds."""
    return image.getexif().get(0x0112, 1)


def _turned(image: Image.Image) -> bool:
    """Whether the upright image has the stored one's height for its width."""
    try:
        return _orientation(image) in (5, 6, 7, 8)
    except Exception:  # damaged EXIF data, which turns nothing
        return False


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Image.Image]:
    """Pillow's open, without its global limit on the size: this package has its own.

    Pillow is handed a file, not a path, for which it maps uncompressed TIFF into memory and gets turned ones wrong.
    """
    with open_binary(path) as file:
        with _pillow_limit:
            before = Image.MAX_IMAGE_PIXELS
            Image.MAX_IMAGE_PIXELS = None
            try:
                image = Image.open(file)
            finally:
                Image.MAX_IMAGE_PIXELS = before
        with image:
            yield image


def _check_size(size: tuple[int, int], max_pixels: int, name: str) -> None:
    width, height = size
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} is over the limit of {max_pixels:,} pixels; "
            "raise the limit (--max-pixels) if you trust the file"
        )
    if width == 0 or height == 0:
        raise ImageError(f"{name}: the image has no pixels")


def _from_pillow(image: Image.Image) -> np.ndarray:
    image.load()  # TIFF turns itself when loaded, which changes size and orientation
    mode = image.mode
    if mode.startswith("I;16") or mode in ("I", "F"):
        # Greyscale of more than 8 bits: Pillow's own conversion would clip it at 255.
        array = _from_array(_scaled(np.asarray(image)))
        return np.ascontiguousarray(_turn(array, _orientation(image)))
    with contextlib.suppress(Exception):  # damaged EXIF data must not cost the image
        if _orientation(image) in range(2, 9):  # of what is upright it would make a copy
            image = ImageOps.exif_transpose(image)
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def _scaled(array: np.ndarray) -> np.ndarray:
    """Grey values of unknown depth as floats in [0, 1]: the depth is the smallest usual one that holds them."""
    values = np.nan_to_num(array.astype(np.float32))
    top = values.max(initial=0.0)
    depth = next((d for d in (1.0, 255.0, 65535.0) if top <= d), max(top, 1.0))
    if array.dtype == np.uint16:
        depth = 65535.0
    return (values / depth).clip(0, 1)


def _turn(array: np.ndarray, orientation: int) -> np.ndarray:
    """The eight EXIF orientations, for arrays that Pillow cannot turn."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise InputError(f"an image array of shape {array.shape}; give (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)")
    if array.dtype == np.uint16:
        array = (array.astype(np.float32) / 257).round().astype(np.uint8)
    elif array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise InputError("an image array of floats must lie in [0, 1]; divide by its range first")
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype != np.uint8:
        raise InputError(f"an image array of {array.dtype}; give uint8, uint16, bool, or floats in [0, 1]")
    if array.shape[2] == 4:
        alpha = array[..., 3:].astype(np.float32) / 255
        array = (array[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array)


def _read_by_opencv(path: Path, max_pixels: int) -> np.ndarray:
    """Kinds that Pillow does not know and OpenCV does: TIFF with 16 bits a colour, above all."""
    with open_binary(path) as file:
        data = np.frombuffer(file.read(), np.uint8)
    array = None
    if data[:4].tobytes() in (b"II*\0", b"MM\0*"):
        try:
            array = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR_RGB)
        except cv2.error:  # OpenCV has a size limit of its own
            array = None
    if array is None:
        raise ImageError(f"{path}: not an image, or of a kind that cannot be read; convert it to JPEG or PNG")
    _check_size(array.shape[1::-1], max_pixels, str(path))
    return _from_array(_scaled(array) if np.issubdtype(array.dtype, np.floating) else array)
