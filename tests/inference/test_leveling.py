"""Leveling: when photos show one scene, what then changes in maps, and where it does not count."""

from pathlib import Path

import numpy as np
import pytest
import torch

import cosod
from cosod.inference import group_consensus
from cosod.inference.leveling import KEPT, ORDINARY, SAME, TAKEN_BACK, background_match, leveled, scene_leveling
from cosod.inference.onnx_detector import OnnxDetector
from cosod.inference.options import ReferenceSampling
from cosod.inference.region_filter import GAP, RegionClassifier, filtered, kept
from cosod.io.images import read_image
from cosod.models.modules.part_matching import PartMatching

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"


def views(group="mugs", number=5):
    """Crops of one photo, as if the camera moved."""
    image = read_image(sorted((PHOTOS / group).iterdir())[1])
    height, width = (int(0.88 * side) for side in image.shape[:2])
    places = np.linspace(0, 0.12, number)
    corners = [(int(y * image.shape[0]), int(x * image.shape[1])) for y, x in zip(places, places[::-1], strict=True)]
    return [np.ascontiguousarray(image[y : y + height, x : x + width]) for y, x in corners]


def leveling_of(detector, images):
    return detector.pipeline.consensus(detector.pipeline.encoded(detector.inputs(images))).leveling


@pytest.mark.parametrize("name", ["default", "accurate"])
def test_views_of_one_scene_are_told_from_photos_of_one_object(name):
    detector = cosod.load(name, device="cpu")
    assert leveling_of(detector, views()) == 1
    for folder in PHOTOS.iterdir():
        assert leveling_of(detector, sorted(folder.iterdir())) == 0


def test_in_large_groups_references_are_compared():
    sampling = ReferenceSampling(references=4, exact_up_to=4)
    detector = cosod.load(device="cpu", sampling=sampling)
    assert leveling_of(detector, views()) == 1
    assert leveling_of(detector, sorted((PHOTOS / "apples").iterdir())) == 0


def test_one_photo_is_not_compared():
    assert leveling_of(cosod.load(device="cpu"), views(number=1)) == 0


def test_other_networks_do_not_level():
    assert leveling_of(cosod.Detector(cosod.models.create("gconet", groups=3), size=64), views()) == 0


def test_between_ordinary_groups_and_one_scene_leveling_rises_gradually():
    objectness = np.full((2, 3), 0.5)
    found = [scene_leveling(objectness, np.full((2, 3), match)) for match in np.linspace(ORDINARY, SAME, 4)]
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3, 1], atol=1e-6)


def test_padding_and_objects_do_not_count_as_background():
    match = np.array([[0.9, 0.3, 0.1]])
    assert background_match(np.array([[1.0, 0.5, 0.5]]), match) == pytest.approx(0.2)
    assert background_match(np.array([[1.0, 0.5, 0.0]]), match) == pytest.approx(0.3)
    assert background_match(np.array([[1.0, 1.0]]), match[:, :2]) == 0


def test_the_match_is_that_of_both_runtimes():
    """Both compute it differently: the network of all images at once, the graphs of pairs of parts of a group."""
    torch.manual_seed(0)
    deep = 0.3 * torch.randn(5, 24, 3, 4) / 24**0.5
    matching = PartMatching(16, 8)
    rows, _ = matching.matches(deep, deep)
    others = [rows[i, :, [j for j in range(5) if j != i]].mean(dim=1) for i in range(5)]
    torch.testing.assert_close(matching.match(deep), torch.stack(others))


def test_differences_from_the_best_place_are_taken_back():
    rng = np.random.default_rng(0)
    saliency, change = rng.uniform(-3, 3, (2, 4, 5)), rng.uniform(-2, 1, (2, 4, 5))
    maps, objects = (1 / (1 + np.exp(-logits)) for logits in (saliency + change, saliency))
    found = leveled(maps, objects, 0.5)
    best = change.max(axis=(1, 2), keepdims=True)
    expected = saliency + best - (1 - 0.5 * TAKEN_BACK) * (best - change)
    np.testing.assert_allclose(np.log(found / (1 - found)), expected, atol=1e-6)
    assert leveled(maps, objects, 0.0) is maps
    np.testing.assert_allclose(leveled(objects, objects, 1.0), objects)


def test_values_near_0_and_1_are_neither_lost_nor_depend_on_rounding():
    maps = np.array([[[1.0, 0.0, 1 - 1e-6, 0.6, 0.4]]], np.float32)
    saliency = np.array([[[1.0, 0.0, 1.0, 0.7, 0.7]]], np.float32)
    found = leveled(maps, saliency, 1.0)
    assert found.dtype == np.float32 and np.isfinite(found).all() and found[0, 0, 0] == 1 and found[0, 0, 1] == 0
    rounded = leveled(np.clip(maps, 1e-7, 1 - 1e-7), saliency, 1.0)
    np.testing.assert_allclose(found, rounded, atol=1e-6)


def test_parts_of_an_object_are_divided_only_where_they_differ_more():
    """Two halves of one component, of which the group resembles one."""
    saliency = np.zeros((1, 256, 256), np.float32)
    saliency[:, 64:192, 32:224] = 0.95
    maps = saliency.copy()
    maps[:, :, 128:] *= 0.7
    deep = np.zeros((1, 2, 8, 8), np.float32)
    deep[0, 0, :, :4], deep[0, 1, :, 4:] = 1, 1
    prototype, classifier = np.array([1.0, 0.0], np.float32), RegionClassifier(4.0, 40.0, 0.0)
    plain, factors = filtered(saliency, maps, deep, prototype, classifier)
    np.testing.assert_array_equal(plain, maps * kept(saliency, maps, deep, prototype, classifier, gap=GAP))
    assert plain[0, 128, 176] < 0.05 and factors[0, 128, 176] < 0.05
    whole, factors = filtered(saliency, maps, deep, prototype, classifier, leveling=1.0)
    assert whole[0, 128, 176] > maps[0, 128, 176] and (factors == 1).all()


def test_a_saved_consensus_levels_and_a_group_of_photos_does_not(monkeypatch):
    photos = sorted((PHOTOS / "mugs").iterdir())
    detector = cosod.load(device="cpu")
    used = []
    original = type(detector.pipeline).filtered

    def watched(self, output, deep, prototype, negatives=None, leveling=0.0):
        used.append(leveling)
        return original(self, output, deep, prototype, negatives, leveling)

    monkeypatch.setattr(type(detector.pipeline), "filtered", watched)
    consensus = detector.learn(photos[:3])
    assert set(used) == {0.0}
    used.clear()
    list(detector.apply(consensus, photos[3:]))
    assert set(used) == {KEPT}


@pytest.mark.parametrize("images_of", [views, lambda: sorted((PHOTOS / "apples").iterdir())])
def test_maps_without_pytorch_are_the_same(images_of):
    images = images_of()
    network, detector = cosod.load(device="cpu"), OnnxDetector()
    for expected, found in zip(network.results(images), detector.results(images), strict=True):
        np.testing.assert_allclose(found.map, expected.map, atol=2e-4)


def test_regions_that_are_kept_are_not_leveled(monkeypatch):
    detector = cosod.load(device="cpu", keep_regions=True)
    found = detector.segment(views())
    monkeypatch.setattr(group_consensus, "scene_leveling", lambda objectness, match: 0.0)
    np.testing.assert_array_equal(found, detector.segment(views()))
