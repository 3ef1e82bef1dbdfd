"""Parity with the published code.

Its own outputs are compared where ``../shared/golden`` is beside the checkout. What this package gave when it
passed there is kept in ``golden/``, so that the proof holds elsewhere; each file is
``numpy.savez_compressed(OWN / f"{family}.npz", **kept(network))``.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cosod.losses import gconet_loss, gconet_plus_loss
from cosod.models import from_published, to_published
from cosod.models.registry import create_for_weights
from tests.models.filled import filled, images, masks

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "golden"
OWN = Path(__file__).parent / "golden"
FAMILIES = {"gconet_vgg16": "gconet", "gconet_plus_vgg16bn": "gconet_plus"}
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the published code's outputs are not here")


@pytest.fixture(scope="module", params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture
def network(family):
    """Filled by the rules of the fixtures, through the loader of published checkpoints."""
    shapes = {name: tuple(t.shape) for name, t in to_published(create_for_weights(FAMILIES[family])).items()}
    return from_published(filled(shapes))


def outputs(network, group):
    """Arrays by the names that the fixtures give them."""
    with torch.no_grad():
        features = network.encode(group)
        consensus = network.consensus(features)
        output = network.decode(features, consensus)
    found = {"x5": features.deep[:1], "weighted": (features.deep * consensus.vector)[:1], "out": output.maps}
    found["x5_mean"] = features.deep.mean(dim=(2, 3))
    if output.response is not None:
        found |= {f"out{i}": side for i, side in enumerate((output.response, *output.sides))}
    else:
        found |= {"prob": output.probability, "thresh": output.threshold}
    return {name: value.numpy() for name, value in found.items()}


def training(network, seeds, n, size, classes):
    """The output in training mode, and the loss terms."""
    loss = gconet_loss if network.__class__.__name__ == "GCoNet" else gconet_plus_loss
    output = network.train()(images(seeds[0], n, size))
    return output, loss(output, masks(seeds[1], n, size), torch.tensor(classes))


@needs_shared
@pytest.mark.parametrize("case", ["a", "b"])
def test_evaluation_is_the_published_one(family, network, case):
    expected = np.load(SHARED / f"{family}.{case}.npz")
    found = outputs(network, images(int(expected["seed"]), int(expected["n"]), int(expected["size"])))
    names = set(expected.files) - {"seed", "n", "size"}
    assert len(names) >= 6
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4, rtol=0, err_msg=name)


@needs_shared
def test_training_is_the_published_one(family, network):
    expected = json.loads((SHARED / f"{family}.train.json").read_text())
    seeds = (expected["seed_images"], expected["seed_masks"])
    output, terms = training(network, seeds, expected["images"], expected["size"], expected["classes"])
    terms = {name: float(term.detach()) for name, term in terms.items()}

    def near(value, wanted):
        assert value == pytest.approx(wanted, rel=1e-3)

    near(250 * terms["contrast"], expected["loss_contrast"])
    near(3 * terms["classification"], expected["loss_classification"])
    if family == "gconet_vgg16":
        near(terms["iou"], expected["loss_saliency"])
        from cosod.losses import iou_loss

        truth = masks(seeds[1], expected["images"], expected["size"])
        for side, wanted in zip((output.response, *output.sides), expected["per_level"], strict=True):
            near(float(iou_loss(side, truth).detach()), wanted)
        total = expected["loss_saliency"]
    else:
        near(terms["bce"], expected["bce_mean"])
        near(terms["iou"], expected["iou_sum"])
        near(12 * terms["triplet"], expected["loss_triplet"])
        near(10 * terms["masked_classification"], expected["loss_masked_classification"])
        near(120 * terms["bce"] + 2 * terms["iou"] + 12 * terms["triplet"], expected["loss_saliency_total"])
        total = expected["loss_saliency_total"] + expected["loss_masked_classification"]
        arrays = np.load(SHARED / f"{family}.train.npz")
        found = {
            "pred": output.maps,
            "cls": output.classes,
            "contrast": output.contrast,
            "masked_cls": output.masked_classes,
            "feature": output.deep.mean(dim=(2, 3)),
        }
        for name in arrays.files:
            np.testing.assert_allclose(found[name].detach(), arrays[name], atol=1e-3, rtol=0, err_msg=name)
    near(terms["total"], total + expected["loss_contrast"] + expected["loss_classification"])


@needs_shared
def test_names_and_shapes_are_the_published_ones(family):
    expected = json.loads((SHARED / f"{family}.keys.json").read_text())
    found = {name: list(t.shape) for name, t in to_published(create_for_weights(FAMILIES[family])).items()}
    assert found == expected


@needs_shared
def test_filling_rules_are_the_fixtures_own():
    spec = importlib.util.spec_from_file_location("golden_fill", SHARED / "fill.py")
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    shapes = {"a.weight": (3, 2, 1, 1), "b.weight": (4,), "b.bias": (4,), "b.running_var": (4,), "b.running_mean": (4,)}
    for name, values in filled(shapes).items():
        np.testing.assert_array_equal(values.numpy(), rules.fill(name, shapes[name]))
    np.testing.assert_array_equal(images(3, 2, 8).numpy(), rules.make_input(3, 2, 8))
    np.testing.assert_array_equal(masks(3, 2, 8).numpy(), rules.make_masks(3, 2, 8))


def kept(network):
    """What ``golden/*.npz`` holds: every fourth pixel, made when the tests above first passed."""
    arrays = {
        name: value[..., ::4, ::4] for name, value in outputs(network, images(41, 3, 32)).items() if "out" in name
    }
    output, terms = training(network, (42, 43), 4, 32, [3, 3, 17, 17])
    arrays["train_maps"] = output.maps.detach().numpy()[..., ::4, ::4]
    return arrays | {f"loss_{name}": term.detach().numpy() for name, term in terms.items()}


def test_outputs_have_not_moved(family, network):
    expected = np.load(OWN / f"{family}.npz")
    found = kept(network)
    assert set(found) == set(expected.files)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-3, rtol=1e-3, err_msg=name)
