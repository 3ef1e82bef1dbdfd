"""What a user paints on a photo: a mark of the object, or a correction of the result."""

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from cosod.errors import ImageError
from cosod.postprocess.object_mask import grab_cut, surroundings

#: Maximum number of pixels of a painting; the page sends far fewer.
MOST_PIXELS = 16_000_000
#: Values of a painting: from OBJECT on the object, up to BACKGROUND not the object, and undecided between them.
OBJECT, BACKGROUND = 192, 63
#: How far the object may extend beyond the painted strokes where the painting is undecided: as a share of the longer
#: side of the photo, and as a share of the square root of the painted area.
REACH, OWN_REACH = 0.04, 0.6

#: Minimum overlap (IoU) of the mask of GrabCut with the painted strokes, which are only a rough mask.
AGREEMENT = 0.5


def read_mark(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Reads a painted mark and checks that it can be used.

    Args:
        data: a PNG of the whole photo in any size, white on the object and black elsewhere. Between white and black
            strokes it may be gray where the outline of the object decides. In a mask of zeros and ones, ones are white.
        size: height and width of the photo.

    Returns:
        uint8 ``(H, W)`` at the size of the photo.

    Raises:
        ImageError: the data is not a PNG, is too large, marks nothing, or marks everything.
    """
    painting = _read(data, size)
    if not (painting >= OBJECT).any():
        raise ImageError("the mark is empty; paint on the object")
    if (painting >= OBJECT).all():
        raise ImageError("the mark covers the whole photo; paint the object alone")
    return painting


def read_correction(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """Reads a painted correction: white is added to the object, black is removed, and gray (128) changes nothing.

    Args and Returns:
        as for :func:`read_mark`.

    Raises:
        ImageError: the data is not a PNG, is too large, or changes nothing.
    """
    painting = _read(data, size)
    if not ((painting >= OBJECT) | (painting <= BACKGROUND)).any():
        raise ImageError("the correction is empty; paint what belongs to the object, or what does not")
    return painting


def marked_mask(painting: np.ndarray, read: Callable[[], np.ndarray]) -> np.ndarray:
    """Computes the mask of a marked photo.

    Where the painting is undecided, the object may extend a little beyond the strokes, up to where the colors change
    (:func:`cosod.postprocess.object_mask.grab_cut`).

    Args:
        painting: painting of :func:`read_mark`, ``(H, W)``.
        read: returns the photo, ``(H, W, 3)`` uint8; called only if the painting is undecided somewhere.

    Returns:
        bool ``(H, W)``, true on everything painted as object, and false on everything painted as background.
    """
    painted = painting >= OBJECT
    reach = round(min(REACH * max(painted.shape), OWN_REACH * float(painted.sum()) ** 0.5))
    near = _near(painted, reach) & (painting > BACKGROUND)
    around = surroundings(near)
    if not (near & ~painted).any() or around is None:
        return painted
    sure = np.where(painted, 1, np.where(near, 0.5, 0)).astype(np.float32)
    image = np.ascontiguousarray(read()[around])
    found, _ = grab_cut(image, sure[around], np.ascontiguousarray(painted[around]), agreement=AGREEMENT)
    shape = painted[around].shape
    soft = cv2.resize(found.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    inside = painted[around] | ((soft > 0.5) & near[around])
    result = np.zeros(painted.shape, bool)
    result[around] = _touching(inside, painted[around])
    return painted if result.all() else result  # a mask of the whole photo is not useful


def corrected(saliency: np.ndarray, painting: np.ndarray) -> np.ndarray:
    """Applies a correction of :func:`read_correction` to a map ``(H, W)`` of any type with full scale 255 or 1."""
    result = saliency.copy()
    result[painting >= OBJECT] = 255 if saliency.dtype == np.uint8 else 1
    result[painting <= BACKGROUND] = 0
    return result


def _read(data: bytes, size: tuple[int, int]) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ImageError(f"the mark is over {MOST_PIXELS:,} pixels; send a smaller one")
            painting = _gray(image)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError("the mark is no PNG image, or it is damaged; send a PNG") from error
    return _fitted(painting, size)


def _gray(image: Image.Image) -> np.ndarray:
    """Converts a picture to uint8 gray: transparent becomes black, and of two dark values the larger becomes white."""
    if image.mode.startswith("I"):
        deep = np.asarray(image).astype(np.float32)
        values = (deep if deep.max(initial=0) <= BACKGROUND else deep / 257).round().astype(np.uint8)
    else:
        picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
        if picture.mode == "RGBA":
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
        values = np.asarray(picture.convert("L"))
    if values.max(initial=0) <= BACKGROUND and len(found := np.unique(values)) == 2:  # zeros and ones
        return np.where(values == found[1], 255, 0).astype(np.uint8)
    return values


def _fitted(painting: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resizes the painting to the size of the photo; if it is reduced, thin strokes are kept."""
    height, width = size
    if painting.shape[0] <= height and painting.shape[1] <= width:
        return cv2.resize(painting, (width, height), interpolation=cv2.INTER_NEAREST)
    white, black = (
        cv2.resize(part.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        for part in (painting >= OBJECT, painting <= BACKGROUND)
    )
    least = min(0.5, float(white.max())) or 1.0
    return np.select([white >= least, black >= 0.5], [255, 0], 128).astype(np.uint8)


def _near(painted: np.ndarray, reach: int) -> np.ndarray:
    distance = cv2.distanceTransform((~painted).astype(np.uint8), cv2.DIST_L2, 5)
    return distance <= reach


def _touching(mask: np.ndarray, painted: np.ndarray) -> np.ndarray:
    """Returns the connected parts of ``mask`` that overlap with what was painted."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[painted])] = True
    kept[0] = False
    return kept[labels]
