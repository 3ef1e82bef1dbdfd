"""The predictor: sizes, order, batches, bad images, and the published rule for k over several batches."""

import io
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cosod import models
from cosod.errors import DeviceError, ImageError, InputError, SingleImageWarning, UniformImageWarning, WeightsError
from cosod.inference.detector import Detector
from cosod.inference.device import choose_device
from cosod.inference.functions import load
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
    sizes = (1, 1), (2, 20_000), (5_000, 1), (1, 300)
    images = [np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    images[1][:, :9000] = images[2][:2000] = 0  # noise alone is gray all over once it is shrunk
    assert [m.shape for m in Detector(network, size=64).segment(images)] == list(sizes)


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
    """Probability is the mean color, threshold one half; the rule for k looks at the whole group."""

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
    stripe = np.full((64, 64, 3), 40, np.uint8)  # images of one color would be left out
    images = [np.where(np.arange(64)[:, None] < 60, np.uint8(value), stripe) for value in (0, 120, 180, 255)]
    whole = Detector(Released(), size=64, batch=4).segment(images)
    parts = Detector(Released(), size=64, batch=1, feature_bytes=0).segment(images)
    np.testing.assert_allclose(np.stack(whole), np.stack(parts), atol=1e-6)
    assert len({float(m.mean()) for m in whole}) == 4


def test_images_of_one_color_show_nothing_and_count_nothing(network):
    detector = Detector(network, size=64)
    noise = np.random.default_rng(0).integers(0, 3, (60, 80, 3), dtype=np.uint8)
    uniform = [np.zeros((60, 80, 3), np.uint8), np.full((50, 40, 3), 200, np.uint8), noise, noise + np.uint8(250)]
    with pytest.warns(UniformImageWarning, match="4 images are of one color"):
        results = detector.detect(uniform)
    assert all(result.uniform and not result.map.any() and result.presence in (0, None) for result in results)
    assert [result.map.shape for result in results] == [image.shape[:2] for image in uniform]
    images = pictures(3)
    alone = detector.segment(images)
    for options in ({}, {"batch": 1, "feature_bytes": 0}):
        mixed = [uniform[0], images[0], uniform[1], images[1], images[2], uniform[2]]
        with pytest.warns(UniformImageWarning, match="image 0, image 2, image 5"):
            results = Detector(network, size=64, **options).detect(mixed)
        assert [result.index for result in results] == list(range(6))
        assert [result.uniform for result in results] == [True, False, True, False, False, True]
        for one, other in zip(alone, [result.map for result in results if not result.uniform], strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5)


def test_a_small_or_faint_object_is_no_uniform_image(network):
    small, faint = np.zeros((640, 640, 3), np.uint8), np.full((64, 64, 3), 100, np.uint8)
    small[300:320, 300:320] = 255
    faint[20:40, 20:40] += 17
    results = Detector(network, size=64).detect([small, faint])
    assert not any(result.uniform for result in results)


def test_a_consensus_leaves_images_of_one_color_out(network):
    detector, images = Detector(network, size=64), pictures(3)
    black = np.zeros((60, 80, 3), np.uint8)
    with pytest.warns(UniformImageWarning):
        consensus = detector.learn([images[0], black, images[1]])
    assert consensus.provenance.images == 2
    np.testing.assert_allclose(consensus.vector, detector.learn(images[:2]).vector, rtol=1.3e-6, atol=1e-5)
    with pytest.warns(UniformImageWarning, match="2 images are"):
        found = dict(detector.apply([consensus, consensus], [black, images[2], black]))
    assert list(found) == [0, 1, 2] and not any(m.any() for i in (0, 2) for m in found[i])
    with pytest.raises(InputError, match="of one color"):
        detector.learn([black, black])
    mask = np.zeros((60, 80), np.uint8)
    mask[:20] = 255
    with pytest.raises(InputError, match="more than one color"):
        detector.learn([black, images[0]], [mask, None])


def test_detect_gives_maps_and_presence(network):
    images = pictures(3)
    detector = Detector(network, size=64)
    results = detector.detect(images)
    for result, saliency in zip(results, detector.segment(images), strict=True):
        np.testing.assert_array_equal(result.map, saliency)
        assert result.presence is None or 0 <= result.presence <= 1


def test_tensors_bytes_and_file_objects_are_images_too(network, tmp_path):
    images = [np.ascontiguousarray(image[:33, :40]) for image in pictures(3)]
    expected = Detector(network, size=64).segment(images)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    tensors = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    for feature_bytes in (0, 1 << 30):  # nothing is kept: everything is read twice
        detector = Detector(network, size=64, feature_bytes=feature_bytes)
        with paths[1].open("rb") as file:
            mixed = [io.BytesIO(paths[0].read_bytes()), file, paths[2].read_bytes()]
            for given in (mixed, tensors, list(tensors.float() / 255), np.stack(images)):
                for one, other in zip(expected, detector.segment(given), strict=True):
                    np.testing.assert_allclose(one, other, atol=2e-5)


def test_whatever_cannot_be_used_is_reported(network, tmp_path):
    images = pictures(2)
    Image.fromarray(np.tile(images[0], (9, 9, 1))).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    closed = Image.open(tmp_path / "a.jpg")
    closed.close()
    unusable = [
        Image.open(io.BytesIO(data[: len(data) // 2])),
        closed,
        np.full((9, 9, 3), np.nan),
        images[0].astype(object),
        np.zeros((2, 9, 9, 3, 1), np.uint8),
        torch.zeros(7, 9, 9),
        b"no image",
        io.StringIO("text"),
        None,
        3,
    ]
    usable = [np.matrix(images[0][..., 0]), Image.fromarray(images[1]).convert("LA").convert("La")]
    errors = {}
    found = dict(Detector(network, size=64).stream([*unusable, *usable], errors.__setitem__))
    assert list(errors) == list(range(len(unusable))) and list(found) == [10, 11]
    assert all(isinstance(error, ImageError) and f"image {i}:" in str(error) for i, error in errors.items())
    for image in unusable:
        with pytest.raises(ImageError, match="image 1"):
            Detector(network, size=64).segment([images[0], image])


def test_the_same_pillow_image_twice(network, tmp_path):
    for number in range(3):
        Image.fromarray(np.tile(pictures(1)[0], (20, 20, 1))).save(tmp_path / f"{number}.png")
    opened = [Image.open(tmp_path / f"{number % 3}.png") for number in range(3)] * 4
    maps = Detector(network, size=64).segment(opened)
    np.testing.assert_allclose(maps[0], maps[9], atol=2e-5)


def test_weights_in_place_of_the_packages_own(network, tmp_path):
    models.save(network, tmp_path / "mine.safetensors")
    for given in ({"weights": tmp_path / "mine.safetensors"}, {"weights": str(tmp_path / "mine.safetensors")}):
        assert load(**given, device="cpu").identity == Detector(network, device="cpu").identity
        assert load("gconet_plus_mobile", **given).identity == Detector(network).identity
    with pytest.raises(WeightsError, match="not gconet"):
        load("gconet", weights=tmp_path / "mine.safetensors")
    with pytest.raises(WeightsError, match="missing"):
        load(weights=tmp_path / "missing.safetensors")
    with pytest.raises(InputError, match="no network"):
        load("unknown", weights=tmp_path / "mine.safetensors")
