"""Truths in the ways that tools save masks: what is clear is read right, what is not is named."""

import numpy as np
import pytest
from PIL import Image

from cosod.evaluation import evaluate
from cosod.evaluation.reading import read_map, read_truth

MASK = np.zeros((20, 26), np.uint8)
MASK[5:14, 6:18] = 1


def saved(path, array, mode=None, palette=None):
    image = Image.fromarray(array) if mode is None else Image.fromarray(array, mode)
    if palette:
        image.putpalette([v for color in palette for v in color])
    image.save(path)
    return path


def rgba(colors, alpha):
    return np.dstack([np.broadcast_to(colors, (*MASK.shape, 3)), alpha]).astype(np.uint8)


PHOTO = np.random.default_rng(0).integers(0, 256, (*MASK.shape, 3))
TRUTHS = {
    "0/1": (MASK, "png", "zero_one"),
    "0/1 in TIFF": (MASK, "tif", "zero_one"),
    "0/1 of 16 bits": (MASK.astype(np.uint16), "png", "zero_one"),
    "0/1 of 16 bits in TIFF": (MASK.astype(np.uint16), "tif", "zero_one"),
    "0/1 of 32 bits": (MASK.astype(np.int32), "tif", "zero_one"),
    "0/255 of 16 bits": (MASK.astype(np.uint16) * 255, "png", "shallow"),
    "0/65535 of 16 bits": (MASK.astype(np.uint16) * 65535, "png", "depth"),
    "0/1 as floats": (MASK.astype(np.float32), "tif", "float"),
    "0/255 as floats": (MASK.astype(np.float32) * 255, "tif", "float"),
    "bool": (MASK.astype(bool), "png", None),
    "GIF": (MASK * 255, "gif", None),
    "one red": (MASK[..., None] * np.array([255, 0, 0], np.uint8), "png", "colored"),
    "white, transparent": (rgba((255, 255, 255), 255 * MASK), "png", "alpha"),
    "black, transparent": (rgba((0, 0, 0), 255 * MASK), "png", "alpha"),
    "white on black, transparent": (rgba(255 * MASK[..., None], 255 * MASK), "png", None),
    "a photo cut out": (rgba(PHOTO, 255 * MASK), "png", "alpha"),
    "several colors": (
        np.where(np.arange(26) < 12, 1, 2)[:, None] * MASK[..., None] * [60, 0, 90],
        "png",
        "labels_in",
    ),
}


@pytest.mark.parametrize("name", TRUTHS)
def test_masks_are_read_right_and_named(tmp_path, name):
    array, suffix, kind = TRUTHS[name]
    path = saved(tmp_path / f"a.{suffix}", array.astype(np.uint8) if array.dtype == np.int64 else array)
    levels, kinds = read_truth(path)
    assert np.array_equal(levels, MASK * 255)
    assert any(k.startswith(kind) for k in kinds) if kind else not kinds


@pytest.mark.parametrize(
    ("palette", "kinds"),
    [
        ([(0, 0, 0), (255, 255, 255)], ()),
        ([(0, 0, 0), (128, 0, 0)], ("colored",)),
        ([(0, 0, 0), (1, 1, 1)], ("zero_one",)),
        ([(0, 0, 0), (0, 0, 0)], ("colored",)),
    ],
)
def test_palettes(tmp_path, palette, kinds):
    levels, found = read_truth(saved(tmp_path / "a.png", MASK, "P", palette))
    assert np.array_equal(levels, MASK * 255)
    assert found == kinds


@pytest.mark.parametrize(
    ("array", "suffix", "kind"),
    [
        (MASK * 0, "png", "empty"),
        (MASK * 0 + 255, "png", "full"),
        (MASK * 0 + 1, "png", "full"),
        (MASK * 2, "png", "labels"),
        (rgba(255 * MASK[..., None], 255 * MASK[::-1]), "png", "alpha_too"),
        (np.where(MASK[..., None], [255, 0, 0], [255, 255, 255]).astype(np.uint8), "png", "color_truth"),
        (MASK, "jpg", "faint"),
    ],
)
def test_what_is_not_clear_is_named(tmp_path, array, suffix, kind):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(array).save(path, **({"quality": 100} if suffix == "jpg" else {}))
    assert kind in read_truth(path).kinds


def test_maps(tmp_path):
    assert read_map(saved(tmp_path / "a.png", MASK)).kinds == ("zero_one_map",)
    levels, kinds = read_map(saved(tmp_path / "b.png", rgba((0, 0, 0), 200 * MASK)))
    assert (levels == 200 * MASK).all() and kinds == ("alpha",)
    levels, kinds = read_map(saved(tmp_path / "c.png", MASK[..., None] * np.array([255, 0, 0], np.uint8)))
    assert (levels == 255 * MASK).all() and kinds == ("colored_map",)
    assert read_map(saved(tmp_path / "d.png", rgba(PHOTO, 255 * MASK))).kinds == ("alpha_too",)
    levels, kinds = read_map(saved(tmp_path / "e.png", MASK.astype(np.uint16) * 250))
    assert (levels == 250 * MASK).all() and kinds == ("shallow",)


@pytest.mark.parametrize("kind", ["0/1", "0/1 of 16 bits", "black, transparent", "one red"])
def test_scores_are_those_of_the_mask(make, gt, kind):
    pred = make()
    before = evaluate(pred, gt)
    for path in gt.rglob("*.png"):
        truth = (np.asarray(Image.open(path)) > 0).astype(np.uint8)
        array = {
            "0/1": truth,
            "0/1 of 16 bits": truth.astype(np.uint16),
            "black, transparent": rgba((0, 0, 0), 255 * truth),
            "one red": truth[..., None] * np.array([200, 0, 0], np.uint8),
        }[kind]
        saved(path, array)
    after = evaluate(pred, gt)
    assert after.all == before.all
    assert len(after.warnings) == 1


def test_inverted_maps_and_truths_are_named(make, gt):
    pred = make(quality=0.9)
    for path in (gt / "cup").iterdir():
        saved(path, 255 - np.asarray(Image.open(path)))
    for path in (pred / "dog").iterdir():
        saved(path, 255 - np.asarray(Image.open(path)))
    told = "\n".join(evaluate(pred, gt).warnings)
    assert "4 maps are dark on the object" in told and "(dog/0," in told
    assert "4 ground truth masks are white along the edges" in told and "(cup/0," in told
    assert "kite" not in told


def test_a_map_of_another_object_is_not_inverted(make, gt):
    pred = make()
    for path in pred.rglob("*.png"):
        truth = np.asarray(Image.open(gt / path.relative_to(pred)))
        saved(path, np.roll(truth, 13, axis=1))
    assert evaluate(pred, gt).warnings == []
