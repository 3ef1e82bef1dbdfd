"""The program that measures masks and cut-outs."""

import cutouts
import numpy as np

from tests.apps.made import scene


def test_tables_hold_all_thresholds_and_methods():
    found = [cutouts.Photo(*scene(), presence) for presence in (None, 0.1)]
    text = cutouts.measured(found)
    assert "2 images, 50.0% of them called absent" in text
    assert all(f"| {threshold} |" in text for threshold in cutouts.THRESHOLDS)
    assert all(f"| {method} |" in text for method in cutouts.METHODS)


def test_composites_are_what_they_say():
    photo, color = cutouts.composite(1.5, 320)
    assert photo.image.shape == (240, 320, 3) and np.array_equal(photo.image[120, 115], color)
    assert cutouts.iou(photo.map > 0.5, photo.truth > 0.5) > 0.9
    assert ((photo.truth > 0.1) & (photo.truth < 0.9)).any()
