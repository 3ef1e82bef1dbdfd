"""From images to what networks take."""

import numpy as np
import pytest
import torch

from cosod.data.tensors import to_batch


@pytest.mark.parametrize(("mean", "std"), [((0.5,) * 3, (0.25,) * 3), ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
def test_batches_are_normalised_by_channel(mean, std):
    images = list(np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8))
    batch = to_batch(images, mean, std)
    assert batch.dtype == torch.float32
    assert batch.is_contiguous(memory_format=torch.channels_last)
    expected = (np.stack(images) / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(batch.permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
