"""Rendering of maps: 8-bit maps, overlays and contact sheets, and how they are encoded and written."""

import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from cosod.errors import ImageError
from cosod.io.atomic_write import whole
from cosod.io.file_names import printable
from cosod.io.images import MAX_PIXELS, read_image
from cosod.io.passed_over import SHEET_MARK
from cosod.io.png import encode_png
from cosod.postprocess.object_mask import binary_mask

#: Suffixes of contact sheets.
SHEET_SUFFIXES = (".png", ".jpg", ".jpeg")
#: Maximum side of JPEG files.
JPEG_LIMIT = 65_500
OVERLAY_COLOR = (255, 64, 96)
#: Level of a pixel -> its level outside of the object in an overlay.
DIMMED = (np.arange(256) * 0.35 + 25).astype(np.uint8)


def to_8bit(saliency: np.ndarray) -> np.ndarray:
    """Converts a map in [0, 1] to uint8, rounded.

    Example:
        >>> to_8bit(np.array([[0.0, 0.5, 1.0]])).tolist()
        [[0, 128, 255]]
    """
    return cv2.convertScaleAbs(saliency, alpha=255)  # in one pass, where numpy takes three


def overlay(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draws an image ``(H, W, 3)`` with the object of the mask outlined and everything else dimmed.

    Example:
        >>> image, mask = np.full((4, 4, 3), 200, np.uint8), np.ones((4, 4), bool)
        >>> overlay(image, mask).shape
        (4, 4, 3)
    """
    binary = mask.astype(np.uint8)
    shown = cv2.copyTo(image, binary, cv2.LUT(image, DIMMED))
    contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    width = max(2, round(max(mask.shape) / 250))
    return cv2.drawContours(shown, contours, -1, OVERLAY_COLOR, width, cv2.LINE_AA)


def encode(array: np.ndarray, media: str = "image/png", quality: int = 90) -> bytes:
    r"""Encodes a uint8 or bool array as PNG or JPEG, according to the media type.

    Example:
        >>> encode(np.zeros((2, 2), np.uint8), "image/png")[:4]
        b'\x89PNG'
    """
    if media == "image/png":
        return encode_png(array)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def save_image(array: np.ndarray, path: Path, quality: int = 90) -> None:
    """Saves a uint8 or bool array as PNG or JPEG, according to the suffix of ``path``, completely or not at all.

    Example:
        >>> save_image(to_8bit(saliency), Path("map.png"))  # doctest: +SKIP
    """
    media = "image/jpeg" if path.suffix.lower() in (".jpg", ".jpeg") else "image/png"
    with whole(path) as temporary:  # includes the encoding, which fails for JPEG files with too long sides
        temporary.write_bytes(encode(array, media, quality))


def save_sheet(array: np.ndarray, path: Path) -> None:
    """Saves a contact sheet as PNG or JPEG by its suffix, marked for :func:`cosod.io.passed_over.is_sheet`.

    Example:
        >>> save_sheet(sheet, Path("sheet.png"))  # doctest: +SKIP
    """
    with whole(path) as temporary:
        if path.suffix.lower() == ".png":
            marked = PngInfo()
            marked.add_text("Software", SHEET_MARK)
            Image.fromarray(array).save(temporary, "PNG", compress_level=3, pnginfo=marked)
        else:
            Image.fromarray(fitting_jpeg(array)).save(temporary, "JPEG", quality=90, comment=SHEET_MARK)


def fitting_jpeg(array: np.ndarray) -> np.ndarray:
    """Returns an image ``(H, W, 3)``, reduced if it exceeds the maximum side of JPEG files.

    Example:
        >>> fitting_jpeg(np.zeros((70_000, 2, 3), np.uint8)).shape
        (65500, 2, 3)
    """
    scale = JPEG_LIMIT / max(array.shape[:2])
    if scale >= 1:
        return array
    height, width = (max(1, round(side * scale)) for side in array.shape[:2])
    return cv2.resize(array, (width, height), interpolation=cv2.INTER_AREA)


def contact_sheet(
    groups: Sequence[tuple[str, Sequence[tuple[Path, Path]]]],
    path: Path,
    threshold: float | str = 0.5,
    columns: int = 6,
    cell: int = 220,
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Draws a contact sheet of several groups: for each image the photo, its map and the overlay in a column.

    Args:
        groups: name of each group, and ``(image file, map file)`` of its images, of which the first ``columns`` are
            shown.
        path: file to write, PNG or JPEG.
        threshold: threshold of the masks of the overlays.
        columns: number of images of a group.
        cell: side of a cell in pixels.
        max_pixels: images with more pixels, and images that can no longer be read, are left out.

    Example:
        >>> contact_sheet([("mugs", [(Path("mug.jpg"), Path("mug.png"))])], Path("sheet.png"))  # doctest: +SKIP
    """
    margin, gap, title = 24, 6, 46
    width = 2 * margin + columns * (cell + gap) - gap
    blocks = []
    for name, pairs in groups:
        columns_of_group = (_column(*pair, threshold, cell, max_pixels) for pair in pairs[:columns])
        cells = [column for column in columns_of_group if column]
        if cells:
            more = len(pairs) - len(cells)
            blocks.append((f"{name}   +{more} more" if more > 0 else name, cells))
    row_heights = [[max(column[row].shape[0] for column in cells) for row in range(3)] for _, cells in blocks]
    height = 2 * margin + sum(title + sum(rows) + 3 * gap for rows in row_heights)
    sheet = Image.new("RGB", (width, max(height, 2 * margin)), (250, 250, 248))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(22)
    y = margin
    for (name, cells), rows in zip(blocks, row_heights, strict=True):
        draw.text((margin, y + 8), printable(name), font=font, fill=(40, 40, 40))
        y += title
        for row, row_height in enumerate(rows):
            for number, column in enumerate(cells):
                shown = column[row]
                x = margin + number * (cell + gap) + (cell - shown.shape[1]) // 2
                sheet.paste(Image.fromarray(shown), (x, y + (row_height - shown.shape[0]) // 2))
            y += row_height + gap
    save_sheet(np.asarray(sheet), path)


def _column(image_file: Path, map_file: Path, threshold: float | str, cell: int, most: int) -> list[np.ndarray] | None:
    try:
        image, saliency = read_image(image_file, most), read_image(map_file, most)[..., 0]
    except ImageError:  # the file was removed in the meantime, which must not prevent the sheet
        return None
    scale = cell / max(image.shape[:2])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    saliency = cv2.resize(saliency, size, interpolation=cv2.INTER_AREA)
    mask = binary_mask(saliency / 255, threshold)
    return [image, np.repeat(saliency[..., None], 3, axis=2), overlay(image, mask)]
