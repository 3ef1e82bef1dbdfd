"""Cutting the object out of its photo, and placing it on a new background (the papers' first application)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image

from cosod.apps import absence
from cosod.apps.cutout.backgrounds import Background, background
from cosod.errors import ImageError, InputError
from cosod.io.images import MAX_PIXELS, ImageSource
from cosod.postprocess.matting import clean_colors, smooth_alpha
from cosod.postprocess.object_mask import Box, check_map, grab_cut, object_box, object_mask, surroundings
from cosod.postprocess.threshold import MASK_THRESHOLD, check_threshold

if TYPE_CHECKING:
    from cosod.inference.detector import Detector

METHODS = ("grabcut", "threshold", "alpha")
ALIGNMENTS = ("center", "bottom")
#: Minimum opacity, from 0 to 255, of a pixel that belongs to the bounding box of the object.
VISIBLE = 16


@dataclass(frozen=True)
class CutoutOptions:
    """How an object is cut out and placed.

    Attributes:
        method: ``grabcut`` corrects the mask of the map by the colors of the photo and smooths its edge; ``threshold``
            smooths the edge of the mask; ``alpha`` uses the map itself as the opacity.
        threshold: threshold of the mask, see :func:`cosod.postprocess.threshold.binarize`. By default that of the
            network, as for masks and overlays, or 0.5 if maps are given.
        background: new background, see :func:`cosod.apps.cutout.backgrounds.background`; None leaves the result
            transparent.
        size: ``(width, height)`` of the result in pixels; the object is scaled to fit. By default the object keeps the
            size that it has in the photo.
        padding: margin around the object, as a share of the shorter side of the result, at least 0 and below 0.5.
            Without ``size``, the result is cropped to the object and a margin of this share of the object's longer
            side. The default is 0.06 with ``size``; with neither of them, the result has the size of the photo, and the
            object stays in its place.
        align: ``center``, or ``bottom``, which places the objects of several results on one line.
        absent: one of :data:`cosod.apps.absence.ABSENT_KINDS`, for photos that probably do not show the object:
            ``keep`` cuts out what the map shows, ``report`` also notes that the object is probably absent, and
            ``blank`` notes it and leaves the result empty.

    Raises:
        InputError: an option has an unknown value or is out of its range.

    Example:
        >>> CutoutOptions(background="white", size=(800, 600)).align
        'center'
    """

    method: str = "grabcut"
    threshold: float | str | None = None
    background: Background | ImageSource | tuple[int, int, int] | None = None
    size: tuple[int, int] | None = None
    padding: float | None = None
    align: str = "center"
    absent: str = absence.DEFAULT

    def __post_init__(self):
        if self.method not in METHODS:
            raise InputError(f"method {self.method!r}: give one of {', '.join(METHODS)}")
        if self.align not in ALIGNMENTS:
            raise InputError(f"align {self.align!r}: give one of {', '.join(ALIGNMENTS)}")
        if self.threshold is not None:
            check_threshold(self.threshold)
        absence.check_absent(self.absent)
        if self.size is not None and not (len(self.size) == 2 and all(1 <= v <= 20_000 for v in self.size)):
            raise InputError(f"size {self.size}: give width and height from 1 to 20000 pixels")
        if self.padding is not None and not 0 <= self.padding < 0.5:
            raise InputError(f"padding {self.padding}: give a share from 0 to below 0.5")


@dataclass(frozen=True)
class Cutout:
    """A cut-out object.

    Attributes:
        pixels: uint8, ``(H, W, 4)`` RGBA, or ``(H, W, 3)`` RGB on a background.
        notes: notes for the user, for instance that nothing was found, that the object is probably absent, that
            GrabCut failed, or that the edge of the photo cuts the object.
        absent: whether the object is probably absent and ``options.absent`` is not ``keep``.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()
    absent: bool = False


def cut_out(
    image: np.ndarray, saliency: np.ndarray, options: CutoutOptions | None = None, presence: float | None = None
) -> np.ndarray:
    """Cuts the object that a map marks out of its image.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        saliency: its map ``(H, W)`` in [0, 1], from :meth:`cosod.Detector.segment` or from elsewhere.
        options: options of the cut-out; :class:`CutoutOptions` by default.
        presence: probability that the image shows the object, see ``options.absent``; None if it is not known.

    Returns:
        ``(H', W', 4)`` uint8 RGBA with straight (not premultiplied) colors, or RGB where ``options`` has a
        background. ``H', W'`` are the image's own, unless ``options`` gives a size or padding.

    Raises:
        InputError: the map does not fit the image, or the background cannot be read.

    Example:
        >>> (saliency,) = cosod.load().segment([photo])  # doctest: +SKIP
        >>> rgba = cut_out(photo, saliency)  # doctest: +SKIP
    """
    return cut_out_noted(image, saliency, options, presence).pixels


