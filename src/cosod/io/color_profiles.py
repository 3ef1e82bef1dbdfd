"""Conversion of the colors of an image from its ICC profile to sRGB."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

#: A profile that changes no color by more than this number of levels (of 255) is taken for sRGB and not applied.
SAME = 3
#: Color space of a profile -> Pillow mode of the images to which the profile applies.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts an image to sRGB.

    Args:
        image: an image of mode ``RGB``, ``L`` or ``CMYK``.
        profile: the ICC profile of the image, or None.

    Returns:
        An image of mode ``RGB``. A profile that is damaged or made for another color space is ignored, as image
        viewers do.

    Example:
        >>> image = Image.open("display_p3.jpg")  # doctest: +SKIP
        >>> to_srgb(image, image.info.get("icc_profile")).mode  # doctest: +SKIP
        'RGB'
    """
    space = _space(profile) if profile else None
    if space == "RGB" and image.mode == "L":
        image = image.convert("RGB")  # a grayscale image with an RGB profile: the tone curves of the profile apply
    if space is not None and _MODES[space] == image.mode:
        transform = _transform(profile)
        if transform is not None:
            return transform.apply(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def gray_curve(profile: bytes | None) -> np.ndarray | None:
    """Returns the tone curve of a profile, for grayscale images of more than 8 bits, which Pillow cannot convert.

    Args:
        profile: the ICC profile of the image, or None.

    Returns:
        sRGB levels ``(256, 3)`` float32 in [0, 255] of 256 equal steps of gray from black to white; None if the profile
        changes nothing or cannot be used.

    Example:
        >>> gray_curve(None) is None
        True
    """
    if not profile or _space(profile) not in ("GRAY", "RGB") or _transform(profile) is None:
        return None
    steps = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    return np.asarray(to_srgb(steps, profile), np.float32)[0]


@functools.lru_cache(maxsize=16)
def _space(profile: bytes) -> str | None:
    """Returns the color space of a profile; None if the profile is damaged or the space is not in :data:`_MODES`."""
    try:
        space = ImageCms.getOpenProfile(io.BytesIO(profile)).profile.xcolor_space.strip()
    except Exception:  # a profile is untrusted data, and damaged ones raise errors of several kinds
        return None
    return space if space in _MODES else None


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """Returns the transform from a profile to sRGB; None if it changes nothing or cannot be built."""
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
