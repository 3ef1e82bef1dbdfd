"""Reading of maps and truths as 8-bit gray images, as the toolboxes read them.

Masks that were saved in other ways, such as with the levels 0 and 1, in color or in an alpha channel, are read as well.
"""

import io
import os
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from cosod.errors import ImageError
from cosod.evaluation import mask_colors
from cosod.io.image_formats import SUFFIXES as SUFFIXES  # suffixes of the files that can be maps or truths

_PNG = b"\x89PNG\r\n\x1a\n"
#: A truth whose highest level is above 1 and below this is likely to hold the numbers of several objects.
_LABELS_BELOW = 32


class Levels(NamedTuple):
    """The gray levels of an image.

    Attributes:
        levels: uint8, ``(H, W)``.
        kinds: what to tell the user about the file, as kinds of :class:`cosod.evaluation.notices.Notices`.
    """

    levels: np.ndarray
    kinds: tuple[str, ...] = ()


def read_map(path: str | os.PathLike) -> Levels:
    """Reads a map as an 8-bit gray image.

    Colors are converted to luminance and the EXIF orientation is ignored, as by Pillow's ``convert("L")``. A map of
    black and one color becomes black and white, and a map that is stored in the alpha channel of an image of one color
    is read from that channel. A 16-bit image without a level above 255 is read as an 8-bit image.

    Raises:
        ImageError: the file is missing, unreadable or damaged, or holds values that are not gray levels, such as NaN or
            negative values.

    Example:
        >>> levels, kinds = read_map("maps/mug/1.png")  # doctest: +SKIP
    """
    image, kinds = _decoded(path, truth=False)
    if image.max() == 1:
        kinds += ("zero_one_map",)
    return Levels(image, kinds)


def read_truth(path: str | os.PathLike) -> Levels:
    """Reads a truth as an 8-bit gray image, where 255 is the object.

    Truths are read as by :func:`read_map`, with these additions: masks with the levels 0 and 1 become masks of 0 and
    255, a mask in the alpha channel of a cut-out photo is read from that channel, and in an image of black and a few
    colors everything that is not black is the object. A mask that could be read in several ways is read as the
    toolboxes read it, and the kinds tell so.

    Raises:
        ImageError: the file cannot be read, as in :func:`read_map`.

    Example:
        >>> levels, kinds = read_truth("gts/mug/1.png")  # doctest: +SKIP
    """
    levels, kinds = _decoded(path, truth=True)
    highest = int(levels.max())
    if highest == 0:
        return Levels(levels, (*kinds, "empty"))
    if highest == 1:
        lossy = Path(path).suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif", ".webp")
        if lossy and levels.min() == 0:  # an empty truth with faint traces of compression looks the same
            return Levels(levels, (*kinds, "faint"))
        levels, kinds = levels * np.uint8(255), (*(k for k in kinds if k != "shallow"), "zero_one")
    if levels.min() == 255:
        return Levels(levels, (*kinds, "full"))
    if 1 < highest < _LABELS_BELOW:
        return Levels(levels, (*kinds, "labels"))
    return Levels(levels, kinds)


def read_gray(path: str | os.PathLike) -> tuple[np.ndarray, str | None]:
    """Reads an image as an 8-bit gray image, as :func:`read_map` does, and tells what was converted.

    Returns:
        The levels, uint8, ``(H, W)``, and what was converted to 8-bit gray: ``"color"``, ``"16-bit"``, ``"float"``, or
        None for an 8-bit gray image.

    Raises:
        ImageError: the file cannot be read, as in :func:`read_map`.

    Example:
        >>> levels, converted = read_gray("maps/mug/1.png")  # doctest: +SKIP
    """
    levels, kinds = _decoded(path, truth=False)
    if "color_map" in kinds or "colored_map" in kinds:
        return levels, "color"
    return levels, "16-bit" if "depth" in kinds else "float" if "float" in kinds else None


def _decoded(path: str | os.PathLike, truth: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    try:
        data = Path(path).read_bytes()
        if not data:
            raise ImageError(f"{path}: the file is empty; replace it")
        if data.startswith(_PNG) and data[-8:-4] == b"IEND":
            levels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if levels is not None and levels.ndim == 2:
                return (levels, ()) if levels.dtype == np.uint8 else _from_16_bit(levels)
            colored = levels is not None and levels.dtype == np.uint16 and levels.shape[2] == 3
            # Pillow would keep only the upper eight bits of each 16-bit color channel.
            if colored and levels is not None and (levels == levels[..., :1]).all():
                return _from_16_bit(np.ascontiguousarray(levels[..., 0]))
        with Image.open(io.BytesIO(data)) as image:
            return _from_pillow(image, path, truth)
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path") from None
    except Exception as error:  # Pillow's decoders raise many kinds of errors on damaged files
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error)
        raise ImageError(f"{path}: cannot be read as an image ({_short(reason)}); replace the file") from error


def _from_pillow(image: Image.Image, path: str | os.PathLike, truth: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image.convert("L")), ()
    if image.mode == "F":
        return _from_float(np.asarray(image), path)
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(f"{path}: holds values from {values.min()} to {values.max()}; save it with 8 bits")
        return _from_16_bit(values)
    return mask_colors.levels_of(image, truth)


def _from_16_bit(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    if values.max() < 256:
        return values.astype(np.uint8), ("shallow",)
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8), ("depth",)


def _from_float(values: np.ndarray, path: str | os.PathLike) -> tuple[np.ndarray, tuple[str, ...]]:
    if not np.isfinite(values).all():
        share = 100 * np.mean(~np.isfinite(values))
        raise ImageError(f"{path}: {share:.1f} % of its values are NaN or infinite; look at what wrote the map")
    if values.min() >= 0 and 1 < values.max() <= 255 and (values == np.floor(values)).all() and values.max() > 127:
        return values.astype(np.uint8), ("float",)  # whole numbers of 8 bits, kept as floats
    if values.min() < 0 or values.max() > 1:
        raise ImageError(f"{path}: holds floats outside [0, 1]; save it as 8-bit PNG")
    return np.round(values * 255).astype(np.uint8), ("float",)


def _short(reason: str) -> str:
    # Pillow's message names the in-memory file object, which means nothing to the user.
    return "no image format that Pillow knows" if "cannot identify" in reason else reason
