"""Masks by threshold and by GrabCut."""

import cv2
import numpy as np
import pytest

from cosod.errors import InputError
from cosod.postprocess.object_mask import (
    FLAW,
    SPECK,
    SURE_BACKGROUND,
    binary_mask,
    check_map,
    grab_cut,
    object_box,
    object_mask,
    surroundings,
    tidy,
)
from cosod.postprocess.threshold import binarize
from tests.apps.made import iou, scene


def test_specks_and_flaws_go_parts_and_holes_stay():
    mask = np.zeros((100, 100), bool)
    mask[10:60, 10:60] = True
    mask[70:90, 70:90] = True  # a second object
    mask[30:40, 30:40] = False  # a hole, as of a handle
    wanted = mask.copy()
    mask[15, 15] = False
    mask[95:98, 5:8] = True
    assert np.array_equal(tidy(mask), wanted)


def test_small_holes_stay_where_the_map_is_sure_of_them():
    saliency = np.zeros((200, 200), np.float32)
    saliency[20:180, 20:180] = 0.9
    saliency[60:66, 60:66] = 0.3  # a flaw of the map
    saliency[120:126, 120:126] = 0.0  # through a handle
    mask = object_mask(saliency)
    assert mask[63, 63] and not mask[123, 123]


def tidied_as_a_whole(mask, saliency):
    """What :func:`tidy` finds if it looks at the whole image, hole by hole."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.isin(labels, 1 + np.flatnonzero(areas >= SPECK * areas.max()))
    count, labels, _, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    result = kept.copy()
    for hole in range(1, count):
        inside = labels == hole
        if inside.sum() < FLAW * kept.sum() and not (saliency[inside] < SURE_BACKGROUND).any():
            result |= inside
    return result


@pytest.mark.parametrize("place", [(0, 0), (0, 3), (1, 1), (3, 40), (60, 0), (59, 119), (30, 55)])
@pytest.mark.parametrize("size", [(60, 80), (117, 197), (120, 100), (50, 200)])
def test_a_mask_is_tidied_as_if_the_whole_image_was_looked_at(place, size):
    chance = np.random.default_rng(sum(place) + sum(size))
    mask = np.zeros((120, 200), bool)
    y, x = place
    part = mask[y : y + size[0], x : x + size[1]]
    part[:] = True
    part[chance.random(part.shape) < 0.002] = False  # single pixels
    part[20:28, 30:31] = False
    mask[chance.random(mask.shape) < 0.001] = True
    saliency = (0.9 * cv2.blur(mask.astype(np.float32), (5, 5)) + chance.random(mask.shape) / 10).astype(np.float32)
    np.testing.assert_array_equal(tidy(mask, saliency), tidied_as_a_whole(mask, saliency))
    np.testing.assert_array_equal(tidy(mask), tidied_as_a_whole(mask, np.ones_like(saliency)))


def test_box_and_surroundings():
    mask = np.zeros((50, 80), bool)
    assert object_box(mask) is None and surroundings(mask) is None
    mask[10:20, 30:70] = True
    assert object_box(mask) == (30, 10, 40, 10)
    assert surroundings(mask) == (slice(0, 34), slice(16, 80))


def test_grab_cut_finds_the_edge_that_a_coarse_map_misses():
    photo, coverage, saliency = scene()
    mask = object_mask(saliency, "adaptive")
    cut, note = grab_cut(photo, saliency, mask)
    truth = coverage > 0.5
    assert note is None and iou(cut, truth) > 0.97 > iou(mask, truth)


def test_grab_cut_repeats_itself_and_leaves_the_callers_chance_alone():
    photo, _, saliency = scene()
    mask = object_mask(saliency)
    cv2.setRNGSeed(5)
    first = grab_cut(photo, saliency, mask)[0]
    after = cv2.randu(np.zeros(8), 0, 1)
    cv2.setRNGSeed(5)
    untouched = cv2.randu(np.zeros(8), 0, 1)
    assert np.array_equal(after, untouched)
    cv2.setRNGSeed(99)
    assert np.array_equal(first, grab_cut(photo, saliency, mask)[0])


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_grab_cut_without_object_or_background_keeps_the_mask(fill):
    photo, _, _ = scene()
    mask = np.full(photo.shape[:2], bool(fill))
    cut, note = grab_cut(photo, np.full(mask.shape, fill, np.float32), mask)
    assert np.array_equal(cut, mask) and "missing" in note


def test_grab_cut_that_loses_the_object_is_not_taken():
    photo = np.full((60, 60, 3), 128, np.uint8)
    photo[:, ::2] = 30
    saliency = np.full((60, 60), 0.2, np.float32)
    saliency[20:40, 20:40] = 0.6
    photo[0:10] = (255, 0, 0)
    mask = saliency > 0.5
    cut, note = grab_cut(photo, saliency, mask)
    assert iou(cut, mask) >= 0.5
    assert note is None or np.array_equal(cut, mask)


def test_large_photos_are_cut_at_a_bounded_size():
    photo, coverage, saliency = (cv2.resize(a, None, fx=8, fy=8) for a in scene())
    cut, _ = grab_cut(photo, saliency, object_mask(saliency))
    assert max(cut.shape) == 480
    assert iou(cv2.resize(cut.astype(np.uint8), coverage.shape[::-1]) > 0, coverage > 0.5) > 0.94


def test_maps_that_do_not_fit():
    good = check_map(np.array([[0, 255]], np.uint8), (1, 2))
    assert good.dtype == np.float32 and good.tolist() == [[0, 1]]
    with pytest.raises(InputError, match="3 x 2, its image 4 x 2"):
        check_map(np.zeros((2, 3)), (2, 4))
    for wrong in (np.nan, -0.1, 1.5):
        with pytest.raises(InputError, match=r"out of \[0, 1\]"):
            check_map(np.full((2, 2), wrong), (2, 2))


def test_parts_of_a_mask_that_are_nowhere_certain_go():
    saliency = np.zeros((32, 32), np.float32)
    saliency[2:12, 2:12] = 0.9  # the object
    saliency[20:24, 2:6] = 0.55  # what is left of another
    saliency[20:24, 20:24] = 0.55
    saliency[21, 21] = 0.6  # fainter than the first, but an object
    found = binary_mask(saliency, 0.5)
    assert found[2:12, 2:12].all() and found[20:24, 20:24].all() and found.sum() == 116
    np.testing.assert_array_equal(binary_mask(saliency, 0.1), saliency > 0.1)  # who asks for faint things gets them
    for threshold in ("adaptive", "coseg"):
        np.testing.assert_array_equal(binary_mask(saliency, threshold), binarize(saliency, threshold))
    assert not binary_mask(np.zeros((4, 4), np.float32)).any()
    faint = 0.6 * saliency  # of a faint map the best part stays
    assert binary_mask(faint, 0.5)[2:12, 2:12].all()
