"""``cosod train``, ``cosod ablate`` and ``cosod make-distractors``."""

import os
import subprocess
import sys

import pytest

from cosod.cli import ablate, make_distractors, train
from cosod.errors import InputError, WeightsError
from cosod.training.config.recipe import recipe_names
from tests.cli.command_line import run
from tests.training.made import make_set

HERE = ("--workers", "0", "--device", "cpu", "-q", "--backbone", "none")
OPTIONS = ("options.decoder=[8,8,8,8]", "options.gate=[12,8,8]")
CHANGES = ("steps=2", "precision=float32", "sampling.shares=[]", "held_out=0", *OPTIONS)
TINY = ("--batch", "3", "--size", "64", *HERE, *(part for change in CHANGES for part in ("--set", change)))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("cli") / "made")


def test_list():
    result = run(train.command, "--list")
    assert result.exit_code == 0
    assert all(name in result.output for name in recipe_names())
    assert "Table 1, ID 5" in result.output


def test_train_then_segment(data, tmp_path):
    result = run(train.command, "gconet_plus_mobile", "--data", data, "-o", tmp_path / "a run", "--seed", 3, *TINY)
    assert result.exit_code == 0
    weights = tmp_path / "a run" / "weights.safetensors"
    assert f"cosod segment --weights '{weights}' PHOTOS" in result.output  # as a shell takes it

    from cosod.cli import segment

    arguments = ("--weights", weights, "--size", 64, "--device", "cpu", "-o", tmp_path / "maps")
    assert run(segment.command, data / "images", *arguments).exit_code == 0
    assert len(list((tmp_path / "maps").rglob("*.png"))) == 16


def test_what_is_missing_or_wrong(data, tmp_path):
    assert run(train.command, "gconet_released").exit_code == 2
    arguments = ("gconet_plus_mobile", "--data", data, "-o", tmp_path / "run")
    with pytest.raises(InputError, match="did you mean 'epochs'"):
        run(train.command, *arguments, "--set", "epoch=3")
    with pytest.raises(InputError, match="give KEY=VALUE"):
        run(train.command, *arguments, "--set", "epochs")
    with pytest.raises(InputError, match="a number of groups, or a file of names"):
        run(train.command, *arguments, "--hold-out", tmp_path / "none.txt")
    with pytest.raises(WeightsError, match="there is no weights file"):
        run(train.command, *arguments, *TINY, "--backbone", tmp_path / "none.pth")
    (tmp_path / "names.txt").write_text("1\ndog\n")
    with pytest.raises(InputError, match="no group 'dog' to hold out"):
        run(train.command, *arguments, *TINY, "--hold-out", tmp_path / "names.txt")


def test_epochs_replace_the_recipes_steps():
    assert train.overrides((), epochs=3, batch=5) == {"epochs": 3, "steps": 0, "sampling.images": 5}
    assert train.overrides(("a.b=1", "c = x"), lr=0.1) == {"optimizer.lr": 0.1, "a.b": "1", "c": "x"}
    assert train.overrides((), hold_out="3") == {"validation.held_out": 3, "validation.names": []}


def test_distract(data, tmp_path):
    assert "16 images in" in run(make_distractors.command, data, "-o", tmp_path / "out", "--seed", 4, "-q").output
    assert len(list((tmp_path / "out" / "images").rglob("*.png"))) == 16


def test_ablate(data, tmp_path):
    arguments = ("--data", data, "--test", data, "--seeds", "1", "-o", tmp_path, *TINY)
    result = run(ablate.command, "gconet_plus_mobile", *arguments)
    assert result.exit_code == 0
    assert "| gconet_plus_mobile | made |" in result.output
    assert (tmp_path / "table.md").exists() and "max_e mean" in (tmp_path / "table.csv").read_text()
    with pytest.raises(InputError, match="no measure 'maxe'; did you mean 'max_e'"):
        run(ablate.command, "gconet_plus_mobile", *arguments, "--measures", "maxe")
    with pytest.raises(InputError, match="give each number once"):
        run(ablate.command, "gconet_plus_mobile", *arguments, "--seeds", "1,1")


@pytest.mark.slow
def test_torchrun(data, tmp_path):
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "cosod"]
    arguments = ["train", "gconet_plus_mobile", "--data", str(data), "-o", str(tmp_path / "run"), *TINY]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    result = subprocess.run([*started, *arguments], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "broadcast_buffers" not in result.stderr  # PyTorch's warning about an option that it renamed
    assert (tmp_path / "run" / "weights.safetensors").exists()
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 1
