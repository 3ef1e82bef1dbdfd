"""The choice between float32 and bfloat16, in inference and in training."""

import pytest
import torch

import cosod
from cosod.active_learning.stage import Training
from cosod.errors import InputError
from cosod.inference import precision
from cosod.inference.precision import training_dtype, warn_of_emulation
from cosod.models.registry import create
from cosod.training.config.recipe import load_recipe, recipe_names

CPU = torch.device("cpu")


@pytest.mark.parametrize("hardware", [True, False])
def test_auto_trains_in_what_the_hardware_supports(hardware, monkeypatch):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: hardware)
    assert training_dtype("auto", CPU) == (torch.bfloat16 if hardware else torch.float32)
    assert training_dtype("float32", CPU) == torch.float32
    assert training_dtype("bfloat16", CPU) == torch.bfloat16


def test_no_default_of_a_training_is_emulated():
    """A processor without bfloat16 would take 20 times as long as in float32."""
    assert {load_recipe(name).optimizer.precision for name in recipe_names()} <= {"auto", "float32"}
    assert Training().precision == "auto"


def test_emulation_is_told(monkeypatch, recwarn):
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: True)
    warn_of_emulation("bfloat16", CPU)
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: False)
    warn_of_emulation("float32", CPU)
    assert not recwarn
    with pytest.warns(UserWarning, match="precision bfloat16: cpu only emulates it"):
        warn_of_emulation("bfloat16", CPU)


def test_a_processor_that_cannot_compute_in_bfloat16(monkeypatch):
    network = create("gconet_plus_mobile").eval()
    monkeypatch.setattr(precision, "can_bfloat16", lambda device: False)
    with pytest.raises(InputError, match="precision bfloat16: this processor does not support it; take"):
        cosod.Detector(network, "cpu", precision="bfloat16")
    assert cosod.Detector(network, "cpu", precision="auto").precision == "float32"
