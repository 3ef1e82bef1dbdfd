"""The default model on the package's examples: a group against each of its photos by itself."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cosod
from cosod.errors import SingleImageWarning

EXAMPLES = Path(__file__).parents[2] / "examples"


def overlap(saliency: np.ndarray, truth: np.ndarray) -> float:
    """IoU of a map cut at one half with a mask."""
    mask = saliency > 0.5
    return (mask & truth).sum() / max(1, (mask | truth).sum())


@pytest.mark.parametrize("group", ["apples", "mugs", "toy_cars"])
def test_a_group_finds_its_object_better_than_each_photo_by_itself(group):
    detector = cosod.load(device="cpu")
    photos = sorted((EXAMPLES / "photos" / group).iterdir())
    truths = []
    for photo in photos:
        with Image.open(EXAMPLES / "masks" / group / f"{photo.stem}.png") as mask:
            truths.append(np.asarray(mask.convert("L")) > 127)
    together = [overlap(m, t) for m, t in zip(detector.segment(photos), truths, strict=True)]
    with pytest.warns(SingleImageWarning):
        alone = [overlap(detector.segment([p])[0], t) for p, t in zip(photos, truths, strict=True)]
    assert np.mean(together) > np.mean(alone)
    # In single photos noise decides; that the group loses the object in one is no noise.
    assert all(one > other - 0.15 for one, other in zip(together, alone, strict=True))
