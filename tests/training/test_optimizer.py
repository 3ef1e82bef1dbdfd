"""What is learned, and how fast."""

import pytest
import torch

from cosod.errors import InputError
from cosod.models.modules.layers import keep_statistics
from cosod.training.config.recipe import load_recipe
from cosod.training.config.sections import OptimizerSettings
from cosod.training.optimizer import Average, make_optimizer, set_rates
from cosod.training.run import _new_network


def trained(name, **changes):
    recipe = load_recipe(name, changes)
    network = _new_network(recipe, 2)
    return network, make_optimizer(network, recipe)


def test_gconet_moves_conv5_3_at_a_hundredth():
    network, optimizer = trained("gconet_released")
    moving = {name for name, p in network.backbone.named_parameters() if p.requires_grad}
    assert moving == {"conv5.28.weight", "conv5.28.bias"}
    assert [group["peak"] for group in optimizer.param_groups] == pytest.approx([1e-6, 1e-4])
    assert len(optimizer.param_groups[0]["params"]) == 2


def test_gconet_plus_moves_no_backbone_and_its_rate_grows_with_the_batch():
    network, optimizer = trained("gconet_plus_released")
    assert not any(p.requires_grad for p in network.backbone.parameters())
    assert all(m.training for m in network.backbone.modules())
    assert [group["peak"] for group in optimizer.param_groups] == pytest.approx([1e-4 * 26 / 16])
    _, smaller = trained("gconet_plus_released", **{"sampling.images": 8})
    assert smaller.param_groups[0]["peak"] == pytest.approx(0.5e-4)


@pytest.mark.parametrize("frozen", [["backbone."], []])
def test_the_backbone_of_the_light_network_does_not_move(frozen):
    """Whatever the recipe says: what the consensus compares is as ImageNet left it."""
    network, optimizer = trained("gconet_plus_mobile", frozen=frozen)
    assert isinstance(optimizer, torch.optim.AdamW)
    assert not any(p.requires_grad for p in network.backbone.parameters())
    assert [group["peak"] for group in optimizer.param_groups] == pytest.approx([2e-3])


def test_a_name_that_no_parameter_has_is_refused():
    with pytest.raises(InputError, match=r"begins with 'backbon\.'; did you mean 'backbone\.'"):
        trained("gconet_released", frozen=["backbon."])


@pytest.mark.parametrize(
    ("settings", "epoch", "progress", "factor"),
    [
        (OptimizerSettings(schedule="constant"), 9, 0.9, 1.0),
        (OptimizerSettings(schedule="steps", decay_epochs=50), 49, 0.5, 1.0),
        (OptimizerSettings(schedule="steps", decay_epochs=50), 100, 0.5, 0.01),
        (OptimizerSettings(schedule="cosine", warmup=0.1), 0, 0.0, 0.04),
        (OptimizerSettings(schedule="cosine", warmup=0.1), 0, 0.1, 1.0),
        (OptimizerSettings(schedule="cosine", warmup=0.1), 0, 0.55, 0.5),
        (OptimizerSettings(schedule="cosine", warmup=0.0), 0, 1.0, 0.0),
    ],
)
def test_schedules(settings, epoch, progress, factor):
    _, optimizer = trained("gconet_released")
    assert set_rates(optimizer, settings, epoch, progress) == pytest.approx(factor)
    assert optimizer.param_groups[1]["lr"] == pytest.approx(1e-4 * factor)


def test_decay_by_steps_and_a_method_made_anew():
    settings = OptimizerSettings(schedule="steps", decay=0.5, decay_steps=3, restart=True)
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([{"params": [weight], "peak": 1.0, "lr": 1.0}])
    known = []
    for step in range(7):
        set_rates(optimizer, settings, 0, 0.0, step)
        known.append(len(optimizer.state))
        weight.grad = torch.ones(2)
        optimizer.step()
    assert known == [0, 1, 1, 0, 1, 1, 0]
    assert optimizer.param_groups[0]["lr"] == 0.25
    with pytest.raises(InputError, match="restart is for schedule steps, not for cosine"):
        OptimizerSettings(schedule="cosine", restart=True)


def test_average_follows_and_soon_forgets_its_start():
    network = torch.nn.BatchNorm1d(1)
    average = Average(network, 0.9)
    for step in range(1, 200):
        network.weight.data.fill_(3.0)
        network.num_batches_tracked.fill_(step)
        average.update(network, step)
    assert float(average.state["weight"]) == pytest.approx(3.0, abs=1e-4)
    assert int(average.state["num_batches_tracked"]) == 199


def test_frozen_statistics_stay():
    network = torch.nn.Sequential(torch.nn.BatchNorm1d(2)).train()
    keep_statistics(network)
    network(torch.randn(8, 2) + 5)
    assert network[0].running_mean.abs().max() == 0
