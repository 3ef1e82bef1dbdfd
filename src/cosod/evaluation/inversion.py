"""Detection of maps and truths that appear to be inverted."""

import cv2
import numpy as np

#: A map counts as inverted if its mean off the object is higher than on it by at least this share of the map's range.
_DIFFERENCE = 0.5
#: Maps whose highest and lowest level differ by less than this are not examined.
_RANGE = 16


def inverted(pred: np.ndarray, truth: np.ndarray) -> str | None:
    """Returns whether a map is dark on the object and bright elsewhere, as if the map or the truth were inverted.

    A map that shows another object than the truth is bright on only a part of the background, and does not count as
    inverted.

    Args:
        pred: the map, uint8, ``(H, W)``.
        truth: the truth, uint8, ``(H', W')``, where levels from 128 on are the object. A map of another size is resized
            to the size of the truth.

    Returns:
        None if neither appears to be inverted, and also for a nearly constant map and for a truth without an object or
        without background. Otherwise ``"inverted_truth"`` if the truth is white along most of the edges of the image,
        where objects are rare, and the map is not; and ``"inverted"`` in all other cases.

    Example:
        >>> truth = np.zeros((32, 32), np.uint8)
        >>> truth[8:24, 8:24] = 255
        >>> inverted(255 - truth, truth)
        'inverted'
    """
    low, high = int(pred.min()), int(pred.max())
    objects = cv2.compare(truth, 128, cv2.CMP_GE)  # type: ignore[call-overload] # OpenCV's stubs do not know scalars
    inside = cv2.countNonZero(objects)
    if high - low < _RANGE or inside in (0, truth.size):
        return None
    if pred.shape != truth.shape:
        pred = cv2.resize(pred, truth.shape[::-1], interpolation=cv2.INTER_NEAREST)
    on = cv2.mean(pred, objects)[0]
    off = (cv2.mean(pred)[0] * truth.size - on * inside) / (truth.size - inside)
    if off - on < _DIFFERENCE * (high - low):
        return None
    edge_of_truth = _edge_mean(objects) / 255
    edge_of_map = (_edge_mean(pred) - low) / (high - low)
    return "inverted_truth" if edge_of_truth > 0.5 > edge_of_map else "inverted"


def _edge_mean(image: np.ndarray) -> float:
    return float(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).mean())
