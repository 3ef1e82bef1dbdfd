"""Regions of a map: how it is cut, what is looked at, what stays, and what it is good for."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import cosod
from cosod.cli import main
from cosod.errors import SingleImageWarning, WeightsError
from cosod.inference.region_filter import RegionClassifier, cosines, kept, regions
from cosod.inference.zoom_in import look_closer
from cosod.io.prefetch import Inputs
from cosod.models.base import Output
from cosod.models.checkpoints import safetensors_file

EXAMPLES = Path(__file__).parents[2] / "examples"
CLASSIFIER = RegionClassifier(sharpness=40.0, margin=0.1)


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


def test_the_region_that_is_like_the_prototype_stands_out():
    saliency, deep, vectors = scene(0, 1, None, None)
    found = cosines(*regions(saliency[0].numpy()), deep.numpy(), vectors[0].numpy())
    assert found.shape == (2,) and found[0] > 0.9 and found[1] < 0.5


@pytest.mark.parametrize("side", [96, 80, 50])
def test_grids_that_do_not_divide_the_map_will_do(side):
    saliency, deep, vectors = scene(0, 1, None, None)
    found = cosines(*regions(cv2.resize(saliency[0].numpy(), (side, side))), deep.numpy(), vectors[0].numpy())
    assert np.isfinite(found).all() and found[0] > found[1] + 0.3


def test_other_things_are_faded_and_the_maps_of_one_region_stay():
    many, one = scene(0, 1, None, 0, side=256), scene(None, 1, None, None, side=256)
    maps, deep = np.concatenate([many[0], one[0]]), np.stack([many[1], one[1]])
    factors = kept(maps, deep, many[2][0].numpy(), CLASSIFIER)
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
    factors = kept(output.saliency[:, 0].numpy(), deep[None].numpy(), vectors[0].numpy(), CLASSIFIER)
    assert factors[0, 64, 192] < 0.01 < factors[0, 64, 64]


def test_the_best_region_stays_however_little_it_resembles_the_prototype():
    saliency, deep, vectors = scene(1, 2, None, None, side=256)
    factors = kept(saliency.numpy(), deep[None].numpy(), vectors[0].numpy(), CLASSIFIER)
    assert factors.max() == 1


def test_a_weights_file_keeps_the_constants(tmp_path):
    constants = CLASSIFIER.as_dict()
    assert RegionClassifier.read({}) is None
    assert RegionClassifier.read({"regions": constants}) == CLASSIFIER
    for damaged in ("x", 3, {}, {"margin": 1.0}, constants | {"margin": "much"}, constants | {"more": 1}):
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
        [0], saliency[None], factors, Inputs([photo], 64, 10**6, None), lambda x: torch.ones(1, 1, 64, 64)
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
