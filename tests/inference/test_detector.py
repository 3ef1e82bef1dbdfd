"""The predictor: sizes, order, batches, bad images, and the published rule for k over several batches."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cosod.errors import DeviceError, ImageError, InputError, SingleImageWarning, WeightsError
from cosod.inference.detector import Detector, choose_device, load
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output

EXAMPLES = Path(__file__).parents[2] / "examples" / "photos"


@pytest.fixture(scope="module")
def network():
    return load(device="cpu").network


def pictures(n, seed=0):
    rng = np.random.default_rng(seed)
    sizes = [(50, 70), (64, 64), (90, 40), (33, 120)]
    return [rng.integers(0, 256, (*sizes[i % 4], 3), dtype=np.uint8) for i in range(n)]


def test_maps_have_the_images_own_sizes(network):
    images = pictures(5)
    maps = Detector(network, size=64).segment(images)
    assert [m.shape for m in maps] == [i.shape[:2] for i in images]
    assert all(m.dtype == np.float32 and m.min() >= 0 and m.max() <= 1 for m in maps)


def test_batches_and_recomputed_features_change_nothing(network):
    images = pictures(11)
    whole = Detector(network, size=64, batch=11).segment(images)
    for options in ({"batch": 3}, {"batch": 4, "feature_bytes": 0}, {"batch": 1, "feature_bytes": 0}):
        for a, b in zip(whole, Detector(network, size=64, **options).segment(images), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5)


def test_the_map_of_an_image_follows_it_when_the_order_changes(network):
    images = pictures(6)
    order = [3, 1, 5, 0, 2, 4]
    detector = Detector(network, size=64)
    maps = detector.segment(images)
    for i, moved in zip(order, detector.segment([images[i] for i in order]), strict=True):
        np.testing.assert_allclose(maps[i], moved, atol=2e-5)


def test_the_rest_of_the_group_matters(network):
    cars, mugs = (sorted((EXAMPLES / name).iterdir())[:3] for name in ("toy_cars", "mugs"))
    detector = Detector(network, size=160)
    among_cars, among_mugs = detector.segment(cars)[0], detector.segment([cars[0], *mugs])[0]
    assert np.abs(among_cars - among_mugs).max() > 0.05


def test_paths_images_and_arrays_give_the_same(network, tmp_path):
    images = pictures(3)
    paths = []
    for i, image in enumerate(images):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(image).save(paths[-1])
    detector = Detector(network, size=64)
    for a, b in zip(
        detector.segment(images), detector.segment([str(paths[0]), paths[1], Image.open(paths[2])]), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_bad_images_are_left_out_or_raised(network, tmp_path):
    images = pictures(4)
    (tmp_path / "bad.jpg").write_text("no image")
    group = [images[0], tmp_path / "bad.jpg", *images[1:]]
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        Detector(network, size=64).segment(group)
    for feature_bytes in (0, 1 << 30):
        detector = Detector(network, size=64, batch=2, feature_bytes=feature_bytes)
        errors = []
        maps = dict(detector.stream(group, lambda i, e, seen=errors: seen.append(i)))
        assert errors == [1] and sorted(maps) == [0, 2, 3, 4]
        np.testing.assert_allclose(maps[4], detector.segment(images)[3], atol=2e-5)
    with pytest.raises(ImageError, match="none of the images"):
        list(detector.stream([tmp_path / "bad.jpg"], lambda i, e: None))


def test_extreme_sizes(network):
    images = [np.zeros((1, 1, 3), np.uint8), np.zeros((2, 20_000, 3), np.uint8), np.zeros((5_000, 1, 3), np.uint8)]
    assert [m.shape for m in Detector(network, size=64).segment(images)] == [(1, 1), (2, 20_000), (5_000, 1)]


def test_one_image_warns(network):
    with pytest.warns(SingleImageWarning):
        assert len(Detector(network, size=64).segment(pictures(1))) == 1


def test_wrong_arguments(network):
    detector = Detector(network, size=64)
    for group in ([], "photo.jpg", np.zeros((4, 4, 3), np.uint8), 3):
        with pytest.raises(InputError):
            detector.segment(group)
    for options in ({"size": 50}, {"size": 16}, {"batch": 0}):
        with pytest.raises(InputError):
            Detector(network, **options)
    for device in ("cuda" if not torch.cuda.is_available() else "cuda:99", "nonsense"):
        with pytest.raises(DeviceError, match="not available here"):
            choose_device(device)
    with pytest.raises(InputError, match="no network is called 'mobile'"):
        load("mobile")
    with pytest.raises(WeightsError, match="no such file"):
        load("weights/of/mine.pth")


def test_threads_end_when_a_caller_stops_half_way(network):
    before = threading.active_count()
    stream = Detector(network, size=64, batch=1, feature_bytes=0).stream(pictures(8))
    next(stream)
    stream.close()
    assert threading.active_count() <= before


class Released(CoSaliencyNetwork):
    """Probability is the mean colour, threshold one half; the rule for k looks at the whole group."""

    whole_group_maps = True

    def encode(self, images):
        return Features((), images.mean(1, keepdim=True), tuple(images.shape[-2:]))

    def consensus(self, features):
        return Consensus(features.deep.mean(dim=(0, 2, 3), keepdim=True))

    def decode(self, features, consensus):
        probability = features.deep.sigmoid()
        threshold = torch.full_like(probability, 0.5)
        return Output(self.confidence_map(probability, threshold), probability=probability, threshold=threshold)

    def confidence_map(self, probability, threshold):
        difference = probability - threshold
        return torch.sigmoid((1 if difference.min() < -0.2 else 4) * difference)


def test_a_rule_over_the_group_sees_all_batches():
    images = [np.full((64, 64, 3), value, np.uint8) for value in (0, 120, 180, 255)]
    whole = Detector(Released(), size=64, batch=4).segment(images)
    parts = Detector(Released(), size=64, batch=1, feature_bytes=0).segment(images)
    np.testing.assert_allclose(np.stack(whole), np.stack(parts), atol=1e-6)
    assert len({float(m.mean()) for m in whole}) == 4
