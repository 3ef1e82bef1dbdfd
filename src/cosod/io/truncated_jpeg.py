"""JPEG files that lack their last bytes, as broken downloads and copies leave them."""

import io
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

#: Share of an image that may be missing at its end; decoders fill it with the color before it.
TOLERANCE = 0.1
_END = b"\xff\xd9"


class Mended(NamedTuple):
    """A file with an end, and the share of its image, at most :data:`TOLERANCE`, that is missing."""

    data: bytes
    missing: float


def mended(data: bytes) -> Mended | None:
    """Returns the file with an end, if hardly anything of the image is missing; None where more is, or it is no JPEG.

    How much is missing is measured, because nothing in the file says it: whatever is put in place of the missing
    bytes, the part before them is decoded alike, so that the first difference between two fillings shows where the
    image breaks off.

    Args:
        data: the file as it is.

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
    """Whether the last scan of every color begins somewhere: a progressive file refines its image scan by scan."""
    colors, done = 0, set()
    for found in re.finditer(rb"\xff([\xc0-\xc2\xda])", data):
        start = found.end() + 2
        if found[1] != b"\xda":
            colors = colors or int.from_bytes(data[start + 5 : start + 6])
            continue
        count = int.from_bytes(data[start : start + 1])
        _, last, bits = data[start + 1 + 2 * count : start + 4 + 2 * count].ljust(3, b"\xff")
        if last == 63 and bits & 15 == 0:  # all frequencies, to the last bit
            done |= {data[start + 1 + 2 * color] for color in range(count)}
    return 0 < colors <= len(done)


def _gray(data: bytes) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.draft("L", image.size)
            return np.asarray(image.convert("L"))
    except Exception:  # damaged in other ways too
        return None


def _cells(different: np.ndarray) -> np.ndarray:
    """Whether anything is different in each 16 x 16 pixels, in the order in which JPEG stores them."""
    height, width = different.shape
    padded = np.pad(different, ((0, -height % 16), (0, -width % 16)))
    return padded.reshape(padded.shape[0] // 16, 16, padded.shape[1] // 16, 16).any(axis=(1, 3)).ravel()
