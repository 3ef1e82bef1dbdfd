"""A backbone, a loss, a metric, a recipe, a network or a verb is added by one file and one line of a registry."""

import itertools
import sys
import types
from dataclasses import dataclass

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import cosod
from cosod.cli import VERBS, root
from cosod.errors import InputError
from cosod.evaluation import save
from cosod.evaluation.metrics import names
from cosod.losses import registry as losses
from cosod.models import create, registry
from cosod.models.backbones import registry as backbones
from cosod.models.backbones.base import Backbone, four_levels
from cosod.models.backbones.imagenet import init_backbone
from cosod.models.gconet import GCoNet, GCoNetConfig
from cosod.training.config.recipe import from_table, load_recipe, to_table
from cosod.training.data.loader import Batch
from cosod.training.objective import Objective
from tests.models.filled import images, masks


@dataclass(frozen=True)
class ToyWeights:
    """Factors of :func:`toy_loss`."""

    square: float = 2.0


def toy_loss(output, truth, classes, weights):
    """The squared error of the maps."""
    square = ((output.maps - truth) ** 2).mean()
    return {"square": square, "total": weights.square * square}


@pytest.fixture
def toy_recipe(monkeypatch, tmp_path):
    monkeypatch.setitem(losses.REGISTRY, "toy", losses.Entry(toy_loss, ToyWeights))
    path = tmp_path / "toy.toml"
    path.write_text('base = "gconet_released"\nloss = "toy"\n[weights]\nsquare = 3\n')
    return path


def test_a_loss_is_one_file_and_one_line(toy_recipe):
    recipe = load_recipe(toy_recipe)
    assert recipe.weights == ToyWeights(3.0) and from_table(to_table(recipe)) == recipe
    assert load_recipe(toy_recipe, {"square": "5"}).weights == ToyWeights(5.0)
    network = create("gconet", groups=3).train()
    batch = Batch(images(1, 4, 32), masks(1, 4, 32), torch.tensor([0, 0, 2, 2]), *([None] * (len(Batch._fields) - 3)))
    total, terms = Objective(network, recipe, None)((batch,))
    assert set(terms) == {"square", "total"}
    assert total.item() == pytest.approx(3 * terms["square"].item())


def test_a_loss_that_is_not_registered_is_named():
    with pytest.raises(InputError, match="gconet_plus"):
        load_recipe("gconet_released", {"loss": "toy"})


@pytest.mark.parametrize("name", sorted(losses.REGISTRY))
def test_every_loss_has_factors_with_defaults(name):
    assert losses.REGISTRY[name].weights() == losses.REGISTRY[name].weights()


@pytest.fixture
def dark_share(monkeypatch):
    """A measure: the share of the truth's background that the map leaves black."""
    module = types.ModuleType("toy_measure")
    module.dark_share = lambda pred, truth: np.mean(pred[truth < 128] == 0)
    monkeypatch.setitem(sys.modules, "toy_measure", module)
    entry = names.Measure("Dark", function="toy_measure:dark_share", protocols=("papers",))
    monkeypatch.setitem(names.MEASURES, "dark", entry)


def test_a_metric_is_one_file_and_one_line(dark_share, tmp_path):
    from PIL import Image

    truth = np.zeros((8, 10), np.uint8)
    truth[2:6, 3:7] = 255
    pred = truth.copy()
    pred[0] = 90
    for folder, image in (("gt", truth), ("pred", pred)):
        (tmp_path / folder).mkdir()
        Image.fromarray(image).save(tmp_path / folder / "a.png")
    report = cosod.evaluate(tmp_path / "pred", tmp_path / "gt")
    expected = 1 - 10 / 64
    assert report.all["dark"] == pytest.approx(expected) and report.images["a"]["dark"] == pytest.approx(expected)
    assert list(report.all)[-1] == "dark"
    files = {path.name: path.read_text() for path in save(tmp_path / "out", [report])}
    assert all("Dark" in files[name] for name in ("summary.md", "summary.tex", "report.html"))
    assert "dark" in files["images.csv"].splitlines()[0]
    others = cosod.evaluate(tmp_path / "pred", tmp_path / "gt", "pysodmetrics")
    assert "dark" not in others.all


def test_every_measure_of_a_protocol_is_registered():
    from cosod.evaluation.protocols import PROTOCOLS

    assert {key for protocol in PROTOCOLS.values() for key in protocol.keys} == set(names.MEASURES)


def test_a_measure_says_which_way_is_better():
    assert [key for key in names.MEASURES if names.lower_is_better(key)] == ["mae"]
    assert names.short_label("max_f") == "F_max" and names.short_label("s") == names.label("s") == "S"


