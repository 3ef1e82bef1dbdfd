"""Leveling: the resemblance to the group counts less where it says less.

Usually the object is what the photos of a group have in common, and what resembles the group less is something else. In
photos of one scene, as those of an event, a burst or a clip, the background is found again in the other photos just as
the object is. What differs most there are the parts of the object: the wing of an airplane resembles the wing in the
next photo much more than it resembles the fuselage. The object would lose parts that it keeps if each photo is
segmented by itself. The same holds for a saved consensus and a new photo, which is not among those that it was learned
from: parts of the object that these did not show differ from them as other objects do.

Leveling takes back a part of the differences within a map (:func:`leveled`), and divides regions only where the map
differs more clearly (:func:`cosod.inference.region_filter.filtered`).
"""

import numpy as np

#: Mean match of the background with other photos up to which a group is an ordinary one, and from which on its photos
#: show one scene. Most groups of MSRC and DUTS_class have .1 to .3, rows of successive photos of MSRC up to .6, and
#: views of one photo .4 to .65 (``tools/measure_leveling.py``).
ORDINARY, SAME = 0.27, 0.33
#: Leveling of maps by a saved consensus.
KEPT = 1.0
#: Share of the differences in resemblance that leveling of 1 takes back.
TAKEN_BACK = 1 / 3
#: Values are clamped to [NEAR, 1 - NEAR] for logits, since those of values nearer to 0 and 1 depend on rounding.
NEAR = 1e-3


def background_match(objectness: np.ndarray, match: np.ndarray) -> float:
    """Computes how well the background of the photos of a group is found again in the other photos, at most 1.

    Args:
        objectness: probability that a position shows an object, ``(N, P)`` in [0, 1]; 0 for padding.
        match: mean over the other photos of each position's best match there, ``(N, P)``, see
            :meth:`cosod.models.modules.part_matching.PartMatching.match`.

    Example:
        >>> round(background_match(np.array([[0.9, 0.1]]), np.array([[0.8, 0.2]])), 2)
        0.26
    """
    background = np.where(objectness > 0, 1 - objectness, 0)
    found = (background * match).sum(axis=1) / background.sum(axis=1).clip(1e-6)
    return float(found.mean())


def scene_leveling(objectness: np.ndarray, match: np.ndarray) -> float:
    """Computes how much the photos of a group show one scene, from 0 (not at all) to 1.

    Args:
        objectness, match: as for :func:`background_match`.

    Example:
        >>> objectness = np.array([[0.9, 0.1]])
        >>> scene_leveling(objectness, np.array([[0.8, 0.1]])), scene_leveling(objectness, np.array([[0.8, 0.7]]))
        (0.0, 1.0)
    """
    return float(np.clip((background_match(objectness, match) - ORDINARY) / (SAME - ORDINARY), 0, 1))


def leveled(maps: np.ndarray, saliency: np.ndarray, leveling: float) -> np.ndarray:
    """Takes back a part of what maps lose where images resemble the group less than in their best place.

    The logit of a map is that of saliency plus a change, which is largest where the image resembles the group most. The
    changes at all other positions come nearer to that one, by the share :data:`TAKEN_BACK` if ``leveling`` is 1.

    Args:
        maps: maps of the shared object, ``(N, H, W)`` in [0, 1].
        saliency: saliency of any object in the same images, ``(N, H, W)`` in [0, 1].
        leveling: in [0, 1]; 0 leaves the maps as they are.

    Returns:
        The maps, ``(N, H, W)``.

    Example:
        >>> leveled(np.array([[[0.9, 0.5]]]), np.array([[[0.9, 0.9]]]), 1.0).round(2)
        array([[[0.9 , 0.68]]])
    """
    if leveling == 0:
        return maps
    level, objects = (np.clip(values, NEAR, 1 - NEAR) for values in (maps, saliency))
    change = np.log(level * (1 - objects) / ((1 - level) * objects))
    odds = np.exp(leveling * TAKEN_BACK * (change.max(axis=(1, 2), keepdims=True) - change))
    return maps * odds / (1 + maps * (odds - 1))
