"""Flip averaging: what it gives does not change when the images are mirrored."""

import numpy as np
import pytest
import torch

import cosod
from cosod.inference.flip_tta import MirroredSteps
from cosod.inference.probe_images import drawn_group


def mirrored(images):
    return [np.ascontiguousarray(image[:, ::-1]) for image in images]


def test_each_image_is_the_mean_of_both_views():
    """With the consensus of the images as they are."""
    network = cosod.models.checkpoints.loading.load()
    images = torch.randn(3, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    steps = MirroredSteps(network)
    with torch.inference_mode():
        features = network.encode(images)
        consensus = network.consensus(features)
        one = network.decode(features, consensus).maps
        other = network.decode(network.encode(images.flip(3)), consensus).maps.flip(3)
        found = steps.decode(steps.encode(images), consensus).maps
    torch.testing.assert_close(found, (one + other) / 2, atol=1e-5, rtol=1e-4)
    assert float((one - other).abs().max()) > 1e-3  # there was something to average


@pytest.mark.parametrize("name", ["gconet_plus_mobile", "ssnm_mobile"])
def test_maps_of_mirrored_images_are_mirrored_maps(name):
    torch.manual_seed(0)
    network = cosod.models.checkpoints.loading.load() if name == "gconet_plus_mobile" else cosod.models.create(name)
    plain, flipping = (cosod.Detector(network, "cpu", size=96, flip=flip) for flip in (False, True))
    images = drawn_group()[:2]
    differences = []
    for detector in (plain, flipping):
        maps, turned = detector.segment(images), detector.segment(mirrored(images))
        differences.append(max(float(np.abs(m - t[:, ::-1]).mean()) for m, t in zip(maps, turned, strict=True)))
    assert differences[1] < differences[0]


def test_kept_features_and_batches_change_nothing():
    images = drawn_group()
    few = cosod.load(device="cpu", size=96, flip=True).segment(images)
    again = cosod.load(device="cpu", size=96, flip=True, batch=2, feature_bytes=0).segment(images)
    for one, other in zip(few, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
