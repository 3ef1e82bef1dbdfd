"""Large groups and marks with a network whose consensus is no mean over images."""

import numpy as np
import pytest
import torch
from PIL import Image

from cosod.errors import ImageError, InputError
from cosod.inference import group_consensus
from cosod.inference.detector import Detector
from cosod.inference.group_consensus import _Gathered, shared, shared_with_marks
from cosod.inference.presence import Calibration, pooled, similarity
from cosod.inference.reference_sampling import ReferenceSampling, sampled
from cosod.models.base import Features
from tests.inference.scenes import encoded, scenes
from tests.models.lively import lively

CALIBRATION = Calibration(slope=20.0, offset=-10.0, few=0.5)
GRID = (2, 2)


@pytest.fixture(autouse=True)
def without_gradients():
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def network():
    return lively()


def detector(network, sampling=None, calibration=None, **options):
    found = Detector(network, "cpu", size=64, sampling=sampling, **options)
    found.pipeline.calibration = calibration
    return found


@pytest.mark.parametrize("calibration", [None, CALIBRATION])
def test_the_consensus_of_a_large_group_is_that_of_its_references(network, calibration):
    sampling = ReferenceSampling(6, exact_up_to=0)
    of = detector(network, sampling, calibration)
    found = shared(network, calibration, encoded(of, scenes(20)), sampling)
    sample = sampled(encoded(of, scenes(20)), sampling)
    features = Features((), sample.deep, (64, 64))
    attention = network.matching.attention(sample.deep)
    if calibration is None:
        weights = network.matching.agreement(sample.deep, attention)
        assert found.presence is None and found.weights.tolist() == [1.0] * 20
    else:
        weights = group_consensus.group_presence(calibration, pooled(sample.deep, attention)).clamp_min(1e-3)
        assert found.weights.equal(found.presence.clamp_min(1e-3))
    expected = network.gather(features, attention, weights * sample.weights)
    torch.testing.assert_close(found.consensus.vector, expected.vector)
    assert found.consensus.attention is None  # it is of images that are not all of the group
    assert found.indices == list(range(20)) and found.vectors.shape == (20, sample.deep.shape[1])


