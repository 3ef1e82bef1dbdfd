"""Parity of SSNM's reference form with the published code.

As in ``test_golden.py``: its own outputs are compared where ``../shared/golden`` is beside the checkout, and what
this package gave when it passed there is kept in ``golden/``, made by ``numpy.savez_compressed(OWN, **kept(network))``.
"""

import dataclasses
import json

import numpy as np
import pytest
import torch

from cosod.losses import ssnm_loss
from cosod.models import create, from_published, to_published
from tests.models.filled import filled, images, masks
from tests.models.test_golden import OWN as FOLDER
from tests.models.test_golden import SHARED, needs_shared

OWN = FOLDER / "ssnm_vgg16bn.npz"


@pytest.fixture(scope="module")
def network():
    """Filled by the rules of the fixtures, through the loader of published checkpoints."""
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in to_published(create("ssnm_reference")).items()}
    state = filled(shapes)
    for name in shapes:  # shared blocks are filled by the name of the first
        if name.startswith(("concat3.", "concat2.")):
            state[name] = state["concat4." + name.partition(".")[2]]
    for name, factor in (("sp1.0.weight", 0.07), ("sp1.0.bias", 0.07), ("mask.0.weight", 0.2)):
        state[name] *= factor
    return from_published(state)


@torch.no_grad()
def outputs(network, features, solver):
    """Arrays by the names that the fixtures give them."""
    network.config = dataclasses.replace(network.config, solver=solver)
    consensus = network.consensus(features)
    return {
        "f4": features.deep[:1].numpy(),
        "spatial": consensus.spatial.numpy(),
        "gamma": consensus.vector[:1].flatten(1).numpy(),
        "classes": network.semantic.classifier(consensus.vector[:1].flatten(1)).sigmoid().numpy(),
        "mask": network.decode(features, consensus).maps[:, 0].numpy(),
    }


def cosine(a, b):
    return abs(float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b)))


@needs_shared
def test_outputs_are_the_published_ones(network):
    expected = np.load(SHARED / "ssnm_vgg16bn.a.npz")
    with torch.no_grad():
        features = network.encode(images(int(expected["seed"]), 5 * int(expected["groups"]), 224))
    found = outputs(network, features, "reference")
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4, rtol=0, err_msg=name)
    closed = outputs(network, features, "eigh")
    assert cosine(closed["spatial"], expected["spatial"]) > 0.99
    np.testing.assert_allclose(closed["gamma"], expected["gamma"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(closed["mask"], expected["mask"], atol=5e-3, rtol=0)


@needs_shared
def test_names_shapes_and_tying_are_the_published_ones(network):
    state = to_published(network)
    found = {name: list(t.shape) for name, t in state.items()}
    assert found == json.loads((SHARED / "ssnm_vgg16bn.keys.json").read_text())
    tied = json.loads((SHARED / "ssnm_vgg16bn.tied.json").read_text())
    assert all(state[name].data_ptr() == state[other].data_ptr() for name, other in tied.items())


def test_number_of_parameters(network):
    assert sum(parameter.numel() for parameter in network.parameters()) == 40_830_450
    assert len(to_published(network)) == 141


def kept(network):
    """What ``golden/ssnm_vgg16bn.npz`` holds: maps at every fourth pixel, and losses."""
    with torch.no_grad():
        features = network.encode(images(41, 5, 64))
    arrays = outputs(network, features, "reference")
    del arrays["f4"]
    arrays["mask"] = arrays["mask"][..., ::4, ::4]
    with torch.no_grad():
        output = network.train()(images(42, 10, 32))
        terms = ssnm_loss(output, masks(43, 10, 32), torch.tensor([3] * 5 + [17] * 5))
    network.eval()
    return arrays | {f"loss_{name}": term.numpy() for name, term in terms.items()}


def test_outputs_have_not_moved(network):
    expected = np.load(OWN)
    statistics = {name: t.clone() for name, t in network.state_dict().items() if "running" in name}
    found = kept(network)
    network.load_state_dict(statistics, strict=False)  # training mode moved them
    assert set(found) == set(expected.files)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4, rtol=1e-3, err_msg=name)
