"""Features of a group, kept between encoding and decoding."""

import numpy as np
import pytest
import torch

from cosod.inference import feature_cache
from cosod.inference.feature_cache import EncodedGroup
from cosod.io.prefetch import Inputs
from cosod.models.base import Features

#: Bytes of one image's features.
SIZE = 4 * (8 * 4 * 4 + 3 * 2 * 2)


def encode(images):
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    skip = torch.cat([pixels[:, :1, :4, :4] + channel for channel in range(8)], dim=1)
    return Features((skip.contiguous(memory_format=torch.channels_last),), pixels[:, :, :2, :2].contiguous(), (32, 32))


def group(count, bound, encode=encode, batch=3):
    images = [np.full((32, 32, 3), index, np.uint8) for index in range(count)]
    inputs = Inputs(images, 32, 1 << 20, None, twice=True)
    return EncodedGroup(inputs, encode, batch, bound)


@pytest.mark.parametrize("block", [1, 2 * SIZE, 5 * SIZE, 1 << 26])
@pytest.mark.parametrize("kept", [0, 7, 11])
def test_features_are_the_same_wherever_they_are_kept(monkeypatch, block, kept):
    monkeypatch.setattr(feature_cache, "BLOCK_BYTES", block)
    encoded = []
    found = group(11, kept * SIZE, lambda images: encoded.append(len(images)) or encode(images))
    expected = encode([np.full((32, 32, 3), index, np.uint8) for index in range(11)])
    for last in (False, False, True):
        encoded.clear()
        for indices, features in found.batches(range(11), last=last):
            assert torch.equal(features.skips[0], expected.skips[0][indices])
            assert torch.equal(features.deep, expected.deep[indices])
            assert features.skips[0].is_contiguous(memory_format=torch.channels_last) and features.size == (32, 32)
    assert sum(encoded) == 11 - kept


def test_a_large_group_is_kept_in_few_pieces_of_memory(monkeypatch):
    """Many small ones among the memory of layers would leave holes that no layer fits into."""
    monkeypatch.setattr(feature_cache, "BLOCK_BYTES", 8 * SIZE)
    found = group(20, 1 << 30)
    list(found.batches(range(20)))
    pieces = {row.batch.skips[0].untyped_storage().data_ptr() for row in found._kept.values()}
    assert len(pieces) == 3
    [piece] = {len(row.batch.deep) for index, row in found._kept.items() if index >= 16}
    assert piece == 4  # no more than the group still needs
