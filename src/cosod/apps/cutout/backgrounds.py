"""What is put behind a cut-out object: a color, a gradient, another picture, or its own photo out of focus."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageColor

from cosod.errors import InputError
from cosod.io.images import ImageSource, read_image
from cosod.postprocess.inpaint import spread
from cosod.postprocess.object_mask import bounded

#: Longer side, in pixels, at which a photo is blurred: nothing finer is left anyway.
BLUR_SIDE = 320
#: Blur (standard deviation) as a share of the longer side.
BLUR = 0.03


@dataclass(frozen=True, eq=False)
class Background:
    """One of a gradient between two colors, an image, or the blurred photo.

    Attributes:
        colors: RGB at the top and at the bottom; the same twice for a plain color.
        image: ``(H, W, 3)`` uint8, laid over the whole frame, what stands out is cut.
        blur: the photo itself, without the object and out of focus.
    """

    colors: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
    image: np.ndarray | None = None
    blur: bool = False

    def render(self, size: tuple[int, int], photo: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Renders the background as ``(height, width, 3)`` uint8, ``size`` being ``(width, height)``.

        Args:
            size: size of the result.
            photo: ``(H, W, 3)``, used for ``blur``: the part of the photo that the frame shows.
            alpha: its ``(H, W)`` uint8, 255 where the object is.
        """
        if self.image is not None:
            return cover(self.image, size)
        if self.blur:
            return cover(out_of_focus(photo, alpha), size)
        top, bottom = (np.array(c, np.float32) for c in self.colors)
        share = np.linspace(0, 1, size[1], dtype=np.float32)[:, None, None]
        column = (top + share * (bottom - top)).round().astype(np.uint8)
        return np.repeat(column, size[0], axis=1)


def background(given: "Background | ImageSource | tuple[int, int, int]") -> Background:
    """Returns the background that a word, a color or a file stands for.

    Args:
        given: ``"blur"``; a color as ``"#rrggbb"``, ``"#rgb"``, a CSS name or three numbers; ``"top:bottom"``, two
            colors of a gradient; or an image: its path, a Pillow image or an array.

    Raises:
        InputError: neither a color nor a file.
        ImageError: a file that is no image.
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
        colors = [_color(part) for part in given.split(":")]
        if len(colors) <= 2 and None not in colors:
            return Background((colors[0], colors[-1]))
    if isinstance(given, str | os.PathLike) and not Path(given).exists():
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
    """Enlarges or reduces the image ``(H, W, 3)`` until it covers ``size`` (width, height), and cuts out its middle."""
    height, width = image.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    across, down = size[0] / scale, size[1] / scale
    left, top = (width - across) / 2, (height - down) / 2
    box = (max(0.0, left), max(0.0, top), min(float(width), left + across), min(float(height), top + down))
    # Bicubic enlarges a blurred picture smoothly, and reduces with antialiasing.
    resized = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    return np.asarray(resized)


def out_of_focus(photo: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Blurs the photo ``(H, W, 3)``, at most :data:`BLUR_SIDE` large, without a halo of the object's colors.

    The object is first replaced by what surrounds it.
    """
    size = bounded(alpha.shape, BLUR_SIDE)
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    covered = cv2.dilate(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.ones((5, 5), np.uint8))
    free = (covered < 8).astype(np.float32)
    if free.any():
        small = spread(small, free)
    return cv2.GaussianBlur(small, (0, 0), BLUR * max(size), borderType=cv2.BORDER_REFLECT).round().astype(np.uint8)
