"""Reading maps and truths as 8-bit grey, the way the toolboxes see them."""

import io
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cosod.errors import ImageError

#: Files with these endings are maps or truths; others in the folders are passed over.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
_PNG = b"\x89PNG\r\n\x1a\n"


def read_grey(path: str | os.PathLike) -> tuple[np.ndarray, str | None]:
    """A file as 8-bit grey.

    EXIF orientation and transparency are left alone, as Pillow's ``convert("L")`` leaves them.

    Returns:
        uint8, (H, W), and what was converted: None, ``colour`` (to luminance), ``16-bit`` or ``float``.

    Raises:
        ImageError: missing, unreadable, damaged, or with values that are no grey levels (NaN, outside [0, 1]).
    """
    try:
        data = Path(path).read_bytes()
        if data.startswith(_PNG) and data[-8:-4] == b"IEND":
            levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if levels is not None and levels.ndim == 2:
                return (levels, None) if levels.dtype == np.uint8 else (_from_16_bit(levels), "16-bit")
        with Image.open(io.BytesIO(data)) as image:
            return _grey(image, path)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path") from None
    except Exception as error:  # Pillow's decoders raise many kinds of errors on damaged files
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error)
        raise ImageError(f"{path}: cannot be read as an image ({_short(reason)}); replace the file") from error


def _grey(image: Image.Image, path) -> tuple[np.ndarray, str | None]:
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")), None
    if image.mode == "F":
        return _from_float(np.asarray(image), path), "float"
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(f"{path}: holds values from {values.min()} to {values.max()}; save it with 8 bits")
        return (values.astype(np.uint8), None) if values.max() < 256 else (_from_16_bit(values), "16-bit")
    grey = np.asarray(image.convert("L"))
    colours = np.asarray(image.convert("RGB"))
    same = (colours[..., 0] == colours[..., 1]).all() and (colours[..., 1] == colours[..., 2]).all()
    return grey, None if same and image.mode in ("P", "LA") else "colour"


def _from_16_bit(values: np.ndarray) -> np.ndarray:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _from_float(values: np.ndarray, path) -> np.ndarray:
    if not np.isfinite(values).all():
        share = 100 * np.mean(~np.isfinite(values))
        raise ImageError(f"{path}: {share:.1f} % of its values are NaN or infinite; look at what wrote the map")
    if values.min() < 0 or values.max() > 1:
        raise ImageError(f"{path}: holds floats outside [0, 1]; save it as 8-bit PNG")
    return np.round(values * 255).astype(np.uint8)


def _short(reason: str) -> str:
    # Pillow names the in-memory file object, which says nothing to the user.
    return "no image format that Pillow knows" if "cannot identify" in reason else reason