def test_a_network_is_one_file_and_one_line(monkeypatch, tmp_path):
    class Toy(GCoNet):
        """A network of its own class."""

    monkeypatch.setitem(registry.REGISTRY, "toy", registry.Entry(Toy, GCoNetConfig, "A toy."))
    network = create("toy", groups=3)
    assert type(network) is Toy and registry.name_of(network) == "toy" and "toy" in registry.names()
    cosod.models.save(network, tmp_path / "toy.safetensors")
    assert type(cosod.models.load(tmp_path / "toy.safetensors")) is Toy


class ToyBackbone(Backbone):
    """One convolution for each level, each half as fine as the one before."""

    out_channels = (4, 6, 8, 10, 12)
    strides = (2, 4, 8, 16, 32)
    mean = std = (0.5, 0.5, 0.5)

    def __init__(self):
        super().__init__()
        channels = (3, *self.out_channels)
        self.levels = torch.nn.ModuleList(torch.nn.Conv2d(i, o, 3, 2, 1) for i, o in itertools.pairwise(channels))

    def forward(self, images):
        outputs = [self.levels[0](images)]
        for level in self.levels[1:]:
            outputs.append(level(outputs[-1]))
        return outputs

    def own_name(self, published):
        return f"levels.{published}" if published[0].isdigit() else None


@pytest.fixture
def toy_backbone(monkeypatch):
    monkeypatch.setitem(backbones.REGISTRY, "toy", backbones.Entry(ToyBackbone))


@pytest.mark.parametrize("name", ["gconet_plus", "gconet_plus_mobile", "ssnm"])
def test_a_backbone_is_one_file_and_one_line(toy_backbone, tmp_path, name):
    torch.manual_seed(0)
    network = create(name, backbone="toy").eval()
    assert network.mean == (0.5, 0.5, 0.5)
    with torch.no_grad():
        maps = network(images(0, 3, 64)).maps
    assert maps.shape == (3, 1, 64, 64) and bool(maps.isfinite().all())
    cosod.models.save(network, tmp_path / "toy.safetensors")
    again = cosod.models.load(tmp_path / "toy.safetensors")
    assert again.backbone.name == "toy" and again.config == network.config
    state = {key.removeprefix("levels."): torch.ones_like(value) for key, value in again.backbone.state_dict().items()}
    torch.save(state | {"fc.weight": torch.zeros(1)}, tmp_path / "toy.pth")
    init_backbone(again, tmp_path / "toy.pth")
    assert all(bool((value == 1).all()) for value in again.backbone.state_dict().values())


def test_recipes_take_a_new_backbone(toy_backbone, tmp_path):
    path = tmp_path / "toy.toml"
    path.write_text('base = "gconet_plus_released"\ndescription = "A toy."\n[options]\nbackbone = "toy"\n')
    recipe = load_recipe(path)
    assert create(recipe.network, **recipe.options).backbone.name == "toy"


def test_a_backbone_that_does_not_fit_is_refused():
    for name, backbone in (("gconet_plus", "hrnet_w18"), ("ssnm", "toy"), ("gconet_plus_mobile", "toy")):
        with pytest.raises(InputError, match=f"backbone cannot be '{backbone}'; choose one of .*resnet50"):
            create(name, backbone=backbone)


@pytest.mark.parametrize("name", [name for name in backbones.names() if not name.startswith("hrnet_w") or "18" in name])
@torch.no_grad()
def test_every_backbone_gives_what_it_says(name):
    backbone = backbones.create(name).eval()
    features = backbone(images(0, 1, 64))
    assert isinstance(features, list) and backbone.name == name
    assert [tuple(x.shape[1:]) for x in features] == [
        (channels, 64 // stride, 64 // stride)
        for channels, stride in zip(backbone.out_channels, backbone.strides, strict=True)
    ]
    levels = four_levels(backbone, images(0, 1, 64))
    assert [x.shape[-1] for x in levels] == [16, 8, 4, 2]


def test_a_verb_is_one_file_and_one_line(monkeypatch):
    @click.command(name="toy")
    def command():
        """Say so."""
        click.echo("a toy")

    module = types.ModuleType("cosod.cli.toy")
    module.command = command
    monkeypatch.setitem(sys.modules, "cosod.cli.toy", module)
    monkeypatch.setitem(VERBS, "toy", "Say so.")
    assert CliRunner().invoke(root, ["toy"]).output == "a toy\n"
    assert "toy " in CliRunner().invoke(root, ["--help"]).output
