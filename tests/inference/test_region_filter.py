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
from cosod.inference.region_filter import Judge, kept, regions, traits
from cosod.inference.zoom_in import look_closer
from cosod.io.prefetch import Inputs
from cosod.models.checkpoints import safetensors_file

EXAMPLES = Path(__file__).parents[2] / "examples"
JUDGE = Judge(beside=8.0, best=2.0, share=1.0, offset=-2.0)


def scene(*kinds, side=64, cells=8):
    """A map with a square in each quarter that has a kind, and F with the kind's own vector there."""
    generator = torch.Generator().manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(4, 16, generator=generator), dim=1)
    saliency = torch.zeros(1, side, side)
    deep = 0.05 * torch.randn(16, cells, cells, generator=generator) + vectors[3][:, None, None]
    for quarter, kind in enumerate(kinds):
        if kind is not None:
            y, x = (quarter // 2) * side // 2, (quarter % 2) * side // 2
            saliency[:, y + 8 : y + 24, x + 8 : x + 24] = 0.9
            deep[:, y // 8 + 1 : y // 8 + 3, x // 8 + 1 : x // 8 + 3] = vectors[kind][:, None, None]
    return saliency, deep, vectors


def test_every_pixel_belongs_to_the_nearest_region():
    saliency, _, _ = scene(0, 1, None, 2)
    where = regions(saliency[0].numpy())
    assert where.shape == (64, 64) and set(np.unique(where)) == {0, 1, 2}
    assert where[0, 0] == where[16, 16] != where[0, 63] == where[16, 48]
    assert where[63, 63] == where[48, 48] == where[40, 50]


@pytest.mark.parametrize("saliency", [np.zeros((20, 30)), np.full((20, 30), 0.9), np.eye(20)])
def test_nothing_and_one_region_are_not_cut(saliency):
    assert not regions(saliency.astype(np.float32)).any()


def test_the_region_that_is_like_the_prototype_stands_out():
    saliency, deep, vectors = scene(0, 1, None, None)
    found = traits(saliency[0].numpy(), regions(saliency[0].numpy()), deep, vectors[0])
    assert found.shape == (2, 3)
    beside, best, share = found.T
    assert beside[0] > 0.5 and beside[1] < 0.2
    assert best[0] == 0 and best[1] < -0.3
    np.testing.assert_allclose(share, 0.5, atol=1e-6)


@pytest.mark.parametrize("side", [96, 80, 50])
def test_grids_that_do_not_divide_the_map_will_do(side):
    saliency, deep, vectors = scene(0, 1, None, None)
    map_ = cv2.resize(saliency[0].numpy(), (side, side))
    found = traits(map_, regions(map_), deep, vectors[0])
    assert np.isfinite(found).all() and found[0, 0] > found[1, 0] + 0.3


def test_other_things_are_faded_and_the_maps_of_one_region_stay():
    many, one = scene(0, 1, None, 0), scene(None, 1, None, None)
    maps, deep = torch.stack([many[0], one[0]]), torch.stack([many[1], one[1]])
    factors = kept(maps, deep, many[2][0], JUDGE)
    assert factors.shape == maps.shape and factors.dtype == maps.dtype
    assert factors[0, 0, 16, 16] == factors[0, 0, 48, 48] == 1
    assert factors[0, 0, 16, 48] == 0
    assert (factors[1] == 1).all()


def test_the_best_region_stays_whatever_the_judge_thinks_of_it():
    saliency, deep, vectors = scene(0, 1, None, None)
    factors = kept(saliency[None], deep[None], vectors[0], Judge(8.0, 2.0, 1.0, -1000.0))
    assert factors[0, 0, 16, 16] == 1 and factors[0, 0, 16, 48] == 0


def test_a_weights_file_keeps_the_judge(tmp_path):
    assert Judge.read({}) is None
    assert Judge.read({"regions": JUDGE.as_dict()}) == JUDGE
    for damaged in ("x", 3, {}, {"beside": 1.0}, JUDGE.as_dict() | {"offset": "much"}, JUDGE.as_dict() | {"more": 1}):
        with pytest.raises(WeightsError, match=r"calibrate_regions\.py"):
            Judge.read({"regions": damaged})
    path = tmp_path / "light.safetensors"
    safetensors_file.save(cosod.models.create("gconet_plus_mobile"), path, {"regions": JUDGE.as_dict()})
    assert cosod.load(path, "cpu").judge == JUDGE
    assert cosod.load(path, "cpu", keep_regions=True).judge is None


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
def with_strangers():
    """The examples' cars, each beside a mug, and masks of the cars."""
    photos, masks = [], []
    strangers = sorted((EXAMPLES / "photos" / "mugs").iterdir())
    for number, path in enumerate(sorted((EXAMPLES / "photos" / "toy_cars").iterdir())):
        sides = [np.asarray(Image.open(p).convert("RGB").resize((160, 240))) for p in (path, strangers[number % 5])]
        truth = next((EXAMPLES / "masks" / "toy_cars").glob(f"{path.stem}.*"))
        mask = np.asarray(Image.open(truth).convert("L").resize((160, 240))) > 127
        photos.append(np.concatenate(sides[:: 1 if number % 2 else -1], axis=1))
        masks.append(np.concatenate([mask, 0 * mask][:: 1 if number % 2 else -1], axis=1) > 0)
    return photos, masks


def test_the_default_model_marks_less_of_what_is_not_shared(with_strangers):
    photos, masks = with_strangers
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


def test_one_image_keeps_all_that_stands_out(with_strangers):
    maps = []
    for keep in (False, True):
        with pytest.warns(SingleImageWarning):
            maps += cosod.load(device="cpu", keep_regions=keep).segment(with_strangers[0][:1])
    np.testing.assert_array_equal(*maps)


def test_the_command_has_the_option_and_does_not_keep_other_results(tmp_path, with_strangers):
    folder = tmp_path / "photos" / "cars"
    folder.mkdir(parents=True)
    for number, photo in enumerate(with_strangers[0][:4]):
        Image.fromarray(photo).save(folder / f"{number}.png")
    maps = []
    for options in ([], ["--keep-regions"]):
        with pytest.raises(SystemExit) as ended:
            main(["segment", str(folder), "-o", str(tmp_path / "out"), *options])
        assert not ended.value.code
        maps.append({p.name: p.read_bytes() for p in sorted((tmp_path / "out").rglob("*.png"))})
    assert maps[0].keys() == maps[1].keys() and maps[0] != maps[1]
