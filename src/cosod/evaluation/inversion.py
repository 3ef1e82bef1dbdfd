"""Whether a map and its truth look like each other's negatives."""

import cv2
import numpy as np

#: A map counts as inverted from this difference of its mean on and off the object on, as a share of its range.
_DIFFERENCE = 0.5
#: Maps with a smaller range of levels say nothing.
_RANGE = 16


def inverted(pred: np.ndarray, truth: np.ndarray) -> str | None:
    """Tell whether a map is dark on the object and bright elsewhere.

    A map that finds another object than the truth's is bright on a part of the background only and does not count.

    Args:
        pred: map, uint8 (H, W).
        truth: truth, uint8 (H', W'); the map is compared at the truth's size.

    Returns:
        None, ``inverted``, or ``inverted_truth`` where it is the truth that is white along the edges of the picture,
        where objects seldom are.

    Example:
        >>> inverted(255 - truth, truth)  # doctest: +SKIP
        'inverted'
    """
    low, high = int(pred.min()), int(pred.max())
    objects = cv2.compare(truth, 128, cv2.CMP_GE)  # type: ignore[call-overload] # the stubs know no scalars
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