def cut_out_noted(
    image: np.ndarray, saliency: np.ndarray, options: CutoutOptions | None = None, presence: float | None = None
) -> Cutout:
    """Does the same as :func:`cut_out`, and also returns notes on problems.

    Args:
        image, saliency, options, presence: as for :func:`cut_out`.

    Raises:
        InputError: the map does not fit the image, or the background cannot be read.

    Example:
        >>> found = cut_out_noted(image, saliency)  # doctest: +SKIP
    """
    options = options or CutoutOptions()
    saliency = check_map(saliency, image.shape[:2])
    absent = absence.is_absent(presence, options.absent)
    alpha: np.ndarray = np.zeros(saliency.shape, np.uint8)
    notes: list[str] = []
    if not absent or options.absent != "blank":
        alpha, notes = _alpha(image, saliency, options)
    if absent and presence is not None:
        notes.append(absence.absence_note(presence, options.absent))
    box = object_box(alpha >= VISIBLE)
    if box is None and not absent:
        notes.append("no object was found: nothing is shown")
    elif box is not None and _touches(box, alpha.shape):
        notes.append("the object reaches the photo's edge and ends there")
    # In a fifth of the time of numpy.dstack.
    rgba = cv2.insertChannel(alpha, cv2.cvtColor(clean_colors(image, alpha), cv2.COLOR_RGB2RGBA), 3)
    return Cutout(_placed(rgba, image, box, options), tuple(notes), absent)


def cutout(
    images: Sequence[ImageSource],
    detector: "Detector | None" = None,
    maps: Sequence[np.ndarray] | None = None,
    options: CutoutOptions | None = None,
    presence: Sequence[float | None] | None = None,
    **changes: Any,
) -> list[np.ndarray]:
    """Cuts the object that a group of images shares out of each image.

    Args:
        images: as for :meth:`cosod.Detector.segment`.
        detector: the detector; by default :func:`cosod.load`.
        maps: a map for each image, computed earlier; the detector is not used then.
        options: options of the cut-outs; :class:`CutoutOptions` by default.
        presence: with ``maps``, the probability that each image shows the object; None where it is not known.
        changes: fields of :class:`CutoutOptions`, by name.

    Returns:
        For each image what :func:`cut_out` returns. For images that probably do not show the object, an
        :class:`~cosod.errors.AbsentObjectWarning` is issued unless ``absent`` is ``keep``.

    Raises:
        InputError: there are no images, or maps or options cannot be used.
        ImageError: an image cannot be read.

    Example:
        >>> results = cosod.cutout(["mug1.jpg", "mug2.jpg"], background="white")  # doctest: +SKIP
    """
    from cosod.apps.map_sources import images_and_maps

    options = replace(options or CutoutOptions(), **changes)
    if options.background is not None:
        options = replace(options, background=background(options.background))  # so that it is read only once
    found, threshold = images_and_maps(images, detector, maps, presence)
    if options.threshold is None:
        options = replace(options, threshold=threshold)
    results = []
    for index, (image, saliency, there) in enumerate(found):
        result = cut_out_noted(image, saliency, options, there)
        if result.absent and there is not None:
            absence.warn_absent(index, there, options.absent)
        results.append(result.pixels)
    return results


def cut_mask(image: np.ndarray, saliency: np.ndarray, threshold: float | str = MASK_THRESHOLD) -> np.ndarray:
    """Computes the mask of the pixels that :func:`cut_out` shows with its default method.

    The mask of the map is corrected by GrabCut, which moves its outline to where the colors of the image change, and
    its edge is smoothed. The result marks the pixels with an opacity above one half.

    Args:
        image, saliency: as for :func:`cut_out`.
        threshold: threshold of the mask of the map, see :func:`cosod.postprocess.threshold.binarize`.

    Returns:
        bool ``(H, W)``.

    Raises:
        InputError: the map does not fit the image, or the threshold is unknown.

    Example:
        >>> image, saliency = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.float32)
        >>> image[8:24, 8:24], saliency[8:24, 8:24] = 255, 1.0
        >>> cut_mask(image, saliency).shape
        (32, 32)
    """
    options = CutoutOptions(threshold=threshold)
    alpha, _ = _alpha(image, check_map(saliency, image.shape[:2]), options)
    return alpha > 127


