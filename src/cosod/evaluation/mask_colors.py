"""Reading the mask from an image that has colors, a palette or transparency."""

import numpy as np
from PIL import Image

#: A truth with more colors than this is treated as a photo or a color map, and not as an image of labels.
_FEW = 32
#: The colors of a truth with transparency are a mask of their own if at least this share of pixels is black or white.
_MASK = 0.9


def levels_of(image: Image.Image, truth: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reads a Pillow image that has colors, a palette or transparency as gray levels.

    Args:
        image: any image that Pillow can convert to RGB.
        truth: whether the image is a truth, in which a few colors on black can only mark objects, or a map.

    Returns:
        The levels, uint8, ``(H, W)``, and what to tell the user about the image, as kinds of
        :class:`cosod.evaluation.notices.Notices`.

    Example:
        >>> levels, kinds = levels_of(Image.open("mask.png"), truth=True)  # doctest: +SKIP
    """
    gray = np.asarray(image.convert("L"))
    alpha = _alpha(image)
    if alpha is not None:
        return _with_alpha(np.asarray(image.convert("RGBA"))[..., :3], gray, alpha, truth)
    colors = np.asarray(image.convert("RGB"))
    if _is_gray(colors):
        if image.mode == "P" and truth and gray.min() == gray.max():
            return _of_indices(np.asarray(image), gray)
        return gray, () if image.mode in ("1", "L", "P", "PA", "LA") else ("color_truth" if truth else "color_map",)
    packed = colors.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    used = np.unique(packed)
    lossless = image.format not in ("JPEG", "MPO")
    few = len(used) == 2 or (truth and len(used) <= _FEW and 0xFFFFFF not in used)
    if lossless and used[0] == 0 and few:
        kind = ("labels_in_color" if len(used) > 2 else "colored") if truth else "colored_map"
        return np.where(packed, 255, 0).astype(np.uint8), (kind,)
    return gray, ("color_truth" if truth else "color_map",)


def _alpha(image: Image.Image) -> np.ndarray | None:
    """Returns the opacity, uint8, ``(H, W)``; None if the image has none or if it is the same everywhere."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return None
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    return None if alpha.min() == alpha.max() else alpha


def _with_alpha(colors: np.ndarray, gray: np.ndarray, alpha: np.ndarray, truth: bool):
    """Reads the mask of an image whose opacity varies, either from its colors or from its opacity."""
    if ((gray >= 128) == (alpha >= 128)).all():
        return alpha if len(np.unique(alpha)) > len(np.unique(gray)) else gray, ()
    visible = colors[alpha > 0]
    if (visible == visible[0]).all():
        return alpha, ("alpha",)
    own_mask = _is_gray(colors) and np.mean((gray == 0) | (gray == 255)) >= _MASK
    if truth and not own_mask:
        return alpha, ("alpha",)
    return gray, ("alpha_too",)


def _of_indices(indices: np.ndarray, gray: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Reads the mask from the indices of a palette whose colors are all the same; index 0 is the background."""
    if indices.min() == indices.max():
        return gray, ()
    return np.where(indices, 255, 0).astype(np.uint8), ("colored",)


def _is_gray(colors: np.ndarray) -> bool:
    return bool((colors[..., 0] == colors[..., 1]).all() and (colors[..., 1] == colors[..., 2]).all())
