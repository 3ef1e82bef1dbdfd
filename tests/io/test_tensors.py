"""From images to what networks take."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from cosod.io.tensors import shrink, to_batch, to_own_size


@pytest.mark.parametrize(("mean", "std"), [((0.5,) * 3, (0.25,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
def test_batches_are_normalized_by_channel(mean, std):
    images = list(np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8))
    batch = to_batch(images, mean, std)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = (np.stack(images) / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(batch.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)


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
