"""Matting: a smooth alpha at the size of the photo from a mask, and colors of the edge without the background."""

import itertools
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from cosod.postprocess.closed_form import closed_form_alpha
from cosod.postprocess.inpaint import spread
from cosod.postprocess.object_mask import Window, bounded

#: Longer side, in pixels, at which alpha and the colors along the edge are computed.
EDGE_SIDE = 1024
#: Width in pixels of the band of unknown alpha on each side of the edge of the mask: the minimum in pixels of the
#: image, and the width in pixels of the mask.
BAND, MASK_ERROR = 4, 2.5
#: Radius in pixels, and regularization for colors in [0, 1], of the linear models that are applied to larger images
#: (fast guided filter: He and Sun, arXiv:1505.00996).
RADIUS, EPSILON = 2, 1e-5
#: Side of the largest and of the smallest tiles in which full-size photos are processed. The largest bounds the memory;
#: the smaller they are along the edge of the object, the fewer pixels are computed that do not depend on it.
TILE, EDGE_TILE = 256, 64


def guided_coefficients(guide: np.ndarray, target: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Computes the color guided filter's linear model (He, Sun and Tang, PAMI 2013, equations 14 to 16).

    Args:
        guide: float32 ``(H, W, 3)`` in [0, 1].
        target: float32 ``(H, W)`` to be filtered.
        radius: radius of the windows, whose sides are ``2 radius + 1`` pixels.
        epsilon: regularization; larger values give smoother results.

    Returns:
        float32 ``(H, W, 4)``: the filtered target is ``(guide * c[..., :3]).sum(-1) + c[..., 3]``.

    Example:
        >>> guide, target = np.zeros((8, 8, 3), np.float32), np.ones((8, 8), np.float32)
        >>> guided_coefficients(guide, target, 2, 1e-3).shape
        (8, 8, 4)
    """
    side = (2 * radius + 1, 2 * radius + 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.boxFilter(values, -1, side, borderType=cv2.BORDER_REFLECT)

    mean_guide, mean_target = mean(guide), mean(target)
    covariance = mean(guide * target[..., None]) - mean_guide * mean_target[..., None]
    r, g, b = (guide[..., i] for i in range(3))
    products = mean(np.stack([r * r, r * g, r * b], -1)), mean(np.stack([g * g, g * b, b * b], -1))
    mr, mg, mb = (mean_guide[..., i] for i in range(3))
    rr = products[0][..., 0] - mr * mr + epsilon
    rg = products[0][..., 1] - mr * mg
    rb = products[0][..., 2] - mr * mb
    gg = products[1][..., 0] - mg * mg + epsilon
    gb = products[1][..., 1] - mg * mb
    bb = products[1][..., 2] - mb * mb + epsilon
    # The symmetric 3 x 3 matrix of each pixel is inverted by its cofactors, which avoids a solver call for each pixel.
    c00, c01, c02 = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    c11, c12, c22 = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = rr * c00 + rg * c01 + rb * c02
    x, y, z = (covariance[..., i] for i in range(3))
    slopes = np.stack([c00 * x + c01 * y + c02 * z, c01 * x + c11 * y + c12 * z, c02 * x + c12 * y + c22 * z], -1)
    slopes /= determinant[..., None]
    offset = mean_target - (slopes * mean_guide).sum(-1)
    return np.concatenate([mean(slopes), mean(offset)[..., None]], -1)


def _apply(coefficients: np.ndarray, guide: np.ndarray) -> np.ndarray:
    return (coefficients[..., :3] * guide).sum(-1) + coefficients[..., 3]


def smooth_alpha(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Computes alpha at the image's size, from a mask of any size that covers the same view.

    For images of up to :data:`EDGE_SIDE` pixels, alpha is computed for each pixel. Larger images are reduced to this
    size, and the linear models that map colors to alpha there are applied to all pixels of the image, as in section 4.3
    of Levin et al.

    Args:
        image: ``(H, W, 3)`` uint8.
        mask: bool ``(h, w)``.

    Returns:
        uint8 ``(H, W)``: 255 inside, 0 outside, and values between them in a narrow band along the edge in the image.

    Example:
        >>> image, mask = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), bool)
        >>> image[8:24, 8:24], mask[8:24, 8:24] = 255, True
        >>> smooth_alpha(image, mask).shape
        (32, 32)
    """
    height, width = image.shape[:2]
    size = bounded(image.shape, EDGE_SIDE)
    guide = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    target = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR) > 0.5
    # The edge of the mask may be wrong by a few pixels of the mask.
    reach = max(BAND, round(MASK_ERROR * max(size) / max(mask.shape)))
    small = closed_form_alpha(guide, target, _edge(target, reach))
    if size == (width, height):
        return (255 * small).round().astype(np.uint8)
    return _at_full_size(image, guide, small)


def _edge(mask: np.ndarray, reach: int) -> np.ndarray:
    """Returns the pixels of a bool mask ``(H, W)`` within ``reach`` of its edge."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    binary = mask.astype(np.uint8)
    return cv2.erode(binary, kernel) != cv2.dilate(binary, kernel)


def _at_full_size(image: np.ndarray, guide: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Computes alpha of the image by the linear models that give ``small`` of its reduced copy ``guide``; uint8."""
    height, width = image.shape[:2]
    coefficients = guided_coefficients(guide, small, RADIUS, EPSILON)
    kernel = np.ones((3, 3), np.uint8)
    # Alpha does not change where all values around it are 0, or all are 1.
    bounds = ((cv2.erode(small, kernel) > 0.99).astype(np.float32) + (cv2.dilate(small, kernel) > 0.01)) / 2
    alpha = np.empty((height, width), np.uint8)

    def constant(window: Window) -> bool:
        low, high, _, _ = cv2.minMaxLoc(_needed(bounds, (height, width), window))
        return low == high and low in (0, 1)

    for window, plain in _tiles(height, width, constant):
        if plain:
            alpha[window] = 255 * _needed(bounds, (height, width), window).flat[0]
            continue
        limits = _enlarged(bounds, (height, width), window)
        part = image[window].astype(np.float32) / 255
        soft = _apply(_enlarged(coefficients, (height, width), window), part).clip(0, 1)
        alpha[window] = (255 * np.clip(soft, 2 * limits - 1, 2 * limits)).round()
    return alpha


