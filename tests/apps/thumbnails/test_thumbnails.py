"""Crops of a group that look alike."""

import numpy as np
import pytest

import cosod
from cosod.apps.thumbnails.thumbnails import ThumbnailOptions, contact_sheet, crop, plan_crops
from cosod.errors import InputError
from tests.apps.made import GROUND, OBJECT, scene

BOXES = [(100, 80, 40, 60), (10, 30, 90, 50), (200, 5, 30, 30), (0, 0, 300, 200)]
SIZES = [(300, 400), (200, 300), (240, 320), (200, 300)]


@pytest.mark.parametrize("size", [(100, 100), (160, 90), (60, 120)])
def test_all_show_the_object_at_one_place_and_one_size(size):
    frames = plan_crops(BOXES, SIZES, ThumbnailOptions(size))
    shares, places = [], []
    for (x, y, width, height), (left, top, across, down) in zip(BOXES, frames, strict=True):
        assert across / down == pytest.approx(size[0] / size[1])
        assert left <= x and top <= y and left + across >= x + width and top + down >= y + height, "never cut"
        shares.append(max(width / across, height / down))
        places.append(((x + width / 2 - left) / across, (y + height / 2 - top) / down))
    assert np.ptp(shares) < 1e-9 and np.ptp(places, axis=0).max() < 1e-9
    assert 0.65 - 1e-9 <= shares[0] <= 0.9 + 1e-9


def test_frames_with_room_keep_to_the_middle_and_the_usual_share():
    (frame,) = plan_crops([(100, 100, 65, 30)], [(300, 300)], ThumbnailOptions((50, 50)))
    assert frame == pytest.approx((82.5, 65, 100, 100))
    (frame,) = plan_crops([(100, 100, 65, 30)], [(300, 300)], ThumbnailOptions((50, 50), fill=0.5))
    assert frame[2] == pytest.approx(130)


def test_frames_kept_inside_still_hold_the_object():
    frames = plan_crops(BOXES, SIZES, ThumbnailOptions((100, 100), edges="inside"))
    for (x, y, width, height), (rows, columns), (left, top, across, down) in zip(BOXES, SIZES, frames, strict=True):
        assert left <= x and top <= y and left + across >= x + width - 1e-9 and top + down >= y + height - 1e-9
        if width <= rows and height <= columns:
            assert left >= 0 and top >= 0 and left + across <= columns + 1e-9 and top + down <= rows + 1e-9


def test_without_an_object_the_middle_is_shown():
    frames = plan_crops([None, None], [(100, 300), (100, 50)], ThumbnailOptions((80, 80)))
    assert frames == [(100, 0, 100, 100), (0, 25, 50, 50)]


def test_crop_shows_the_frame():
    photo, _, _ = scene()
    shown = crop(photo, (50, 30, 60, 60), (60, 60))
    assert np.array_equal(shown, photo[30:90, 50:110])
    assert crop(photo, (0.5, 0.25, 150.5, 110.1), (31, 17)).shape == (17, 31, 3)
    with pytest.raises(InputError, match="outside"):
        crop(photo, (500, 500, 10, 10), (20, 20))


def test_beyond_the_photo_the_background_goes_on_and_the_object_does_not():
    photo, coverage, _ = scene(center=(160, 60))  # cut in half by the right edge
    shown = crop(photo, (80, 0, 120, 120), (120, 120), coverage > 0.5)
    outside = shown[:, 82:].reshape(-1, 3).astype(float)
    assert np.linalg.norm(outside - GROUND, axis=1).mean() < np.linalg.norm(outside - OBJECT, axis=1).mean() / 4
    assert np.array_equal(shown[:, :80], photo[:, 80:])


def test_reduced_masks_serve_as_well():
    photo, coverage, _ = scene(center=(160, 60))
    whole = crop(photo, (80, 0, 120, 120), (120, 120), coverage > 0.5)
    reduced = crop(photo, (80, 0, 120, 120), (120, 120), (coverage > 0.5)[::2, ::2])
    assert np.abs(whole.astype(int) - reduced).mean() < 2


def test_a_group_in_one_call():
    photos, _, maps = zip(*(scene(center=(40 + 40 * i, 60), radius=20 + 5 * i) for i in range(3)), strict=True)
    results = cosod.thumbnails(photos, maps=maps, size=(64, 64))
    assert [r.shape for r in results] == [(64, 64, 3)] * 3
    reds = [(np.abs(r - OBJECT).sum(-1) < 60) for r in results]
    areas = [red.mean() for red in reds]
    assert max(areas) < 1.5 * min(areas), "in the photos the largest has 2.25 times the area of the smallest"


def test_contact_sheet():
    picture = np.full((20, 30, 3), (10, 200, 30), np.uint8)
    sheet = contact_sheet([("one", [picture] * 3), ("two", [picture])], columns=2)
    assert sheet.shape[1] == 2 * 24 + 2 * 36 and (sheet == (10, 200, 30)).all(-1).sum() == 4 * 600


@pytest.mark.parametrize("wrong", [{"size": (4, 4)}, {"fill": 1.5}, {"edges": "wrap"}, {"threshold": 0}])
def test_wrong_options(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ThumbnailOptions(**wrong)
