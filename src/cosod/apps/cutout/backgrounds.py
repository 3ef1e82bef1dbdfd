"""Backgrounds for cut-out objects: a color, a gradient, another image, or the blurred photo."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageColor

from cosod.errors import InputError
from cosod.io.images import ImageSource, read_image
from cosod.io.storage import as_path, is_remote
from cosod.postprocess.inpaint import spread
from cosod.postprocess.object_mask import bounded

#: Longer side, in pixels, to which a photo is reduced before it is blurred; the blur removes finer details anyway.
BLUR_SIDE = 320
#: Standard deviation of the Gaussian blur, as a share of the longer side.
BLUR = 0.03


@dataclass(frozen=True, eq=False)
class Background:
    """A background for a cut-out object. Exactly one of the attributes is set.

    Attributes:
        colors: RGB at the top and at the bottom, from 0 to 255, between which the background is a gradient; the same
            color twice for a plain background.
        image: ``(H, W, 3)`` uint8 RGB, scaled to cover the whole frame; what extends beyond the frame is cropped.
        blur: whether the background is the photo itself, without the object and blurred.

    Example:
        >>> photo, alpha = np.zeros((6, 8, 3), np.uint8), np.zeros((6, 8), np.uint8)
        >>> Background(((255, 255, 255), (0, 0, 0))).render((4, 3), photo, alpha)[:, 0, 0].tolist()
        [255, 128, 0]
    """

    colors: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
    image: np.ndarray | None = None
    blur: bool = False

    def render(self, size: tuple[int, int], photo: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Renders the background.

        Args:
            size: ``(width, height)`` of the result in pixels.
            photo: ``(H, W, 3)`` uint8, the part of the photo that the frame shows; it is used for ``blur`` only.
            alpha: ``(H, W)`` uint8, opacity of the object in ``photo``, 255 where the object is.

        Returns:
            uint8 ``(height, width, 3)``.

        Raises:
            InputError: none of the attributes is set.
        """
        if self.image is not None:
            return cover(self.image, size)
        if self.blur:
            return cover(out_of_focus(photo, alpha), size)
        if self.colors is None:
            raise InputError("a background needs colors, an image or blur; give one of them")
        top, bottom = (np.array(c, np.float32) for c in self.colors)
        share = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
        column = (top + share * (bottom - top)).round().astype(np.uint8)
        return np.repeat(column, size[0], axis=1)


def background(given: "Background | ImageSource | tuple[int, int, int]") -> Background:
    """Converts a word, a color or an image to a background.

    Args:
        given: one of

            - ``"blur"``, for the blurred photo;
            - a color, as ``"#rrggbb"``, ``"#rgb"``, a CSS name or three integers from 0 to 255;
            - two colors of a gradient, as ``"top:bottom"``;
            - an image, as for :func:`cosod.io.read_image`;
            - a :class:`Background`, which is returned as it is.

    Raises:
        InputError: ``given`` is neither a color nor an existing file.
        ImageError: the image cannot be read.

    Example:
        >>> background("white:#000").colors
        ((255, 255, 255), (0, 0, 0))
    """
    if isinstance(given, Background):
        return given
    if isinstance(given, tuple):
        if len(given) != 3 or not all(isinstance(v, int) and 0 <= v <= 255 for v in given):
            raise InputError(f"background {given}: a color has three values from 0 to 255")
        return Background((given, given))
    if isinstance(given, str):
        if given == "blur":
            return Background(blur=True)
        parts = given.split(":")
        colors = [color for color in map(_color, parts) if color is not None]
        if len(colors) == len(parts) <= 2:
            return Background((colors[0], colors[-1]))
    if isinstance(given, str | os.PathLike) and not is_remote(as_path(given)) and not Path(given).exists():
        raise InputError(
            f"background {os.fspath(given)!r} is no color and no file; "
            "give a color (white, '#f4f4f4'), a gradient (white:#ccc), an image file, or blur"
        )
    return Background(image=read_image(given))


def _color(text: str) -> tuple[int, int, int] | None:
    try:
        color = ImageColor.getrgb(text.strip())
    except ValueError:
        return None
    return color if len(color) == 3 else None


def cover(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scales an image until it just covers a frame, and crops it to the frame around its center.

    Args:
        image: ``(H, W, 3)`` uint8.
        size: ``(width, height)`` of the frame in pixels.

    Returns:
        uint8 ``(height, width, 3)``.

    Example:
        >>> cover(np.zeros((6, 8, 3), np.uint8), (100, 50)).shape
        (50, 100, 3)
    """
    height, width = image.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    across, down = size[0] / scale, size[1] / scale
    left, top = (width - across) / 2, (height - down) / 2
    box = (max(0.0, left), max(0.0, top), min(float(width), left + across), min(float(height), top + down))
    # Pillow's bicubic filter enlarges a blurred image smoothly, and reduces images with antialiasing.
    resized = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    return np.asarray(resized)


def out_of_focus(photo: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Blurs a photo, without a halo in the colors of the object.

    The object is replaced by a continuation of its surroundings before the photo is blurred.

    Args:
        photo: ``(H, W, 3)`` uint8.
        alpha: ``(H, W)`` uint8, opacity of the object.

    Returns:
        uint8 ``(H', W', 3)``, whose longer side is at most :data:`BLUR_SIDE` pixels.

    Example:
        >>> out_of_focus(np.zeros((640, 480, 3), np.uint8), np.zeros((640, 480), np.uint8)).shape
        (320, 240, 3)
    """
    size = bounded(alpha.shape, BLUR_SIDE)
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    covered = cv2.dilate(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.ones((5, 5), np.uint8))
    free = (covered < 8).astype(np.float32)
    if free.any():
        small = spread(small, free)
    return cv2.GaussianBlur(small, (0, 0), BLUR * max(size), borderType=cv2.BORDER_REFLECT).round().astype(np.uint8)
