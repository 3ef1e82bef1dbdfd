"""Regions of a map: how it is cut, what is compared, what stays, and what it is good for."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import cosod
from cosod.cli import main
from cosod.errors import SingleImageWarning, WeightsError
from cosod.inference.negatives import unit
from cosod.inference.region_filter import (
    CORE,
    NEARLY_WHOLE,
    WHOLE,
    RegionClassifier,
    completed,
    differences,
    kept,
    means,
    regions,
)
from cosod.inference.zoom_in import look_closer
from cosod.io.prefetch import Inputs
from cosod.models.base import Output
from cosod.models.checkpoints import safetensors_file

EXAMPLES = Path(__file__).parents[2] / "examples"
CLASSIFIER = RegionClassifier(offset=4.0, alike=40.0, likeness=0.0)


def scene(*kinds, side=64):
    """A map with a square in each quarter that has a kind, and F with the kind's own vector there."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(4, 16, generator=generator), dim=1)
    saliency = torch.zeros(1, side, side)
    deep = 0.05 * torch.randn(16, 8, 8, generator=generator) + vectors[3][:, None, None]
    for quarter, kind in enumerate(kinds):
        if kind is not None:
            (y, x), eighth = divmod(quarter, 2), side // 8
            rows, columns = (slice((4 * at + 1) * eighth, (4 * at + 3) * eighth) for at in (y, x))
            saliency[:, rows, columns] = 0.9
            deep[:, 4 * y + 1 : 4 * y + 3, 4 * x + 1 : 4 * x + 3] = vectors[kind][:, None, None]
    return saliency, deep, vectors


def test_every_pixel_belongs_to_the_nearest_region():
    saliency, _, _ = scene(0, 1, None, 2)
    where, cores = regions(saliency[0].numpy())
    assert where.shape == (64, 64) and set(np.unique(where)) == {0, 1, 2}
    assert where[0, 0] == where[16, 16] != where[0, 63] == where[16, 48]
    assert where[63, 63] == where[48, 48] == where[40, 50]
    np.testing.assert_array_equal(cores, saliency[0].numpy() > 0.5)


@pytest.mark.parametrize("saliency", [np.zeros((20, 30)), np.full((20, 30), 0.9), np.eye(20)])
def test_nothing_and_one_region_are_not_cut(saliency):
    where, _ = regions(saliency.astype(np.float32))
    assert not where.any()


def test_a_speck_belongs_to_the_nearest_region():
    saliency, _, _ = scene(0, 1, None, None)
    saliency[0, 60:62, 2:4] = 0.9
    where, cores = regions(saliency[0].numpy())
    assert where.max() == 1 and where[61, 3] == where[16, 16] and not cores[61, 3]


def touching(side=64, low=0.5):
    """A map of two objects that touch, one of which it marks less, their saliency, and F of three kinds."""
    _, deep, vectors = scene(None, None, None, None, side=side)
    map_ = np.zeros((side, side), np.float32)
    eighth = side // 8
    map_[2 * eighth : 6 * eighth, eighth : 4 * eighth] = 0.9
    map_[2 * eighth : 6 * eighth, 4 * eighth : 7 * eighth] = low
    deep[:, 2:6, 1:4] = vectors[0][:, None, None]
    deep[:, 2:6, 4:7] = vectors[1][:, None, None]
    return map_, 0.9 * (map_ > 0).astype(np.float32), deep, vectors


def test_objects_that_touch_are_divided_where_the_map_differs():
    map_, saliency, _, _ = touching()
    assert regions(saliency)[0].max() == 0
    where, cores = regions(saliency, map_)
    assert where.max() == 1 and where[32, 16] == where[2, 2] != where[32, 48] == where[60, 60]
    np.testing.assert_array_equal(cores, saliency > 0.5)
    alike, _, _, _ = touching(low=0.75)
    assert regions(saliency, alike)[0].max() == 0


def test_three_objects_that_touch_are_divided_twice():
    map_, saliency, _, _ = touching(low=0.4)
    map_[40:48, 8:56] = 0.1  # a third object below both
    where, _ = regions(saliency, map_)
    assert len({where[20, 16], where[20, 48], where[44, 32]}) == 3 == where.max() + 1


def test_outlines_are_no_region():
    """Along the outline of an object, a map falls gradually."""
    saliency = np.zeros((64, 64), np.float32)
    saliency[16:48, 16:48] = 0.9
    map_ = cv2.GaussianBlur(saliency, (5, 5), 1.2)
    assert regions(saliency, map_)[0].max() == 0


