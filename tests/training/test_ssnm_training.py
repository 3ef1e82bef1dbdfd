"""SSNM through the training system, on plain folders."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from cosod.cli import segment
from cosod.errors import InputError
from cosod.losses import SSNMWeights, ssnm_loss
from cosod.models import load
from cosod.postprocess.threshold import binarize, coseg_threshold
from cosod.training import load_recipe, train
from cosod.training.config.recipe import recipe_names
from cosod.training.data.loader import Batch
from cosod.training.objective import Objective
from cosod.training.run import _new_network
from tests.models.filled import images, masks
from tests.training.made import losses, make_set, tiny_job

TINY = {"options": {"channels": 8}, "steps": 2, "size": 64}


def test_the_recipes_are_the_published_settings():
    for form, network in (("reference", "ssnm_reference"), ("paper", "ssnm")):
        recipe = load_recipe(f"ssnm_{form}")
        sampling, settings = recipe.sampling, recipe.optimizer
        assert (recipe.network, recipe.side, recipe.steps) == (network, 224, 100_000)
        assert recipe.weights == SSNMWeights()
        assert (sampling.groups, sampling.images, sampling.coco_area, sampling.coco_images) == (4, 5, 4000, 100)
        assert (settings.method, settings.lr, settings.backbone, settings.weight_decay) == ("adam", 1e-5, 1.0, 1e-6)
        assert (settings.decay, settings.decay_steps, settings.restart) == (0.5, 20_000, True)
        assert recipe.augment.flip == 0 and not recipe.augment.mixes


def test_the_light_recipes_differ_by_form_only():
    one, other = (load_recipe(f"ssnm_{form}_mobile") for form in ("paper", "reference"))
    assert one.options["form"] == "paper" and other.options["form"] == "reference"
    assert (one.sampling, one.augment, one.optimizer, one.weights) == (
        other.sampling,
        other.augment,
        other.optimizer,
        other.weights,
    )
    assert load_recipe("ssnm_paper_mobile", {"balanced": "true"}).weights.balanced


def test_a_batch_of_four_groups_goes_through_network_and_loss():
    recipe = load_recipe("ssnm_paper_mobile", {"options": {"channels": 8}, "size": 64, "precision": "float32"})
    torch.manual_seed(0)
    network = _new_network(recipe, 6).train()
    pixels, truth = images(3, 12, 64), masks(4, 12, 64)
    classes = torch.tensor([0, 2, 3, 5]).repeat_interleave(3)
    shared = torch.nn.functional.one_hot(classes, 6).float()
    shared[:3, 4] = 1
    objective = Objective(network, recipe, None)
    total, terms = objective((Batch(pixels, truth, classes, shared, (3,) * 4),))
    expected = ssnm_loss(network(pixels, 4), truth, shared)
    torch.testing.assert_close(total, expected["total"], rtol=1e-4, atol=0)
    assert set(terms) == {"bce", "smooth", "classification", "total"}


def test_networks_of_pairs_refuse_more_groups():
    with pytest.raises(InputError, match="gconet_plus_mobile takes pairs of groups, not 4"):
        load_recipe("gconet_plus_mobile", {"sampling.groups": 4})
    assert {"ssnm_paper", "ssnm_paper_mobile", "ssnm_reference", "ssnm_reference_mobile"} <= set(recipe_names())


@pytest.mark.parametrize("form", ["reference", "paper"])
def test_small_groups_train_segment_and_start_other_runs(tmp_path, form):
    data = make_set(tmp_path / "data", sizes=(2, 1, 3, 7))
    changes = TINY | {"options": {"channels": 8, "form": form}}
    with pytest.warns(UserWarning, match="left out, of fewer than two images: 1"):
        weights = train(tiny_job(data, tmp_path / "run", recipe="ssnm_paper_mobile", **changes))
    assert len(losses(tmp_path / "run")) == 2
    network = load(weights)
    assert network.config.form == form and network.config.groups == 3

    arguments = [data / "images", "--weights", weights, "--model", "ssnm", "--size", 64, "--save", "maps,masks"]
    arguments += ["--device", "cpu", "-o", tmp_path / "out"]
    assert CliRunner().invoke(segment.command, [str(a) for a in arguments], catch_exceptions=False).exit_code == 0
    maps = sorted((tmp_path / "out" / "3").glob("*.png"))
    assert len(maps) == 7
    values = np.asarray(Image.open(maps[0])) / 255
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "3" / maps[0].name))
    near = np.abs(values - coseg_threshold(values)) < 0.01
    np.testing.assert_array_equal((mask > 0)[~near], (values > coseg_threshold(values))[~near])

    other = make_set(tmp_path / "other", sizes=(3, 3))
    again = train(tiny_job(other, tmp_path / "second", recipe="ssnm_paper_mobile", init=weights, **changes))
    assert load(again).config.groups == 2


def test_the_coseg_threshold():
    saliency = np.array([[0.0, 0.0], [0.0, 0.4]], np.float32)
    assert coseg_threshold(saliency) == pytest.approx(0.1 + np.sqrt(0.03))
    np.testing.assert_array_equal(binarize(saliency, "coseg"), saliency > 0.3)
    assert coseg_threshold(np.ones((2, 2))) == 0.8
