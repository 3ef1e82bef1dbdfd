"""Cut-outs of one image and of a group."""

import numpy as np
import pytest

import cosod
from cosod.apps.cutout.cutout import CutoutOptions, cut_mask, cut_out, cut_out_noted
from cosod.errors import InputError
from cosod.postprocess.object_mask import object_box
from tests.apps.made import OBJECT, iou, scene


@pytest.mark.parametrize("method", ["grabcut", "threshold", "alpha"])
def test_the_object_is_opaque_and_the_rest_transparent(method):
    photo, coverage, saliency = scene()
    result = cut_out(photo, saliency, CutoutOptions(method))
    assert result.shape == (120, 160, 4) and result.dtype == np.uint8
    assert (result[50:70, 70:90, 3] == 255).all() and not result[:15, :15].any()
    assert np.array_equal(result[50:70, 70:90, :3], photo[50:70, 70:90])
    if method == "grabcut":
        assert iou(result[..., 3] > 127, coverage > 0.5) > 0.97


def test_a_new_background_shows_no_fringe():
    photo, coverage, saliency = scene()
    result = cut_out(photo, saliency, CutoutOptions(background=(255, 255, 255)))
    wanted = OBJECT * coverage[..., None] + 255 * (1 - coverage[..., None])
    assert result.shape == (120, 160, 3)
    assert np.abs(result - wanted).mean() < 2


def test_size_padding_and_alignment():
    photo, _, saliency = scene(center=(50, 60), radius=20)
    box = object_box(cut_out(photo, saliency, CutoutOptions(size=(200, 300), padding=0.1))[..., 3] > 127)
    assert box[2] == pytest.approx(160, abs=4) and box[3] == pytest.approx(160, abs=4)
    assert box[0] == pytest.approx(20, abs=3) and box[1] == pytest.approx(70, abs=3)
    low = object_box(
        cut_out(photo, saliency, CutoutOptions(size=(200, 300), padding=0.1, align="bottom"))[..., 3] > 127
    )
    assert low[1] + low[3] == pytest.approx(280, abs=3)
    trimmed = cut_out(photo, saliency, CutoutOptions(padding=0.25))
    assert trimmed.shape[0] == pytest.approx(41 * 1.5, abs=4)
    for background in ("blur", "white:#ccc", np.full((9, 9, 3), 7, np.uint8)):
        shown = cut_out(photo, saliency, CutoutOptions(size=(90, 70), background=background))
        assert shown.shape == (70, 90, 3)


def test_nothing_found_is_transparent_and_noted():
    photo, _, saliency = scene()
    for options, shape in ((CutoutOptions(), (120, 160, 4)), (CutoutOptions(size=(50, 40)), (40, 50, 4))):
        result = cut_out_noted(photo, 0 * saliency, options)
        assert result.pixels.shape == shape and not result.pixels.any()
        assert "no object" in result.notes[0]
    assert (cut_out(photo, 0 * saliency, CutoutOptions(background="white")) == 255).all()


def test_everything_marked_keeps_the_photo():
    photo, _, saliency = scene()
    result = cut_out_noted(photo, np.ones_like(saliency), CutoutOptions(threshold=0.5))
    assert np.array_equal(result.pixels[..., :3], photo) and (result.pixels[..., 3] == 255).all()
    assert len(result.notes) == 2 and "GrabCut" in result.notes[0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (9, 400)])
def test_tiny_and_narrow_images(shape):
    chance = np.random.default_rng(0)
    photo = chance.integers(0, 256, (*shape, 3), dtype=np.uint8)
    saliency = chance.random(shape, dtype=np.float32)
    for options in (CutoutOptions(), CutoutOptions("alpha", size=(30, 20), background="blur")):
        assert cut_out(photo, saliency, options).dtype == np.uint8


def test_wrong_options_and_maps():
    photo, _, saliency = scene()
    for wrong in (
        {"method": "magic"},
        {"threshold": 2},
        {"size": (0, 10)},
        {"padding": 0.5},
        {"align": "top"},
        {"background": "whte"},
    ):
        with pytest.raises(InputError, match=next(iter(wrong))):
            cut_out(photo, saliency, CutoutOptions(**wrong))
    with pytest.raises(InputError, match="the map is 10 x 10"):
        cut_out(photo, np.zeros((10, 10)))


def test_a_group_in_one_call():
    photos, _, maps = zip(*(scene(center=(70 + 5 * i, 60), seed=i) for i in range(2)), strict=True)
    results = cosod.cutout(photos, maps=maps, background="white", size=(64, 64))
    assert [r.shape for r in results] == [(64, 64, 3)] * 2
    with pytest.raises(InputError, match="1 maps for 2 images"):
        cosod.cutout(photos, maps=maps[:1])


def test_the_mask_of_a_cut_out_follows_the_colors():
    photo, coverage, saliency = scene()
    mask = cut_mask(photo, saliency, 0.5)
    assert mask.shape == photo.shape[:2] and mask.dtype == bool
    assert iou(mask, coverage > 0.5) > max(0.97, iou(saliency > 0.5, coverage > 0.5))
    assert not cut_mask(photo, np.zeros_like(saliency)).any()
    with pytest.raises(InputError):
        cut_mask(photo, saliency[:-1])
