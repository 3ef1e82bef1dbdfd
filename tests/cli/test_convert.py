"""``cosod convert``."""

import pytest
import torch

from cosod.cli.convert import command
from cosod.errors import InputError, OutputError, WeightsError
from cosod.models import create, load, to_published
from cosod.models.checkpoints.safetensors_file import describe
from tests.cli.command_line import run


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("published") / "final_gconet.pth"
    torch.save(to_published(create("gconet", groups=3)), path)
    return path


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_there_and_back(tmp_path, suffix):
    torch.manual_seed(0)
    state = to_published(create("gconet_plus", groups=3))
    source, ours, back = tmp_path / "a.pth", tmp_path / "a.safetensors", tmp_path / f"back.{suffix}"
    torch.save(state, source)
    result = run(command, source, ours)
    assert result.exit_code == 0
    assert f"{source} is gconet_plus with 17.5 million parameters" in result.output
    assert describe(ours).extra == {"converted_from": "a.pth"}
    assert load(ours).config.confidence == "released"
    assert "published layout" in run(command, "--to-published", ours, back).output
    if suffix == "pth":
        again = torch.load(back, weights_only=True)
    else:
        from safetensors.torch import load_file

        again = load_file(back)
    assert set(again) == set(state)
    assert all(again[name].equal(state[name]) for name in state)


def test_blocks_that_are_one_go_there_and_back(tmp_path):
    state = to_published(create("ssnm_reference", groups=3, channels=8))
    source, ours, back = tmp_path / "a.pth", tmp_path / "a.safetensors", tmp_path / "back.safetensors"
    torch.save(state, source)
    assert "is ssnm_reference with" in run(command, source, ours).output
    assert run(command, "--to-published", ours, back).exit_code == 0
    from safetensors.torch import load_file

    again = load_file(back)
    assert set(again) == set(state)
    assert all(again[name].equal(state[name]) for name in state)


def test_does_not_overwrite(checkpoint, tmp_path):
    output = tmp_path / "out.safetensors"
    output.write_text("mine")
    with pytest.raises(OutputError, match=r"exists; .*--overwrite"):
        run(command, checkpoint, output)
    assert output.read_text() == "mine"
    assert "is gconet with" in run(command, "--overwrite", checkpoint, output).output
    assert describe(output).name == "gconet"


def test_output_must_be_safetensors(checkpoint, tmp_path):
    with pytest.raises(InputError, match=r"out\.pth: .* give a name that ends in \.safetensors"):
        run(command, checkpoint, tmp_path / "out.pth")


def test_unused_zeros_take_no_room(checkpoint):
    assert checkpoint.stat().st_size < 100e6  # the published file, with VGG's classifier, has 541.7 MB


def test_something_else(tmp_path):
    source = tmp_path / "other.pth"
    torch.save({"a": torch.zeros(1)}, source)
    with pytest.raises(WeightsError, match="not a checkpoint of GCoNet"):
        run(command, source, tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()
