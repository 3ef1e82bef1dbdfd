"""Recipes: files, bases, overrides and their errors."""

from pathlib import Path

import pytest
import torch

from cosod.errors import InputError
from cosod.losses import GCoNetPlusWeights, GCoNetWeights, MapWeights
from cosod.losses.registry import loss_of
from cosod.models import create
from cosod.training.config.recipe import from_table, load_recipe, recipe_names, to_table, with_defaults
from cosod.training.run import _new_network
from tests.models.filled import images, masks

#: The rows that show what each part of our recipe brought.
ABLATION = Path(__file__).parents[3] / "tools" / "ablation"


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_survives_its_table(name):
    recipe = load_recipe(name)
    assert from_table(to_table(recipe)) == recipe
    assert recipe.name == name and recipe.description.endswith(".") and recipe.source


@pytest.mark.parametrize("path", sorted(ABLATION.glob("no_*.toml")), ids=lambda path: path.stem)
def test_a_row_of_our_ablation_leaves_one_thing_out(path):
    whole, without = to_table(load_recipe(ABLATION / "all.toml")), to_table(load_recipe(path))
    assert whole["steps"] == 500 and without["name"] == path.stem
    changed = [key for key, value in whole.items() if value != without[key]]
    assert len(changed) == 3 and {"name", "description"} < set(changed), changed
    (part,) = set(changed) - {"name", "description"}
    assert all(not without[part][key] for key, value in whole[part].items() if value != without[part][key])


def test_the_released_recipes_are_the_published_settings():
    gconet, plus = load_recipe("gconet_released"), load_recipe("gconet_plus_released")
    assert gconet.weights == GCoNetWeights()
    assert plus.weights == GCoNetPlusWeights()
    assert (gconet.epochs, gconet.seed, gconet.side, gconet.sampling.images) == (50, 1996, 224, 16)
    assert (plus.epochs, plus.seed, plus.side, plus.sampling.images) == (350, 7, 256, 26)
    assert plus.options == {"confidence": "released"}


def test_the_papers_recipe_changes_what_the_paper_says():
    paper = load_recipe("gconet_plus_paper")
    assert paper.weights.last == MapWeights(bce=30, iou=0.5)
    assert (paper.weights.margin, paper.weights.triplet_on, paper.optimizer.lr) == (1.0, "masked", 3e-4)
    assert paper.augment == load_recipe("gconet_plus_released").augment


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("gconet_without", {"contrast", "classification"}),
        ("gconet_gam", {"contrast", "classification"}),
        ("gconet_gcm", {"classification"}),
        ("gconet_acm", {"contrast"}),
        ("gconet_gam_gcm", {"classification"}),
        ("gconet_plus_baseline", {"triplet", "masked_classification"}),
        ("gconet_plus_racm", {"triplet"}),
        ("gconet_plus_racm_cem", {"triplet"}),
        ("gconet_plus_racm_gst", set()),
        ("gconet_plus_sim", {"bce", "triplet", "masked_classification"}),
        ("gconet_plus_sim_hl", {"triplet", "masked_classification"}),
    ],
)
def test_rows_of_the_ablation_tables_leave_terms_out(name, missing):
    recipe, whole = load_recipe(name), load_recipe("gconet_released" if "plus" not in name else "gconet_plus_released")
    network = _new_network(recipe, 3).train()
    terms = {}
    for chosen, made in ((recipe, network), (whole, _new_network(whole, 3).train())):
        output = made(images(1, 4, 32))
        found = loss_of(chosen.loss)(output, masks(1, 4, 32), torch.tensor([0, 0, 2, 2]), chosen.weights)
        terms[chosen.name] = set(found)
    assert terms[whole.name] - terms[name] == missing
    if "plus" in name:
        assert network.config.confidence_module == ("cem" in name)
        assert network.config.backbone == ("vgg16" if name in ("gconet_plus_sim", "gconet_plus_sim_hl") else "vgg16_bn")
    else:
        assert network.config.affinity == ("gam" in name)


