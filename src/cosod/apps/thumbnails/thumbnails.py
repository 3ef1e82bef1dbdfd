"""Thumbnails of a group that all have the same size and show the object at the same size and place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cosod.apps import absence
from cosod.errors import InputError
from cosod.io.file_names import printable
from cosod.io.images import ImageSource
from cosod.postprocess.inpaint import spread
from cosod.postprocess.object_mask import object_box, object_mask
from cosod.postprocess.threshold import check_threshold

if TYPE_CHECKING:
    from cosod.inference.detector import Detector

EDGES = ("extend", "inside")
#: Share of the frame that the object takes along its tighter side, unless a larger share lets the frames reach less far
#: beyond the photos.
FILL = 0.65
#: Candidates for a group: shares of the object, and places of its center along each side of the frame (0.5 is the
#: middle).
FILLS = (0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
PLACES = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
#: Weights of the squared deviations of the share from :data:`FILL` and of the place from the center. They are added to
#: the mean part of the frames that lies outside their photos: a share of 0.85 instead of 0.65 costs as much as 2 % of
#: the frame outside, and a place that is off the center by 0.1 costs as much as 0.5 %.
FILL_COST, PLACE_COST = 0.5, 0.5
#: Minimum margin, as a share of the frame, between its edge and an object that is off the center.
AIR = 0.02
#: Strength, and radius in pixels of the thumbnail, of the sharpening after a reduction.
SHARPEN, SHARPEN_RADIUS = 0.35, 0.7

#: ``(x, y, width, height)`` in pixels of the photo, as floats; a frame may reach beyond the photo.
Frame = tuple[float, float, float, float]


@dataclass(frozen=True)
class ThumbnailOptions:
    """How the photos of a group are cropped.

    Attributes:
        size: ``(width, height)`` of every thumbnail.
        threshold: threshold of the mask, see :func:`cosod.postprocess.threshold.binarize`. By default that of the
            network, as for masks and overlays, or 0.5 if maps are given.
        fill: share of the frame that the object takes along its tighter side, above 0 and at most 1. By default it is
            chosen for the group: 0.65, or up to 0.9 if frames would reach beyond their photos.
        edges: what to do with a frame that reaches beyond its photo: ``extend`` extends the background, so that the
            object has the same place in all thumbnails; ``inside`` moves the frame into the photo, and reduces a frame
            that is larger than the photo as far as the object allows. The object is never cut.
        absent: one of :data:`cosod.apps.absence.ABSENT_KINDS`, for photos that probably do not show the object:
            ``keep`` treats what the map shows as the object; ``report`` does so too, but notes it and gives no label;
            ``blank`` notes it and shows the middle of the photo, without a label.

    Raises:
        InputError: an option has an unknown value or is out of its range.

    Example:
        >>> ThumbnailOptions(size=(256, 192)).edges
        'extend'
    """

    size: tuple[int, int] = (320, 320)
    threshold: float | str | None = None
    fill: float | None = None
    edges: str = "extend"
    absent: str = absence.DEFAULT

    def __post_init__(self):
        if self.threshold is not None:
            check_threshold(self.threshold)
        absence.check_absent(self.absent)
        if len(self.size) != 2 or not all(8 <= v <= 8192 for v in self.size):
            raise InputError(f"size {self.size}: give width and height from 8 to 8192 pixels")
        if self.fill is not None and not 0 < self.fill <= 1:
            raise InputError(f"fill {self.fill}: give a share above 0, at most 1")
        if self.edges not in EDGES:
            raise InputError(f"edges {self.edges!r}: give one of {', '.join(EDGES)}")


def plan_crops(
    boxes: Sequence[Frame | None],
    sizes: Sequence[tuple[int, int]],
    options: ThumbnailOptions | None = None,
    counted: Sequence[bool] | None = None,
) -> list[Frame]:
    """Plans frames for the photos of a group that show the objects at the same size and place.

    All frames have the aspect ratio of ``options.size``. In all of them, the object takes the same share of the frame,
    and its center is at the same place. The share and the place are chosen so that the frames reach as little as
    possible beyond the photos, with a preference for the middle. This search replaces the optimization over pairs in
    Jacobs, Goldman and Shechtman, "Cosaliency" (UIST 2010), whose collection-aware crops GCoNet (section 6) uses.

    Args:
        boxes: ``(x, y, width, height)`` of each object in pixels; None for a photo without an object, whose frame is
            the largest one in the middle of the photo.
        sizes: ``(height, width)`` of each photo in pixels.
        options: options of the thumbnails; :class:`ThumbnailOptions` by default.
        counted: for each photo, whether it is considered when the share and the place are chosen; by default all are.
            A photo that probably does not show the object should not be.

    Returns:
        For each photo the frame ``(x, y, width, height)`` in pixels of the photo; it may reach beyond the photo.

    Raises:
        InputError: there are not as many sizes as boxes.

    Example:
        >>> len(plan_crops([(10, 10, 40, 40), (60, 20, 40, 40)], [(100, 100), (120, 100)]))
        2
    """
    options = options or ThumbnailOptions()
    if len(boxes) != len(sizes):
        raise InputError(f"{len(boxes)} boxes for {len(sizes)} sizes; give one of each for each image")
    aspect = options.size[0] / options.size[1]
    counted = [True] * len(boxes) if counted is None else counted
    found = [(b, size) for b, size, counts in zip(boxes, sizes, counted, strict=True) if b is not None and counts]
    fill, place = _chosen(found, aspect, options)
    frames = []
    for box, size in zip(boxes, sizes, strict=True):
        frame = _middle(size, aspect) if box is None else _around(box, aspect, fill, place)
        frames.append(_moved_inside(frame, box, size) if box and options.edges == "inside" else frame)
    return frames


def _chosen(
    found: list[tuple[Frame, tuple[int, int]]], aspect: float, options: ThumbnailOptions
) -> tuple[float, tuple[float, float]]:
    """Returns the share of the object and the place of its center, for all photos of a group."""
    chosen = options.fill or FILL, (0.5, 0.5)
    if not found or options.edges == "inside":
        return chosen
    boxes = np.array([box for box, _ in found], float)
    heights, widths = np.array([size for _, size in found], float).T
    best = np.inf
    for fill, across, down in product([options.fill] if options.fill else FILLS, PLACES, PLACES):
        off = (across - 0.5) ** 2 + (down - 0.5) ** 2
        if off and fill / 2 + max(abs(across - 0.5), abs(down - 0.5)) > 0.5 - AIR:
            continue  # the object would be too close to the edge of the frame, or beyond it
        x, y, width, height = np.array(_around(boxes.T, aspect, fill, (across, down)))
        shown = _overlap(x, width, widths) * _overlap(y, height, heights) / (width * height)
        cost = (1 - shown).mean() + FILL_COST * (fill - FILL) ** 2 + PLACE_COST * off
        if cost < best - 1e-9:
            best, chosen = cost, (fill, (across, down))
    return chosen


def _around(box: Frame | np.ndarray, aspect: float, fill: float, place: tuple[float, float]) -> tuple:
    """Returns the frame in which ``box`` takes the share ``fill`` of the tighter side, with its center at ``place``."""
    x, y, width, height = box
    frame_width = np.maximum(width, height * aspect) / fill
    frame_height = frame_width / aspect
    return (
        x + width / 2 - place[0] * frame_width,
        y + height / 2 - place[1] * frame_height,
        frame_width,
        frame_height,
    )


def _overlap(start: np.ndarray, length: np.ndarray, limit: np.ndarray) -> np.ndarray:
    return np.clip(np.minimum(start + length, limit) - np.maximum(start, 0), 0, None)


def _middle(size: tuple[int, int], aspect: float) -> Frame:
    height, width = size
    frame_width = min(width, height * aspect)
    frame_height = frame_width / aspect
    return (width - frame_width) / 2, (height - frame_height) / 2, frame_width, frame_height


def _moved_inside(frame: Frame, box: Frame, size: tuple[int, int]) -> Frame:
    """Moves a frame into the photo, and reduces it if needed, as long as it still contains the whole box."""
    x, y, width, height = frame
    scale = min(1.0, size[1] / width, size[0] / height)
    scale = max(scale, box[2] / width, box[3] / height)
    middle = x + width / 2, y + height / 2
    width, height = width * scale, height * scale
    starts = []
    for center, length, limit in ((middle[0], width, size[1]), (middle[1], height, size[0])):
        free = limit - length
        starts.append(min(max(center - length / 2, 0), free) if free >= 0 else free / 2)
    return starts[0], starts[1], width, height


def crop(image: np.ndarray, frame: Frame, size: tuple[int, int], mask: np.ndarray | None = None) -> np.ndarray:
    """Crops the part of an image that a frame shows, and resizes it to the size of a thumbnail.

    The image is resized by Lanczos interpolation, and slightly sharpened if it is reduced. Where the frame reaches
    beyond the image, the background of the image is continued: mirrored close to the edge, and smooth further away.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        frame: ``(x, y, width, height)`` in pixels of the image.
        size: ``(width, height)`` of the result in pixels.
        mask: bool mask of the object, ``(H, W)`` or smaller; the object is not continued outside the image.

    Returns:
        uint8 ``(height, width, 3)``.

    Raises:
        InputError: the frame lies completely outside the image.

    Example:
        >>> (frame,) = plan_crops([(10, 10, 40, 40)], [(100, 100)])
        >>> crop(np.zeros((100, 100, 3), np.uint8), frame, (64, 64)).shape
        (64, 64, 3)
    """
    height, width = image.shape[:2]
    (left, right), (x0, x1) = _shown(frame[0], frame[2], width, size[0])
    (top, bottom), (y0, y1) = _shown(frame[1], frame[3], height, size[1])
    if right <= left or bottom <= top:
        raise InputError(f"frame {frame} lies outside its {width} x {height} image")
    box, inner = (x0, y0, x1, y1), (right - left, bottom - top)
    shown = np.asarray(Image.fromarray(image).resize(inner, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0))
    if (x1 - x0) > inner[0]:
        shown = _sharpened(shown)
    if inner == tuple(size):
        return shown
    margins = ((top, size[1] - bottom), (left, size[0] - right))
    return _extended(shown, margins, _seen(mask, box, image.shape, inner))


def _shown(start: float, length: float, limit: int, pixels: int) -> tuple[tuple[int, int], tuple[float, float]]:
    """Returns, along one axis, the pixels of the thumbnail that the photo covers, and the part of the photo in them."""
    step = length / pixels
    first = max(0, round(-start / step))
    last = min(pixels, round((limit - start) / step))
    if last <= first and start < limit and start + length > 0:  # the photo is so thin that it covers less than a pixel
        begin, end = max(0.0, start), min(float(limit), start + length)
        first = min(pixels - 1, int(((begin + end) / 2 - start) / step))
        return (first, first + 1), (begin, end)
    return (first, last), (max(0.0, start + first * step), min(float(limit), start + last * step))


def _sharpened(image: np.ndarray) -> np.ndarray:
    """Sharpens an image by a mild unsharp mask, which leaves no halo."""
    return cv2.addWeighted(image, 1 + SHARPEN, cv2.GaussianBlur(image, (0, 0), SHARPEN_RADIUS), -SHARPEN, 0)


def _seen(mask: np.ndarray | None, box: Frame, shape: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    """Returns the part of the mask, which may be smaller than the image, that a box of the image shows.

    Returns:
        bool ``(height, width)``, with a small margin around the object; false everywhere if there is no mask.
    """
    if mask is None:
        return np.zeros(size[::-1], bool)
    across, down = mask.shape[1] / shape[1], mask.shape[0] / shape[0]
    part = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    resized = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR, box=part)
    return cv2.dilate(np.asarray(resized), np.ones((5, 5), np.uint8)) > 32


def _extended(shown: np.ndarray, margins: tuple[tuple[int, int], ...], covered: np.ndarray) -> np.ndarray:
    """Extends an image by margins that continue its background.

    Args:
        shown: ``(H, W, 3)`` uint8.
        margins: rows before and after the image, and columns before and after it.
        covered: bool ``(H, W)``, the pixels of the object.
    """
    known = np.pad(np.ones(shown.shape[:2], np.uint8), margins)
    free = np.pad((~covered).astype(np.float32), margins)
    if not free.any():
        free = known.astype(np.float32)
    canvas = np.pad(shown.astype(np.float32), (*margins, (0, 0)))
    smooth = spread(canvas, free)
    mirrored = np.pad(shown, (*margins, (0, 0)), mode="symmetric").astype(np.float32)
    allowed = np.pad((~covered).astype(np.float32), margins, mode="symmetric")
    away = cv2.distanceTransform(1 - known, cv2.DIST_L2, 5)
    share = np.exp(-away / (0.06 * max(known.shape))) * cv2.GaussianBlur(allowed, (0, 0), 2)
    extended = smooth + share[..., None] * (mirrored - smooth)
    return np.where(known[..., None] > 0, canvas, extended).round().clip(0, 255).astype(np.uint8)


def thumbnails(
    images: Sequence[ImageSource],
    detector: "Detector | None" = None,
    maps: Sequence[np.ndarray] | None = None,
    options: ThumbnailOptions | None = None,
    presence: Sequence[float | None] | None = None,
    **changes: Any,
) -> list[np.ndarray]:
    """Crops the images of a group around their shared object, at one size and place.

    Args:
        images: as for :meth:`cosod.Detector.segment`.
        detector: the detector; by default :func:`cosod.load`.
        maps: a map for each image, computed earlier; the detector is not used then.
        options: options of the thumbnails; :class:`ThumbnailOptions` by default.
        presence: with ``maps``, the probability that each image shows the object; None where it is not known.
        changes: fields of :class:`ThumbnailOptions`, by name.

    Returns:
        uint8 ``(height, width, 3)`` for each image, all of the same size. For images that probably do not
        show the object, an :class:`~cosod.errors.AbsentObjectWarning` is issued unless ``absent`` is ``keep``.

    Raises:
        InputError: there are no images, or maps or options cannot be used.
        ImageError: an image cannot be read.

    Example:
        >>> results = cosod.thumbnails(["mug1.jpg", "mug2.jpg"], size=(256, 256))  # doctest: +SKIP
    """
    from cosod.apps.map_sources import images_and_maps

    options = replace(options or ThumbnailOptions(), **changes)
    found, threshold = images_and_maps(images, detector, maps, presence)
    masks = [object_mask(each.map, options.threshold or threshold) for each in found]
    counted = [True] * len(found)
    for index, each in enumerate(found):
        if absence.is_absent(each.presence, options.absent):
            counted[index] = False
            absence.warn_absent(index, each.presence, options.absent)
            if options.absent == "blank":
                masks[index] = np.zeros_like(masks[index])
    frames = plan_crops([object_box(mask) for mask in masks], [mask.shape for mask in masks], options, counted)
    return [crop(each.image, frame, options.size, mask) for each, frame, mask in zip(found, frames, masks, strict=True)]


def contact_sheet(groups: Sequence[tuple[str, Sequence[np.ndarray]]], columns: int = 8) -> np.ndarray:
    """Draws a contact sheet: one picture with the names and the thumbnails of many groups.

    Args:
        groups: for each group its name and its thumbnails ``(h, w, 3)`` uint8; all thumbnails have the same size.
        columns: number of thumbnails in a row.

    Returns:
        uint8 ``(H, W, 3)`` RGB.

    Example:
        >>> contact_sheet([("mugs", [np.zeros((64, 64, 3), np.uint8)] * 3)]).ndim
        3
    """
    height, width = next((pictures[0].shape[:2] for _, pictures in groups if pictures), (0, 0))
    gap, margin, title = 6, 24, 44
    rows = sum(-(-len(pictures) // columns) for _, pictures in groups)
    widest = min(columns, max((len(pictures) for _, pictures in groups), default=0))
    size = (2 * margin + widest * (width + gap), 2 * margin + rows * (height + gap) + len(groups) * title)
    sheet = Image.new("RGB", size, (250, 250, 248))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(22)
    y = margin
    for name, pictures in groups:
        draw.text((margin, y + 8), printable(name), font=font, fill=(40, 40, 40))
        y += title
        for number, picture in enumerate(pictures):
            row, column = divmod(number, columns)
            sheet.paste(Image.fromarray(picture), (margin + column * (width + gap), y + row * (height + gap)))
        y += -(-len(pictures) // columns) * (height + gap)
    return np.asarray(sheet)
