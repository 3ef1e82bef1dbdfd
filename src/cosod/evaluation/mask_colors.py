"""The mask in an image with colors, a palette or transparency."""

import numpy as np
from PIL import Image

#: A picture of more colors than this is a photo or a color map, no picture of labels.
_FEW = 32
#: Share of black and white pixels from which on a picture with transparency is a mask in its own right.
_MASK = 0.9


def levels_of(image: Image.Image, truth: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a Pillow image in colors, with a palette or with transparency as gray levels.

    Args:
        image: any image that Pillow turns to RGB.
        truth: whether it is a truth, which marks the object and nothing else, or a map.

    Returns:
        uint8, (H, W), and kinds of notices.

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
    """Returns the opacity, uint8 (H, W); None where it is the same everywhere and says nothing."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return None
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    return None if alpha.min() == alpha.max() else alpha


def _with_alpha(colors: np.ndarray, gray: np.ndarray, alpha: np.ndarray, truth: bool):
    """Returns the mask of a picture whose opacity varies: that of its colors or that of its opacity."""
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
    """Returns the mask in the numbers of a palette whose colors are all the same: 0 is the background."""
    if indices.min() == indices.max():
        return gray, ()
    return np.where(indices, 255, 0).astype(np.uint8), ("colored",)


def _is_gray(colors: np.ndarray) -> bool:
    return bool((colors[..., 0] == colors[..., 1]).all() and (colors[..., 1] == colors[..., 2]).all())
