"""Colors as screens show them: what an ICC profile says of an image is carried out, and the result is sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

#: Profiles are left alone where they change no color by more levels (of 255): they say sRGB in other words.
SAME = 3
#: Color space of a profile -> mode of the images that it is for.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts an image to sRGB.

    Args:
        image: an image of mode ``RGB``, ``L`` or ``CMYK``.
        profile: the ICC profile that came with it, or None.

    Returns:
        An image of mode ``RGB``. A profile that is damaged, or for images of another kind, is passed over, as viewers
        do.

    Example:
        >>> image = Image.open("display_p3.jpg")  # doctest: +SKIP
        >>> to_srgb(image, image.info.get("icc_profile")).mode  # doctest: +SKIP
        'RGB'
    """
    space = _space(profile) if profile else None
    if space == "RGB" and image.mode == "L":
        image = image.convert("RGB")  # gray pixels under a profile of colors: the curves of the profile still hold
    if space is not None and _MODES[space] == image.mode:
        transform = _transform(profile)
        if transform is not None:
            return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def gray_curve(profile: bytes | None) -> np.ndarray | None:
    """Returns what a profile makes of gray values, for images that Pillow cannot convert: those of more than 8 bits.

    Returns:
        sRGB levels ``(256, 3)`` float32 in [0, 255] at 256 equal steps of gray from black to white; None where the
        profile changes nothing.
    """
    if not profile or _space(profile) not in ("GRAY", "RGB") or _transform(profile) is None:
        return None
    steps = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    return np.asarray(to_srgb(steps, profile), np.float32)[0]


@functools.lru_cache(maxsize=16)
def _space(profile: bytes) -> str | None:
    """Returns the color space that a profile is for; None where it is damaged or for none of :data:`_MODES`."""
    try:
        space = ImageCms.getOpenProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
    except Exception:  # of several kinds, for a profile is untrusted data like any other
        return None
    return space if space in _MODES else None


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Returns the transform from a profile to sRGB; None where it changes nothing or cannot be made."""
    mode = _MODES[_space(profile) or "RGB"]
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode == "CMYK":
            return transform
        probe = _probe(mode)
        change = np.asarray(transform.apply(probe), int) - np.asarray(probe.convert("RGB"), int)
    except Exception:
        return None
    return transform if np.abs(change).max() > SAME else None


def _probe(mode: str) -> Image.Image:
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
    return Image.fromarray(np.ascontiguousarray(colors.reshape(1, -1, 3)))