def test_what_is_marked_less_and_touches_the_object_is_faded():
    map_, saliency, deep, vectors = touching(side=256)
    factors = kept(saliency[None], map_[None], deep[None].numpy(), vectors[0].numpy(), CLASSIFIER)
    assert factors[0, 128, 64] > 0.9 and factors[0, 128, 192] < 0.01
    # Nor is it what the map says that decides, but what the parts resemble.
    factors = kept(saliency[None], map_[None], deep[None].numpy(), vectors[1].numpy(), CLASSIFIER)
    assert factors[0, 128, 64] < 0.01 and factors[0, 128, 192] > 0.9


def test_the_region_that_is_like_the_prototype_stands_out():
    saliency, deep, vectors = scene(0, 1, None, None)
    found = unit(means(*regions(saliency[0].numpy()), deep.numpy())) @ vectors[0].numpy()
    assert found.shape == (2,) and found[0] > 0.9 and found[1] < 0.5


@pytest.mark.parametrize("side", [96, 80, 50])
def test_grids_that_do_not_divide_the_map_will_do(side):
    saliency, deep, vectors = scene(0, 1, None, None)
    found = unit(means(*regions(cv2.resize(saliency[0].numpy(), (side, side))), deep.numpy())) @ vectors[0].numpy()
    assert np.isfinite(found).all() and found[0] > found[1] + 0.3


def test_regions_are_compared_with_the_one_nearest_to_the_prototype():
    vectors = np.array([[0, 1, 0], [1, 0, 0], [0.6, 0.8, 0]])
    found = differences(vectors, np.array([0.5, 0.6, 0.2]))
    np.testing.assert_allclose(found, [[-0.1, -1], [0, 0], [-0.4, -0.4]], atol=1e-12)


def test_what_resembles_the_best_region_stays():
    classifier = RegionClassifier(offset=4.0, alike=0.0, likeness=10.0)
    factors = classifier.kept(np.array([[1, 0], [0.98, 0.199], [0, 1]]), np.array([0.5, 0.2, 0.4]))
    assert factors[0] == 1 and factors[1] > 0.95 and factors[2] < 0.01


def test_other_things_are_faded_and_the_maps_of_one_region_stay():
    many, one = scene(0, 1, None, 0, side=256), scene(None, 1, None, None, side=256)
    maps, deep = np.concatenate([many[0], one[0]]), np.stack([many[1], one[1]])
    factors = kept(maps, maps, deep, many[2][0].numpy(), CLASSIFIER)
    assert factors.shape == maps.shape and factors.dtype == maps.dtype
    assert factors[0, 64, 64] > 0.9 and factors[0, 192, 192] > 0.9
    assert factors[0, 64, 192] < 0.01
    assert (factors[1] == 1).all()


def test_regions_are_those_of_any_object_where_the_network_tells_them():
    """What the decoder already took for another thing is still a region, to which others are compared."""
    saliency, deep, vectors = scene(0, 1, None, None, side=256)
    map_ = saliency.clone()
    map_[:, :, 128:] *= 0.4
    output = Output(map_[None], probability=saliency[None])
    parts = [part[:, 0].numpy() for part in (output.saliency, output.maps)]
    factors = kept(*parts, deep[None].numpy(), vectors[0].numpy(), CLASSIFIER)
    assert factors[0, 64, 192] < 0.01 < factors[0, 64, 64]


def test_the_best_region_stays_however_little_it_resembles_the_prototype():
    saliency, deep, vectors = scene(1, 2, None, None, side=256)
    factors = kept(saliency.numpy(), saliency.numpy(), deep[None].numpy(), vectors[0].numpy(), CLASSIFIER)
    assert factors.max() == 1


def test_a_weights_file_keeps_the_constants(tmp_path):
    constants = CLASSIFIER.as_dict()
    assert RegionClassifier.read({}) is None
    assert RegionClassifier.read({"regions": constants}) == CLASSIFIER
    for damaged in ("x", 3, {}, {"offset": 1.0}, constants | {"offset": "much"}, constants | {"more": 1}):
        with pytest.raises(WeightsError, match=r"calibrate_regions\.py"):
            RegionClassifier.read({"regions": damaged})
    path = tmp_path / "light.safetensors"
    safetensors_file.save(cosod.models.create("gconet_plus_mobile"), path, {"regions": constants})
    assert cosod.load(path, "cpu").pipeline.region_classifier == CLASSIFIER
    assert cosod.load(path, "cpu", keep_regions=True).pipeline.region_classifier is None


