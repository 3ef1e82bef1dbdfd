"""Tables of plain values become dataclasses, and every key of them is explained."""

from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest
from click.testing import CliRunner

from cosod.active_learning import settings
from cosod.cli import active_run, train
from cosod.errors import InputError
from cosod.losses.registry import REGISTRY as LOSSES
from cosod.models.registry import REGISTRY as NETWORKS
from cosod.training.config import recipe
from cosod.training.config.typed_tables import build, descriptions, explained


def classes(cls):
    """A dataclass and all that its fields are."""
    yield cls
    for kind in get_type_hints(cls).values():
        if is_dataclass(kind):
            yield from classes(kind)


BEGINNINGS = [recipe.Recipe, settings.Settings]
BEGINNINGS += [entry.weights for entry in LOSSES.values()] + [entry.config for entry in NETWORKS.values()]
ALL = {found for cls in BEGINNINGS for found in classes(cls)}


@pytest.mark.parametrize("cls", sorted(ALL, key=lambda cls: cls.__name__), ids=lambda cls: cls.__name__)
def test_every_key_is_explained(cls):
    found = descriptions(cls)
    missing = [field.name for field in fields(cls) if len(found.get(field.name, "").split()) < 2]
    assert not missing, missing


def test_a_key_with_the_value_of_the_recipe_and_the_default():
    said = recipe.explain("lr", "gconet_plus_mobile")
    assert said.startswith("optimizer.lr = 0.002 (default 0.0001)\n    Peak learning rate")
    assert recipe.explain("optimizer.lr").startswith("optimizer.lr = 0.0001 (default 0.0001)")


def test_a_part_stands_for_its_keys():
    said = settings.explain("attack")
    assert said.startswith("[attack]\n") and "\neps = 0.1 (default 0.1)\n" in said
    assert [line for line in recipe.explain("weights", "gconet_released").splitlines() if line.startswith("iou")]
    assert "backbone = efficientnet_lite0" in recipe.explain("options", "gconet_plus_mobile")


@pytest.mark.parametrize("key", ["lrr", "optimizer.lrr", "sampling.images.more", "nothing.lr"])
def test_there_is_no_such_key(key):
    with pytest.raises(InputError, match=key.split(".")[0]):
        recipe.explain(key)


def test_values_of_other_kinds_are_named():
    with pytest.raises(InputError, match="the settings: attack: steps is a whole number"):
        build(settings.Settings, {"attack": {"steps": "many"}}, "the settings")
    with pytest.raises(InputError, match="unknown key 'eps'"):
        build(settings.Settings, {"eps": 1}, "the settings")
    with pytest.raises(InputError, match="no keys of its own"):
        explained(settings.Settings, ("first", "more"), {}, {})


@pytest.mark.parametrize(
    ("command", "arguments", "expected"),
    [
        (train.command, ["gconet_plus_mobile", "--explain", "steps"], "steps = 5000 (default 0)"),
        (train.command, ["--explain", "flip"], "augment.flip = "),
        (train.command, ["gconet_plus_mobile", "--explain", "dropout"], "options.dropout = 0.1"),
        (active_run.command, ["--explain", "selection.share"], "selection.share = 0.05"),
        (active_run.command, ["--explain", "attack.steps", "--preset", "paper10_no_attack"], "attack.steps = 0 "),
        (active_run.command, ["--preset", "paper10_no_attack", "--explain", "attack.steps"], "attack.steps = 0 "),
    ],
)
def test_the_commands_explain_without_data(command, arguments, expected):
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0 and result.output.startswith(expected)
