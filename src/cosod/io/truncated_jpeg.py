"""Completing JPEG files whose last bytes are missing, for instance after an interrupted download or copy."""

import io
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

#: Largest share of an image that may be missing at its end. Decoders fill this part with the last color before it.
TOLERANCE = 0.1
_END = b"\xff\xd9"


class Mended(NamedTuple):
    """A JPEG file that was completed.

    Attributes:
        data: bytes of the file, with the end-of-image marker.
        missing: share of the image that is missing, from 0 to :data:`TOLERANCE`.
    """

    data: bytes
    missing: float


def mended(data: bytes) -> Mended | None:
    """Completes a JPEG file that lacks its last bytes, if only a small part of the image is missing.

    The file does not say how much is missing, so the function measures it. It decodes the file twice, with different
    bytes in place of the missing ones. The part of the image before the gap is the same in both results, so the first
    difference between them shows where the image breaks off.

    Args:
        data: bytes of the truncated file.

    Returns:
        The completed file; None if more than :data:`TOLERANCE` of the image is missing, if ``data`` is not a JPEG
        file, or if the file is damaged in another way.

    Example:
        >>> whole = mended(Path("photo.jpg").read_bytes()[:-2]).data  # doctest: +SKIP
    """
    if not data.startswith(b"\xff\xd8") or not _has_all_scans(data):
        return None
    data = data[:-1] if data.endswith(b"\xff") else data
    noise = np.random.default_rng(0).integers(0, 255, 4096, dtype=np.uint8).tobytes()
    one, other = _gray(data + _END), _gray(data + noise + _END)
    if one is None or other is None or one.shape != other.shape:
        return None
    different = _cells(one != other)
    missing = 1 - different.argmax() / different.size if different.any() else 0.0
    return Mended(data + _END, float(missing)) if missing <= TOLERANCE else None


def _has_all_scans(data: bytes) -> bool:
    """Returns whether the file contains the start of the last scan of every color component.

    A progressive JPEG file stores the image in several scans of increasing accuracy. Without the start of the last
    scan, the whole image lacks detail, not only its end.
    """
    colors, done = 0, set()
    for found in re.finditer(rb"\xff([\xc0-\xc2\xda])", data):
        start = found.end() + 2
        if found[1] != b"\xda":
            colors = colors or int.from_bytes(data[start + 5 : start + 6])
            continue
        count = int.from_bytes(data[start : start + 1])
        _, last, bits = data[start + 1 + 2 * count : start + 4 + 2 * count].ljust(3, b"\xff")
        if last == 63 and bits & 15 == 0:  # the scan stores the highest frequencies, down to the last bit
            done |= {data[start + 1 + 2 * color] for color in range(count)}
    return 0 < colors <= len(done)


def _gray(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.draft("L", image.size)
            return np.asarray(image.convert("L"))
    except Exception:  # the file is damaged in other ways too
        return None


def _cells(different: np.ndarray) -> np.ndarray:
    """Returns for each block of 16 x 16 pixels whether any pixel differs, in the order in which JPEG stores blocks."""
    height, width = different.shape
    padded = np.pad(different, ((0, -height % 16), (0, -width % 16)))
    return padded.reshape(padded.shape[0] // 16, 16, padded.shape[1] // 16, 16).any(axis=(1, 3)).ravel()