def test_presence_of_a_large_group_is_that_of_a_kept_consensus(network):
    sampling = ReferenceSampling(6, exact_up_to=0)
    of = detector(network, sampling, CALIBRATION)
    group = encoded(of, scenes(12))
    found = shared(network, CALIBRATION, group, sampling)
    _, features = next(encoded(of, scenes(12)).batches(range(12)))
    sample = sampled(encoded(of, scenes(12)), sampling)
    attention = network.matching.attention(sample.deep)
    vectors = pooled(sample.deep, attention)
    weights = group_consensus.group_presence(CALIBRATION, vectors).clamp_min(1e-3) * sample.weights
    prototype = (vectors * weights[:, None]).sum(dim=0) / weights.sum()
    wanted = CALIBRATION.presence(similarity(features.deep, prototype), group_consensus.count(weights))
    torch.testing.assert_close(found.presence[: len(wanted)], wanted, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_batches_change_nothing(network, batch):
    sampling = ReferenceSampling(4, exact_up_to=0)
    few, many = (detector(network, sampling, CALIBRATION, batch=size) for size in (batch, 8))
    one, other = (shared(network, CALIBRATION, encoded(of, scenes(11)), sampling) for of in (few, many))
    torch.testing.assert_close(one.presence, other.presence, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(one.prototype, other.prototype, atol=1e-5, rtol=1e-3)
    for a, b in zip(few.segment(scenes(11)), many.segment(scenes(11)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)


def mark_of(row, column):
    mark = torch.zeros(1, *GRID)
    mark[0, row, column] = 1
    return mark


def test_marks_say_what_is_shared(network):
    """Without a calibration marked images alone count, under their marks."""
    of = detector(network)
    found = shared_with_marks(network, None, encoded(of, scenes(4)), [1], lambda index, grid: mark_of(1, 0))
    _, features = next(encoded(of, scenes(4)).batches(range(4)))
    one = Features((), features.deep[1:2], (64, 64))
    expected = network.gather(one, mark_of(1, 0)[None], torch.ones(1))
    torch.testing.assert_close(found.consensus.vector, expected.vector, atol=1e-5, rtol=1e-3)
    assert found.weights.tolist() == [0, 1, 0, 0] and found.presence is None and found.consensus.attention is None
    torch.testing.assert_close(found.prototype, features.deep[1, :, 1, 0], atol=1e-5, rtol=1e-3)


def test_other_images_count_as_far_as_what_is_marked_is_there(network):
    of = detector(network)
    found = shared_with_marks(network, CALIBRATION, encoded(of, scenes(6)), [0, 2], lambda index, grid: mark_of(0, 0))
    assert found.weights[[0, 2]].tolist() == [1, 1]
    assert found.presence.shape == (6,) and (found.weights[[1, 3, 4, 5]] < 1).all()
    fewer = detector(network, batch=2, feature_bytes=0)
    again = shared_with_marks(
        network, CALIBRATION, encoded(fewer, scenes(6)), [0, 2], lambda index, grid: mark_of(0, 0)
    )
    torch.testing.assert_close(again.consensus.vector, found.consensus.vector, atol=1e-4, rtol=1e-3)


def test_a_consensus_of_many_marks_is_that_of_the_images_that_weigh_most(network, monkeypatch):
    monkeypatch.setattr(group_consensus, "MOST", 3)
    generator = torch.Generator().manual_seed(0)
    deep = torch.randn(7, network.matching.channels, *GRID, generator=generator)
    deep = 0.5 * deep / deep.norm(dim=1, keepdim=True)
    attention = torch.rand(7, 1, *GRID, generator=generator)
    attention /= attention.sum(dim=(2, 3), keepdim=True)
    weights = torch.tensor([0.1, 1.0, 0.5, 0.0, 0.9, 0.2, 0.3])
    gathered = _Gathered(network)
    for part in (slice(0, 3), slice(3, 4), slice(4, 7)):
        gathered.add(Features((), deep[part], (64, 64)), attention[part], weights[part])
    rows = [1, 2, 4]
    expected = network.gather(Features((), deep[rows], (64, 64)), attention[rows], weights[rows])
    torch.testing.assert_close(gathered.consensus().vector, expected.vector)


def test_marked_images_that_cannot_be_read(network, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_text("no image")
    of = detector(network)
    images = [bad, *scenes(2)]
    with pytest.raises(InputError, match="none of the images with a mask can be read"):
        shared_with_marks(network, None, encoded(of, images, lambda i, e: None), [0], lambda index, grid: mark_of(0, 0))
    with pytest.raises(ImageError, match="none of the images could be read"):
        shared_with_marks(network, None, encoded(of, [bad], lambda i, e: None), [0], lambda index, grid: mark_of(0, 0))


@pytest.mark.parametrize("additive", [False, True])
def test_a_marked_image_that_goes_between_the_passes(network, additive, tmp_path, monkeypatch):
    monkeypatch.setattr(type(network), "additive_consensus", additive)
    path, told = tmp_path / "marked.png", []
    Image.fromarray(scenes(1)[0]).save(path)

    def mark(index, grid):
        path.unlink()
        return mark_of(0, 0)

    of = detector(network, feature_bytes=0)
    group = of.pipeline.encoded_deep(of.inputs([path, *scenes(2)], lambda i, e: told.append(i)))
    with pytest.raises(ImageError, match="the images that define the object can no longer be read"):
        shared_with_marks(network, None, group, [0], mark)
    assert told == [0]


def test_learned_and_applied_without_packaged_weights(network, tmp_path):
    """A kept consensus goes to a file and back, and marks make another one than none."""
    of = detector(network, calibration=CALIBRATION)
    images = scenes(4)
    mask = (images[0][..., 0] > 200).astype(np.uint8) * 255
    plain, marked = of.learn(images), of.learn(images, [mask, None, None, None])
    assert not np.allclose(plain.vector, marked.vector) and marked.provenance.marked == 1
    assert len(plain.vector) == network.consensus(network.encode(torch.zeros(1, 3, 64, 64))).vector.numel()
    plain.save(tmp_path / "kept.cosod")
    again = type(plain).load(tmp_path / "kept.cosod")
    for (_, one), (_, other) in zip(of.apply(plain, images), of.apply(again, images), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
