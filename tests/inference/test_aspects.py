"""Images of one group in their own proportions: rectangles of several shapes in one consensus."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cosod.errors import ImageError
from cosod.inference.deep_rows import DeepRows, together
from cosod.inference.detector import Detector
from cosod.inference.options import ReferenceSampling
from tests.inference.scenes import scene, scenes
from tests.models.lively import lively

SHAPES = [(90, 60), (60, 90), (64, 64), (40, 120), (60, 90), (90, 60), (64, 64)]


@pytest.fixture(scope="module")
def network():
    return lively()


@pytest.fixture(scope="module")
def photos():
    return [np.resize(scene(i), (*shape, 3)) for i, shape in enumerate(SHAPES)]


def test_the_network_is_given_the_proportions_of_each_image(network, photos):
    detector = Detector(network, "cpu", size=128)
    given = {index: pixels.shape[:2] for index, pixels in detector.inputs(photos).read(range(len(photos)))}
    assert given == {index: detector.shape(*shape) for index, shape in enumerate(SHAPES)}
    assert len(set(given.values())) == 4
    assert all(height % 32 == width % 32 == 0 for height, width in given.values())


OPTIONS = [{}, {"batch": 2}, {"feature_bytes": 0}, {"flip": True}, {"closer": True}]
OPTIONS.append({"sampling": ReferenceSampling(3, exact_up_to=0)})


@pytest.mark.parametrize("options", OPTIONS)
def test_maps_come_in_the_order_of_the_images_and_at_their_sizes(network, photos, options):
    found = Detector(network, "cpu", size=128, **options).stream(photos)
    assert [(index, saliency.shape) for index, saliency in found] == list(enumerate(SHAPES))


def test_a_saved_consensus_finds_the_same_in_any_company(network, photos):
    detector = Detector(network, "cpu", size=128)
    consensus = detector.learn(photos, [np.eye(90, 60) > 0, *[None] * 6])
    found = list(detector.apply(consensus, photos))
    assert [(index, saliency.shape) for index, saliency in found] == list(enumerate(SHAPES))
    for index, saliency in found:
        [(_, alone)] = detector.apply(consensus, [photos[index]])
        np.testing.assert_allclose(saliency, alone, atol=1e-4)


def test_an_image_that_cannot_be_read_holds_nothing_back(network, photos):
    told = []
    images = [*photos[:3], "missing.jpg", *photos[3:]]
    found = Detector(network, "cpu", size=128, batch=2).stream(images, lambda index, error: told.append((index, error)))
    assert [index for index, _ in found] == [0, 1, 2, 4, 5, 6, 7]
    [(index, error)] = told
    assert index == 3 and isinstance(error, ImageError)


def test_empty_places_count_for_nothing(network):
    detector = Detector(network, "cpu", size=128)
    deep = torch.cat([detector.forward.encode([p]).deep for _, p in detector.inputs(scenes(4)).read(range(4))])
    with torch.no_grad():
        plain, padded = network.matching(deep), network.matching(F.pad(deep.flatten(2), (0, 5))[:, :, None])
    torch.testing.assert_close(padded.vector, plain.vector, atol=1e-3, rtol=0)
    torch.testing.assert_close(padded.attention[..., :-5].flatten(), plain.attention.flatten(), atol=1e-3, rtol=0)
    assert padded.attention[..., -5:].sum() < 1e-3


def test_rows_of_one_grid_keep_it_and_others_stand_in_a_row():
    square, wide = torch.rand(2, 4, 2, 2), torch.rand(1, 4, 2, 3)
    assert together([square, square]).equal(torch.cat([square, square]))
    both = together([square, wide])
    assert both[:2].equal(F.pad(square.flatten(2), (0, 2))[:, :, None])
    assert both[2:].equal(wide.flatten(2)[:, :, None])
    rows = DeepRows(1)  # fewer than come
    for part in (wide, square, square):
        rows.add(part)
    assert rows.tensor().shape == (5, 4, 1, 6)
    assert rows.tensor()[3:].equal(both[:2])