def clean_colors(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Computes the colors of the object without the background that is mixed with them along the edge.

    In the band of partial alpha, a pixel is ``alpha F + (1 - alpha) B``. F and B are first extrapolated into the band
    from both sides, and then corrected by the residual of this equation (Forte, "Approximate fast foreground color
    estimation", ICIP 2021, equation 5).

    Args:
        image: ``(H, W, 3)`` uint8.
        alpha: uint8 ``(H, W)``.

    Returns:
        uint8 ``(H, W, 3)``: the colors of the image where alpha is 255. The colors of the object continue a little
        beyond the edge, and all further pixels are black.

    Example:
        >>> image, alpha = np.full((16, 16, 3), 200, np.uint8), np.full((16, 16), 255, np.uint8)
        >>> clean_colors(image, alpha).shape
        (16, 16, 3)
    """
    height, width = alpha.shape
    size = bounded(alpha.shape, EDGE_SIDE)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    opacity = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    solid, empty = (opacity >= 250).astype(np.float32), (opacity <= 5).astype(np.float32)
    cleaned = cv2.copyTo(image, alpha)
    if not solid.any() or not empty.any():
        return cleaned
    estimates = np.concatenate([spread(small, solid), spread(small, empty)], -1)
    reach = cv2.dilate((opacity > 0).astype(np.float32), np.ones((5, 5), np.uint8))

    def finished(window: Window) -> bool:
        low, high, _, _ = cv2.minMaxLoc(alpha[window])
        return low == 255 or (high == 0 and not _needed(reach, (height, width), window).any())

    for window, plain in _tiles(height, width, finished):
        if plain:
            continue
        opaque = alpha[window][..., None].astype(np.float32) / 255
        inner, outer = np.split(_enlarged(estimates, (height, width), window), 2, axis=-1)
        unexplained = image[window] - opaque * inner - (1 - opaque) * outer
        colors = (inner + opaque * unexplained).clip(0, 255).round()
        colors *= _enlarged(reach, (height, width), window)[..., None] > 0
        cleaned[window] = np.where(opaque == 1, image[window], colors)
    return cleaned


def _tiles(height: int, width: int, plain: Callable[[Window], bool]) -> Iterator[tuple[Window, bool]]:
    """Yields windows that cover an image, each with whether it is plain: plain ones have sides of up to :data:`TILE`.

    A window that is not plain is divided into four, until its sides are at most :data:`EDGE_TILE`.
    """

    def divided(rows: slice, columns: slice) -> Iterator[tuple[Window, bool]]:
        found = plain((rows, columns))
        if found or max(rows.stop - rows.start, columns.stop - columns.start) <= EDGE_TILE:
            yield (rows, columns), found
        else:
            for window in itertools.product(_halves(rows), _halves(columns)):
                yield from divided(*window)

    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            yield from divided(slice(y, min(y + TILE, height)), slice(x, min(x + TILE, width)))


def _halves(part: slice) -> list[slice]:
    middle = (part.start + part.stop + 1) // 2
    return [half for half in (slice(part.start, middle), slice(middle, part.stop)) if half.start < half.stop]


def _needed(coarse: np.ndarray, size: tuple[int, int], window: Window) -> np.ndarray:
    """Returns the pixels of ``coarse`` on which a window depends if ``coarse`` is enlarged to ``size``."""
    (rows, _, _), (columns, _, _) = (
        _source(part, long, short) for part, long, short in zip(window, size, coarse.shape, strict=False)
    )
    return coarse[rows, columns]


def _enlarged(coarse: np.ndarray, size: tuple[int, int], window: Window) -> np.ndarray:
    """Returns a window of ``coarse`` enlarged to ``size``, bilinearly, without enlarging the rest."""
    (_, y, down), (_, x, across) = (
        _source(part, long, short) for part, long, short in zip(window, size, coarse.shape, strict=False)
    )
    part = _needed(coarse, size, window)
    matrix = np.array([[across, 0, x], [0, down, y]])
    shape = (window[1].stop - window[1].start, window[0].stop - window[0].start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    # OpenCV takes up to four channels.
    pieces = [part] if part.ndim == 2 else np.split(part, range(3, part.shape[2], 3), axis=2)
    pieces = [cv2.warpAffine(p, matrix, shape, flags=flags, borderMode=cv2.BORDER_REPLICATE) for p in pieces]
    return pieces[0] if len(pieces) == 1 else np.dstack(pieces)


def _source(window: slice, long: int, short: int) -> tuple[slice, float, float]:
    """Returns along one axis the coarse pixels that a window needs, its start in them, and its step."""
    step = short / long
    begin, end = (window.start + 0.5) * step - 0.5, (window.stop - 0.5) * step - 0.5
    first, last = max(0, int(begin) - 1), min(short, int(end) + 3)
    return slice(first, last), begin - first, step
