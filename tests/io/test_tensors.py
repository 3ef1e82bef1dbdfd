"""From images to what networks take."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from cosod.io.pixels import is_uniform
from cosod.io.prefetch import HELD, Inputs, batched_by, in_order
from cosod.io.resizing import input_shape, shrink, to_own_size
from cosod.io.tensors import to_batch


@pytest.mark.parametrize(("mean", "std"), [((0.5,) * 3, (0.25,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
def test_batches_are_normalized_by_channel(mean, std):
    images = list(np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8))
    batch = to_batch(images, mean, std)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = (np.stack(images) / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(batch.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize(("level", "uniform"), [(3, True), (40, False)])
@pytest.mark.parametrize("place", [(0, 0, 0), (1, 3, 2), (63, 46, 1)])
def test_an_image_is_of_one_color_if_no_pixel_is_of_another(place, level, uniform):
    image = np.full((64, 47, 3), 90, np.uint8)
    image[place] += level
    assert is_uniform(image) is uniform


def test_noise_is_more_than_one_color():
    image = np.random.default_rng(0).integers(90, 104, (64, 47, 3), dtype=np.uint8)  # within the span, but not the rest
    assert not is_uniform(image)


SIZES = [(500, 333), (90, 1000), (64, 64), (63, 20), (1, 1), (1, 700), (1000, 40)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_images_shrink_as_by_pillow(height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image.flags.writeable = False
    expected = Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR)
    found = shrink(image, 64)
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    difference = np.abs(found.astype(int) - np.asarray(expected))
    assert difference.max() <= 1
    mirrored = np.abs(shrink(image[:, ::-1], 64).astype(int) - np.asarray(expected)[:, ::-1])
    assert mirrored.max() <= 1


@pytest.mark.parametrize("size", [(90, 70), (16, 16), (1, 40), (7, 9)])
def test_maps_grow_to_the_size_of_their_photos(size):
    saliency = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(saliency[None], size, mode="bilinear", align_corners=True)[0, 0]
    found = to_own_size(saliency, size)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(to_own_size(saliency.bfloat16(), size), expected, atol=0.01)


ASPECTS = [1, 1.05, 4 / 3, 1.5, 16 / 9, 2, 3, 8, 100]


@pytest.mark.parametrize("size", [64, 128, 224, 256, 352])
def test_rectangles_have_the_proportions_of_images_and_the_pixels_of_squares(size):
    for aspect in ASPECTS:
        height, width = input_shape(1000, round(1000 * aspect), size, 32)
        assert height % 32 == width % 32 == 0
        assert 0.8 * size**2 <= height * width <= 1.12 * size**2
        assert input_shape(height, width, size, 32) == (height, width)
        assert input_shape(round(1000 * aspect), 1000, size, 32) == (width, height)
        if size >= 224 and aspect <= 2:
            assert abs(np.log(width / height / aspect)) < 0.09
    assert input_shape(1000, 1000, size, 32) == (size, size)
    assert input_shape(480, 640, size, None) == (size, size)


def test_items_come_in_batches_of_a_kind_and_none_waits_for_long():
    items = [("a", 0), *(("b", i) for i in range(1, 100))]
    parts = list(batched_by(items, 3, lambda item: item[0]))
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert all(len({kind for kind, _ in part}) == 1 and len(part) <= 3 for part in parts)
    kinds = [(i % 7, i) for i in range(70)]
    seen = [number for part in batched_by(kinds, 3, lambda item: item[0]) for _, number in part]
    assert sorted(seen) == list(range(70))
    assert max(place - number for place, number in enumerate(seen)) <= HELD * 3


def test_what_is_nearly_in_order_is_given_in_order():
    inputs = Inputs([None] * 8, 64, 1, None)
    inputs.failed, inputs.uniform = {1}, {4}
    found = in_order([2, 0, 5, 3, 7, 6], lambda number: number, inputs, range(8))
    assert list(found) == [0, 2, 3, 5, 6, 7]
    ahead = in_order(iter([0, 2]), lambda number: number, inputs, [0, 2])
    assert next(ahead) == 0  # before the next one is asked for