def test_overrides_find_their_part():
    recipe = load_recipe(
        "gconet_plus_released",
        {"lr": "1e-3", "sampling.images": 4, "partner": "hardest", "weights.last.iou": 1, "frozen": "[]"},
    )
    assert recipe.optimizer.lr == 1e-3
    assert recipe.sampling.images == 4 and recipe.sampling.partner == "hardest"
    assert recipe.weights.last == MapWeights(bce=120, iou=1)
    assert recipe.optimizer.frozen == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": 1}, "did you mean 'epochs'"),
        ({"optimizer.lrr": 1}, "unknown key 'lrr'; did you mean 'lr'"),
        ({"contrast": 1}, "is a key of augment and weights and options; write augment.contrast"),
        ({"epochs": "many"}, "epochs is a whole number, not 'many'"),
        ({"epochs": 0}, "epochs cannot be 0; give 1 or more"),
        ({"partner": "nice"}, "choose one of random, fixed, hardest"),
        ({"optimizer": 3}, "is a table of values"),
        ({"betas": [0.9]}, "is a list of 2"),
        ({"network": "gconett"}, "did you mean 'gconet'"),
        ({"options.chanels": 3}, "no option 'chanels'; did you mean 'channels'"),
        ({"size": 100}, "multiple of 16"),
        ({"loss": "l1"}, "choose one of gconet, gconet_plus, mobile"),
        ({"lr": -1}, "rate above 0"),
        ({"cut": 0.5}, "gconet takes groups of one size; leave sampling.cut 0"),
        ({"made": 0.5}, "need a loss on all objects, mobile; leave made 0"),
        ({"shares": [1, 2], "sets": 2}, "shares draw the groups of a step from any set; leave sets 1"),
        ({"shares": [1, 0]}, "give a number above 0 for each training set"),
        ({"flip": 2}, "a share between 0 and 1"),
        ({"name.x": 1}, "name is a single value"),
    ],
)
def test_errors_name_the_way_out(changes, message):
    with pytest.raises(InputError, match=message):
        load_recipe("gconet_released", changes)


def test_recipe_of_a_file_with_a_base_beside_it(tmp_path):
    (tmp_path / "one.toml").write_text('base = "gconet_plus_mobile"\nsteps = 7\n[sampling]\nimages = 5\n')
    (tmp_path / "two.toml").write_text('base = "one.toml"\nloss = "gconet_plus"\n[augment]\nmade = 0.0\n')
    recipe = load_recipe(tmp_path / "two.toml")
    assert (recipe.name, recipe.steps, recipe.sampling.images, recipe.sampling.cut) == ("two", 7, 5, 0.2)
    assert recipe.weights == GCoNetPlusWeights()  # another loss begins with its own factors


def test_files_that_are_no_recipes(tmp_path):
    with pytest.raises(InputError, match="no recipe 'gconet_relesed'; did you mean 'gconet_released'"):
        load_recipe("gconet_relesed")
    (tmp_path / "circle.toml").write_text('base = "circle.toml"\n')
    with pytest.raises(InputError, match="its own base"):
        load_recipe(tmp_path / "circle.toml")
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(InputError, match="cannot read the recipe"):
        load_recipe(tmp_path / "bad.toml")


def test_side_is_the_recipes_or_the_networks():
    assert load_recipe("gconet_released", {"size": 0}).side == create("gconet").size
    assert load_recipe("gconet_plus_mobile", {"size": 0}).side == create("gconet_plus_mobile").size


def test_tables_of_older_runs_have_the_defaults_of_new_keys():
    table = to_table(load_recipe("gconet_plus_mobile"))
    older = table | {"sampling": {k: v for k, v in table["sampling"].items() if k not in ("groups", "coarse_labels")}}
    assert older != table and with_defaults(older) == table
    assert with_defaults({"gone": 1}) == {"gone": 1}
