"""Reading maps and truths as 8-bit gray, the way the toolboxes see them, and masks in the other ways they are saved."""

import io
import os
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from cosod.errors import ImageError
from cosod.evaluation import mask_colors
from cosod.io.image_formats import SUFFIXES as SUFFIXES  # which files of a folder are maps or truths

_PNG = b"\x89PNG\r\n\x1a\n"
#: A truth whose levels are all below this one, and more than two, numbers objects rather than marks one.
_LABELS_BELOW = 32


class Levels(NamedTuple):
    """An image as gray levels.

    Attributes:
        levels: uint8, (H, W).
        kinds: what a user should know about the file, as kinds of :class:`cosod.evaluation.notices.Notices`.
    """

    levels: np.ndarray
    kinds: tuple[str, ...] = ()


def read_map(path: str | os.PathLike) -> Levels:
    """Read a map as 8-bit gray.

    Colors become luminance, and the EXIF orientation is left alone, as Pillow's ``convert("L")`` does. A map of black
    and one color becomes black and white, and a map that is kept in the transparency of an image of one color is
    read from there. An image of 16 bits that holds no level above 255 is taken for one of 8 bits.

    Example:
        >>> levels, kinds = read_map("maps/mug/1.png")  # doctest: +SKIP

    Raises:
        ImageError: the file is missing, unreadable or damaged, or holds values that are no gray levels (NaN, negative).
    """
    image, kinds = _decoded(path, truth=False)
    if image.max() == 1:
        kinds += ("zero_one_map",)
    return Levels(image, kinds)


def read_truth(path: str | os.PathLike) -> Levels:
    """Read a truth as 8-bit gray, where 255 is the object.

    In addition to what :func:`read_map` does, masks of 0 and 1 become masks of 0 and 255, a mask in the transparency
    of a cut-out photo is read from there, and of a picture in a few colors whatever is not black is the object. What
    can be read in several ways is read as the toolboxes do, and named.

    Example:
        >>> levels, kinds = read_truth("gts/mug/1.png")  # doctest: +SKIP

    Raises:
        ImageError: as :func:`read_map`.
    """
    levels, kinds = _decoded(path, truth=True)
    highest = int(levels.max())
    if highest == 0:
        return Levels(levels, (*kinds, "empty"))
    if highest == 1:
        lossy = Path(path).suffix.lower() in (".jpg", ".jpeg", ".jpe", ".jfif", ".webp")
        if lossy and levels.min() == 0:  # faint traces of compression in an empty truth look the same
            return Levels(levels, (*kinds, "faint"))
        levels, kinds = levels * np.uint8(255), (*(k for k in kinds if k != "shallow"), "zero_one")
    if levels.min() == 255:
        return Levels(levels, (*kinds, "full"))
    if 1 < highest < _LABELS_BELOW:
        return Levels(levels, (*kinds, "labels"))
    return Levels(levels, kinds)


def read_gray(path: str | os.PathLike) -> tuple[np.ndarray, str | None]:
    """Read a file as 8-bit gray, whatever it is of.

    Returns:
        uint8, (H, W), and what was converted: None, ``color`` (to luminance), ``16-bit`` or ``float``.

    Raises:
        ImageError: as :func:`read_map`.
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
            # Pillow would keep only the upper eight bits of colors.
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
    # Pillow names the in-memory file object, which says nothing to the user.
    return "no image format that Pillow knows" if "cannot identify" in reason else reason
