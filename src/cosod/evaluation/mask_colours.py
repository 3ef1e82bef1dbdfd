"""The mask in an image with colours, a palette or transparency."""

import numpy as np
from PIL import Image

#: A picture of more colours than this is a photo or a colour map, no picture of labels.
_FEW = 32
#: Share of black and white pixels from which on a picture with transparency is a mask in its own right.
_MASK = 0.9


def levels_of(image: Image.Image, truth: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """Read a Pillow image in colours, with a palette or with transparency as grey levels.

    Args:
        image: any image that Pillow turns to RGB.
        truth: whether it is a truth, which marks the object and nothing else, or a map.

    Returns:
        uint8, (H, W), and kinds of notices.

    Example:
        >>> levels, kinds = levels_of(Image.open("mask.png"), truth=True)
    """
    grey = np.asarray(image.convert("L"))
    alpha = _alpha(image)
    if alpha is not None:
        return _with_alpha(np.asarray(image.convert("RGBA"))[..., :3], grey, alpha, truth)
    colours = np.asarray(image.convert("RGB"))
    if _is_grey(colours):
        if image.mode == "P" and truth and grey.min() == grey.max():
            return _of_indices(np.asarray(image), grey)
        return grey, () if image.mode in ("1", "L", "P", "PA", "LA") else ("colour_truth" if truth else "colour_map",)
    packed = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    used = np.unique(packed)
    lossless = image.format not in ("JPEG", "MPO")
    few = len(used) == 2 or (truth and len(used) <= _FEW and 0xFFFFFF not in used)
    if lossless and used[0] == 0 and few:
        kind = ("labels_in_colour" if len(used) > 2 else "coloured") if truth else "coloured_map"
        return np.where(packed, 255, 0).astype(np.uint8), (kind,)
    return grey, ("colour_truth" if truth else "colour_map",)


def _alpha(image: Image.Image) -> np.ndarray | None:
    """The opacity, uint8 (H, W); None where it is the same everywhere and says nothing."""
    if image.mode not in ("RGBA", "LA", "PA", "La", "RGBa") and "transparency" not in image.info:
        return None
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    return None if alpha.min() == alpha.max() else alpha


def _with_alpha(colours: np.ndarray, grey: np.ndarray, alpha: np.ndarray, truth: bool):
    """The mask of a picture whose opacity varies: that of its colours or that of its opacity."""
    if ((grey >= 128) == (alpha >= 128)).all():
        return alpha if len(np.unique(alpha)) > len(np.unique(grey)) else grey, ()
    visible = colours[alpha > 0]
    if (visible == visible[0]).all():
        return alpha, ("alpha",)
    own_mask = _is_grey(colours) and np.mean((grey == 0) | (grey == 255)) >= _MASK
    if truth and not own_mask:
        return alpha, ("alpha",)
    return grey, ("alpha_too",)


def _of_indices(indices: np.ndarray, grey: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The mask in the numbers of a palette whose colours are all the same: 0 is the background."""
    if indices.min() == indices.max():
        return grey, ()
    return np.where(indices, 255, 0).astype(np.uint8), ("coloured",)


def _is_grey(colours: np.ndarray) -> bool:
    return bool((colours[..., 0] == colours[..., 1]).all() and (colours[..., 1] == colours[..., 2]).all())
