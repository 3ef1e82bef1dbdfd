"""One stage of training on masks or points."""

import numpy as np
import pytest
import torch

from cosod.active_learning import stage
from cosod.active_learning.settings import load_preset
from cosod.errors import TrainingError
from cosod.models.registry import create
from tests.active_learning.made import TINY


@pytest.fixture
def material():
    settings = load_preset("paper10", TINY).training
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.integers(0, 256, (4, 48, 48, 3), dtype=np.uint8))
    masks = torch.zeros(4, 48, 48, dtype=torch.uint8)
    masks[:, 10:30, 10:30] = 255
    torch.manual_seed(0)
    return create(settings.network, classes=1), images, masks, settings


def state(network):
    return {key: value.clone() for key, value in network.state_dict().items()}


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_step_without_a_finite_gradient_changes_nothing(material, monkeypatch, broken):
    network, images, masks, settings = material
    exact = stage.mask_loss

    def mask_loss(output, truth, compatible):
        loss = exact(output, truth, compatible)
        if broken == "loss":
            return loss * float("nan")
        output.logits[0].register_hook(lambda gradient: gradient * float("inf"))
        return loss

    monkeypatch.setattr(stage, "mask_loss", mask_loss)
    before = state(network)
    report = stage.train_stage(network, images, masks, settings, 2, lambda step: 1.0, (0,))
    assert (report.steps, report.skipped) == (2, 2)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    with pytest.raises(TrainingError, match="50 steps in a row without a finite gradient"):
        stage.train_stage(network, images, masks, settings, 50, lambda step: 1.0, (0,))