def test_a_closer_look_does_not_bring_back_what_is_gone():
    factors = torch.ones(1, 1, 64, 64)
    factors[..., 32:] = 0
    saliency, _, _ = scene(0, None, None, None)
    photo = np.zeros((64, 64, 3), np.uint8)
    found = look_closer(
        [0], saliency[None], factors, Inputs([photo], 64, 10**6, None), lambda indices, images: torch.ones(1, 1, 64, 64)
    )
    _, columns = found[0].box.pixels(64, 64)
    assert columns.stop > 32
    edge = round(64 * (32 - columns.start) / (columns.stop - columns.start))
    assert (found[0].map[..., : edge - 2] == 1).all() and (found[0].map[..., edge + 2 :] == 0).all()


@pytest.fixture(scope="module")
def with_distractors():
    """The examples' cars, each beside a mug, and masks of the cars."""
    photos, masks = [], []
    distractors = sorted((EXAMPLES / "photos" / "mugs").iterdir())
    for number, path in enumerate(sorted((EXAMPLES / "photos" / "toy_cars").iterdir())):
        sides = [np.asarray(Image.open(p).convert("RGB").resize((160, 240))) for p in (path, distractors[number % 5])]
        truth = next((EXAMPLES / "masks" / "toy_cars").glob(f"{path.stem}.*"))
        mask = np.asarray(Image.open(truth).convert("L").resize((160, 240))) > 127
        photos.append(np.concatenate(sides[:: 1 if number % 2 else -1], axis=1))
        masks.append(np.concatenate([mask, 0 * mask][:: 1 if number % 2 else -1], axis=1) > 0)
    return photos, masks


def test_the_default_model_marks_less_of_what_is_not_shared(with_distractors):
    photos, masks = with_distractors
    found = {}
    for keep in (False, True):
        detector = cosod.load(device="cpu", keep_regions=keep)
        consensus = detector.learn(photos)
        for how, maps in (
            ("group", detector.segment(photos)),
            ("apply", [m for _, m in detector.apply(consensus, photos)]),
        ):
            found[how, keep] = np.mean([(m * ~t).mean() for m, t in zip(maps, masks, strict=True)])
            assert all(m.min() >= 0 and m.max() <= 1 for m in maps)
    assert found["group", False] < 0.9 * found["group", True]
    assert found["apply", False] < 0.9 * found["apply", True]


def test_one_image_keeps_all_that_stands_out(with_distractors):
    maps = []
    for keep in (False, True):
        with pytest.warns(SingleImageWarning):
            maps += cosod.load(device="cpu", keep_regions=keep).segment(with_distractors[0][:1])
    np.testing.assert_array_equal(*maps)


def test_the_command_has_the_option_and_does_not_keep_other_results(tmp_path, with_distractors):
    folder = tmp_path / "photos" / "cars"
    folder.mkdir(parents=True)
    for number, photo in enumerate(with_distractors[0][:4]):
        Image.fromarray(photo).save(folder / f"{number}.png")
    maps = []
    for options in ([], ["--keep-regions"]):
        with pytest.raises(SystemExit) as ended:
            main(["segment", str(folder), "-o", str(tmp_path / "out"), *options])
        assert not ended.value.code
        maps.append({p.name: p.read_bytes() for p in sorted((tmp_path / "out").rglob("*.png"))})
    assert maps[0].keys() == maps[1].keys() and maps[0] != maps[1]


def test_an_object_that_is_shown_nearly_whole_is_completed_and_another_one_is_not():
    """Two components of saliency: of one a fifth is dim, of the other a half."""
    saliency = np.zeros((2, 80, 160), np.float32)
    saliency[0, 20:60, 16:56] = saliency[0, 20:60, 104:144] = 0.9
    maps = saliency.copy()
    maps[0, 20:28, 16:56] = 0.4
    maps[0, 20:40, 104:144] = 0.1
    found = completed(maps, saliency)
    share = 1 - 0.2 * 0.5 / 0.9
    raised = 0.4 + (share - NEARLY_WHOLE) / (WHOLE - NEARLY_WHOLE) * 0.5
    assert found[0, 23, 36] == pytest.approx(raised, abs=0.02)
    np.testing.assert_array_equal(found[0, :, 90:], maps[0, :, 90:])
    assert (found >= maps).all() and (found <= saliency).all() and not found[1].any()


def test_completing_does_not_lower_maps_that_are_raised_above_saliency():
    saliency = np.full((1, 40, 40), 0.6, np.float32)
    np.testing.assert_array_equal(completed(saliency + 0.3, saliency), saliency + 0.3)


def test_completing_is_continuous_where_saliency_reaches_the_core():
    """Whether a position belongs to a component may depend on rounding."""
    maps = np.zeros((1, 40, 40), np.float32)
    maps[:, :36] = 0.8
    saliency = maps.copy()
    found = []
    for level in (CORE - 1e-4, CORE + 1e-4):
        saliency[:, 36:] = level
        found.append(completed(maps, saliency))
    np.testing.assert_allclose(*found, atol=1e-3)
