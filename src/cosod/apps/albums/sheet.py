"""The contact sheet of albums: one picture with a row of photos for each album."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cosod.errors import ImageError
from cosod.io.images import MAX_PIXELS, read_image
from cosod.io.photo_groups import Group
from cosod.io.wording import plural
from cosod.postprocess.render import save_sheet

#: Maximum number of photos of each album, and maximum number of albums, in a contact sheet.
COLUMNS, ROWS = 8, 100
_CELL, _GAP, _MARGIN, _TITLE = 150, 6, 24, 40


def album_sheet(albums: Sequence[Group], path: Path, max_pixels: int = MAX_PIXELS) -> None:
    """Draws a contact sheet with the name, the number of photos and the first photos of each album.

    Only the first :data:`ROWS` albums and the first :data:`COLUMNS` photos of each are shown. The place of a photo that
    cannot be read any more, or that has more than ``max_pixels`` pixels, stays empty.

    Args:
        albums: the albums; empty ones are left out.
        path: file of the contact sheet, with a suffix of JPEG or PNG.
        max_pixels: maximum number of pixels of a photo.

    Raises:
        OutputError: the file cannot be written.

    Example:
        >>> album_sheet(albums, Path("albums/albums.jpg"))  # doctest: +SKIP
    """
    shown = [album for album in albums if album.images][:ROWS]
    width = 2 * _MARGIN + COLUMNS * (_CELL + _GAP) - _GAP
    row = _TITLE + _CELL + _GAP
    sheet = Image.new("RGB", (width, 2 * _MARGIN + len(shown) * row), (250, 250, 248))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for number, album in enumerate(shown):
        y = _MARGIN + number * row
        draw.text(
            (_MARGIN, y + 6), f"{album.name}   {plural(len(album.images), 'photo')}", font=font, fill=(40, 40, 40)
        )
        for column, photo in enumerate(album.images[:COLUMNS]):
            try:
                small = Image.fromarray(_thumbnail(photo, max_pixels))
            except ImageError:
                continue
            x = _MARGIN + column * (_CELL + _GAP) + (_CELL - small.width) // 2
            sheet.paste(small, (x, y + _TITLE + (_CELL - small.height) // 2))
    save_sheet(np.asarray(sheet), path)


def _thumbnail(photo: Path, max_pixels: int) -> np.ndarray:
    image = read_image(photo, max_pixels)
    scale = _CELL / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
