"""Sheets of a group, which show its photos side by side and below each photo the results of the network."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cosod.analysis.examine import PHOTO_SIDE, Shown
from cosod.io.file_names import printable
from cosod.postprocess.render import save_image, to_8bit

#: Maximum number of photos in a row; further photos are in blocks below.
COLUMNS = 8
#: Opacity of the colors of a heat map over a photo.
STRENGTH = 0.55

_PAPER, _INK, _FAINT = (250, 250, 248), (40, 40, 40), (110, 110, 110)
_MARGIN, _GAP, _TITLE, _CAPTION, _LABEL = 20, 6, 46, 20, 104
_OWN_SCALE = "Each photo on its own scale, from its least (blue) to its most (red)."

#: Cell of a sheet: a picture ``(h, w, 3)`` uint8, and its caption, which may be empty.
Cell = tuple[np.ndarray, str]
#: Font of Pillow; without FreeType it has only a bitmap font.
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def attention_sheet(name: str, photos: Sequence[Shown], path: Path) -> None:
    """Draws photos with the affinity attention (GCoNet figure 5) and its logarithm below, and writes them as PNG.

    The logarithm is the affinity before the softmax, up to a constant. It shows differences between positions even if
    the softmax has concentrated the attention on a single one. The captions give the smallest number of positions that
    contain half of the attention.

    Args:
        name: name of the group.
        photos: photos with their attention.
        path: file to write.

    Example:
        >>> attention_sheet("cat", examined.shown, Path("attention/cat.png"))  # doctest: +SKIP
    """
    found = [(photo.picture, photo.attention) for photo in photos if photo.attention is not None]
    rows = [
        ("photo", [(photo.picture, photo.stem) for photo in photos]),
        ("affinity\nattention", [(heat(picture, a), f"half in {half_in(a)}") for picture, a in found]),
        ("its\nlogarithm", [(heat(picture, np.log(a.clip(1e-30))), "") for picture, a in found]),
    ]
    positions = found[0][1].size
    _write(f"{name}: attention", f"{_OWN_SCALE} Below: positions, of {positions}, that hold half of it.", rows, path)


def activation_sheet(name: str, photos: Sequence[Shown], path: Path) -> None:
    """Draws photos with class activation maps (GCoNet+ figure 10) and the response to the consensus below.

    Class activation maps are left out if the network has no classifier.

    Args:
        name: name of the group.
        photos: photos with their activations and responses.
        path: file to write, a PNG.

    Example:
        >>> activation_sheet("cat", examined.shown, Path("activation/cat.png"))  # doctest: +SKIP
    """
    rows = [("photo", [(photo.picture, photo.stem) for photo in photos])]
    found = [(photo.picture, photo.activation) for photo in photos if photo.activation]
    if found:
        cells = [(heat(picture, a.values), f"class {a.index}, {a.score:.2f}") for picture, a in found]
        rows.append(("class\nactivation", cells))
    responses = [(heat(photo.picture, photo.response), "") for photo in photos if photo.response is not None]
    rows.append(("response to\nconsensus", responses))
    note = _OWN_SCALE
    if found:
        note += " Class: the training group the classifier is surest of, and its score."
    _write(f"{name}: activation", note, rows, path)


def decoder_sheet(name: str, photos: Sequence[Shown], path: Path) -> None:
    """Draws photos with the channel mean of each decoder level, coarsest first, and the map below (GCoNet+ figure 2).

    Args:
        name: name of the group.
        photos: photos with their levels and maps.
        path: file to write, a PNG.

    Example:
        >>> decoder_sheet("cat", examined.shown, Path("decoder/cat.png"))  # doctest: +SKIP
    """
    rows = [("photo", [(photo.picture, photo.stem) for photo in photos])]
    for level, maps in enumerate(zip(*(photo.levels for photo in photos), strict=True), start=1):
        height, width = maps[0].shape
        cells = [(_feature(values, photo.picture), "") for values, photo in zip(maps, photos, strict=True)]
        rows.append((f"level {level}\n{height} x {width}", cells))
    cells = []
    for photo in photos:
        if photo.saliency is not None:
            gray = cv2.resize(to_8bit(photo.saliency), photo.picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
            cells.append((np.repeat(gray[..., None], 3, axis=2), ""))
    rows.append(("map", cells))
    note = "Mean over the channels of each level, each picture on its own scale from dark to bright."
    _write(f"{name}: decoder", note, rows, path)


def heat(picture: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Draws a map as colors from blue (lowest value) to red (highest value) over a photo.

    Args:
        picture: ``(h, w, 3)`` uint8.
        values: map of any range, ``(H, W)``, which is resized to the photo.

    Returns:
        The colored photo, ``(h, w, 3)`` uint8.

    Example:
        >>> heat(np.zeros((8, 8, 3), np.uint8), np.eye(2)).shape
        (8, 8, 3)
    """
    smooth = cv2.resize(unit_range(values), picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors = cv2.applyColorMap(to_8bit(smooth), cv2.COLORMAP_JET)[..., ::-1]
    return (STRENGTH * colors + (1 - STRENGTH) * picture).round().astype(np.uint8)


def half_in(attention: np.ndarray) -> int:
    """Returns the smallest number of positions whose values sum to at least half of an attention map.

    Example:
        >>> half_in(np.array([[0.4, 0.3], [0.2, 0.1]]))
        2
    """
    shares = np.sort(attention, axis=None)[::-1].cumsum()
    return int((shares < shares[-1] / 2).sum()) + 1


def unit_range(values: np.ndarray) -> np.ndarray:
    """Shifts and scales values to [0, 1]; returns zeros if all values are equal, or if one is not finite.

    Example:
        >>> unit_range(np.array([1.0, 2.0, 3.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    values = values.astype(np.float32)
    spread = float(np.ptp(values))
    if not np.isfinite(spread) or spread <= 1e-12:
        return np.zeros_like(values)
    return (values - values.min()) / spread


def _feature(values: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Draws a decoder level at the size of the photo, enlarged without interpolation, so that its cells are visible."""
    small = to_8bit(unit_range(values))
    method = cv2.INTER_AREA if small.shape[0] > picture.shape[0] else cv2.INTER_NEAREST
    resized = cv2.resize(small, picture.shape[1::-1], interpolation=method)
    return cv2.applyColorMap(resized, cv2.COLORMAP_VIRIDIS)[..., ::-1]


def shortened(text: str, font: Font, width: int) -> str:
    """Shortens a text to a width in pixels, by replacing its middle by an ellipsis.

    Example:
        >>> shortened("cat", ImageFont.load_default(12), 200)
        'cat'
    """
    text = unicodedata.normalize("NFC", printable(text))  # some file systems store accents separately
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if font.getlength(short) <= width:
            return short
    return "…"


def _write(title: str, note: str, rows: list[tuple[str, list[Cell]]], path: Path) -> None:
    count = len(rows[0][1])
    columns = min(count, COLUMNS)
    large, small = _font(21), _font(12)
    step = PHOTO_SIDE + _GAP
    width = 2 * _MARGIN + _LABEL + max(columns, 3) * step - _GAP
    blocks = [range(start, min(start + COLUMNS, count)) for start in range(0, count, COLUMNS)]
    heights = [[_height(cells, block) for _, cells in rows] for block in blocks]
    height = 2 * _MARGIN + _TITLE + _CAPTION + sum(map(sum, heights)) + _MARGIN * (len(blocks) - 1)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    room = width - 2 * _MARGIN
    draw.text((_MARGIN, _MARGIN - 4), shortened(title, large, room), font=large, fill=_INK)
    draw.text((_MARGIN, _MARGIN + 28), shortened(note, small, room), font=small, fill=_FAINT)
    y = _MARGIN + _TITLE + _CAPTION
    for block, of_rows in zip(blocks, heights, strict=True):
        for (label, cells), row_height in zip(rows, of_rows, strict=True):
            draw.multiline_text((_MARGIN, y + 4), label, font=small, fill=_INK)
            for place, number in enumerate(block):
                picture, caption = cells[number]
                x = _MARGIN + _LABEL + place * step
                sheet.paste(Image.fromarray(picture), (x + (PHOTO_SIDE - picture.shape[1]) // 2, y))
                if caption:
                    text = shortened(caption, small, PHOTO_SIDE)
                    where = (x + PHOTO_SIDE // 2, y + picture.shape[0] + 2)
                    draw.text(where, text, font=small, fill=_FAINT, anchor="ma")
            y += row_height
        y += _MARGIN
    save_image(np.asarray(sheet), path)


def _font(size: int) -> Font:
    """Returns DejaVu Sans, which has many alphabets, if matplotlib is installed; otherwise Pillow's default font."""
    try:
        from matplotlib.font_manager import findfont

        return ImageFont.truetype(findfont("DejaVu Sans"), size)
    except ImportError:
        return ImageFont.load_default(size)


def _height(cells: list[Cell], block: range) -> int:
    captioned = any(cells[number][1] for number in block)
    return max(cells[number][0].shape[0] for number in block) + _GAP + (_CAPTION if captioned else 0)