def _alpha(image: np.ndarray, saliency: np.ndarray, options: CutoutOptions) -> tuple[np.ndarray, list[str]]:
    """Computes the opacity of the object, uint8 ``(H, W)``, and notes for the user."""
    if options.method == "alpha":
        return (255 * saliency).round().astype(np.uint8), []
    alpha = np.zeros(saliency.shape, np.uint8)
    mask = object_mask(saliency, options.threshold or MASK_THRESHOLD)
    around = surroundings(mask)
    if around is None:
        return alpha, []
    mask, notes = mask[around], []
    view = np.ascontiguousarray(image[around])
    if options.method == "grabcut":
        mask, note = grab_cut(view, saliency[around], mask)
        notes += [note] if note else []
    alpha[around] = smooth_alpha(view, mask)
    return alpha, notes


def _touches(box: tuple[int, int, int, int], shape: tuple[int, int]) -> bool:
    x, y, width, height = box
    return x == 0 or y == 0 or x + width == shape[1] or y + height == shape[0]


def _placed(rgba: np.ndarray, photo: np.ndarray, box: Box | None, options: CutoutOptions) -> np.ndarray:
    """Places the cut-out in its frame and on its background."""
    if options.size is None and options.padding is None:
        framed, shown = rgba, (slice(None), slice(None))
    elif box is None:
        width, height = options.size or rgba.shape[1::-1]
        framed, shown = np.zeros((height, width, 4), np.uint8), (slice(None), slice(None))
    else:
        framed, shown = _framed(rgba, box, options)
    if options.background is None:
        return framed
    size = framed.shape[1::-1]
    behind = background(options.background).render(size, photo[shown], rgba[shown][..., 3])
    return _over(framed, behind)


def _framed(rgba: np.ndarray, box: Box, options: CutoutOptions) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Places the object in a frame of its own; also returns the part of the photo (rows, columns) in the frame."""
    x, y, width, height = box
    if options.size is None:
        margin = round((options.padding or 0) * max(width, height))
        frame, scale = (width + 2 * margin, height + 2 * margin), 1.0
    else:
        frame = options.size
        margin = round((0.06 if options.padding is None else options.padding) * min(frame))
        margin = min(margin, (min(frame) - 1) // 2)
        scale = min((frame[0] - 2 * margin) / width, (frame[1] - 2 * margin) / height)
    placed = (max(1, round(width * scale)), max(1, round(height * scale)))
    left = (frame[0] - placed[0]) // 2
    top = frame[1] - margin - placed[1] if options.align == "bottom" else (frame[1] - placed[1]) // 2
    piece = np.ascontiguousarray(rgba[y : y + height, x : x + width])
    if placed != (width, height):
        # Pillow premultiplies the colors by alpha to resize RGBA, so that colors of transparent pixels do not bleed in.
        piece = np.asarray(Image.fromarray(piece).resize(placed, Image.Resampling.LANCZOS, reducing_gap=3.0))
    if frame[0] * frame[1] > 2 * MAX_PIXELS:  # for instance a large padding around a long, thin object
        raise ImageError(f"the cut-out would have {frame[0]} x {frame[1]} pixels; give less padding, or a size")
    canvas = np.zeros((frame[1], frame[0], 4), np.uint8)
    canvas[top : top + placed[1], left : left + placed[0]] = piece
    rows = slice(max(0, round(y - top / scale)), max(1, round(y + (frame[1] - top) / scale)))
    columns = slice(max(0, round(x - left / scale)), max(1, round(x + (frame[0] - left) / scale)))
    return canvas, (rows, columns)


def _over(rgba: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Composites RGBA over RGB, in bands of rows to limit the memory."""
    result = behind.copy()
    for start in range(0, len(rgba), 256):
        part, shown = rgba[start : start + 256], result[start : start + 256]
        alpha = part[..., 3]
        cv2.copyTo(cv2.cvtColor(part, cv2.COLOR_RGBA2RGB), (alpha == 255).astype(np.uint8), shown)
        soft = (alpha > 0) & (alpha < 255)  # few pixels, along the edge
        share = alpha[soft][:, None].astype(np.float32) / 255
        shown[soft] = (part[soft][:, :3] * share + shown[soft] * (1 - share)).round()
    return result
