"""Training runs: the same numbers whatever happens to the process, and errors before they cost anything."""

import copy
import dataclasses
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cosod.errors import ExtraError, ImageError, InputError, OutputError, TrainingError
from cosod.inference.cpu_fusion import FusedConv
from cosod.inference.detector import Detector
from cosod.models import load
from cosod.models.checkpoints.safetensors_file import describe
from cosod.training import TrainingJob, checkpoint, load_recipe, loop, recipe_names, train
from cosod.training.process_group import join
from cosod.training.run import Run
from cosod.training.run_log import read_log
from tests.training.made import losses, make_set, tiny_job

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("data") / "made")


@pytest.fixture(scope="module")
def straight(data, tmp_path_factory):
    """The folder of a run of six steps that nothing stopped."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    train(tiny_job(data, folder))
    return folder


def same_weights(one: Path, other: Path) -> bool:
    a, b = (load_file(folder / "weights.safetensors") for folder in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_what_a_run_leaves(straight, data):
    assert {p.name for p in straight.iterdir()} == {
        "checkpoint.pt",
        "log.jsonl",
        "order",
        "recipe.json",
        "weights.safetensors",
    }
    rows = read_log(straight / "log.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["epoch"] for row in rows] == [0, 0, 0, 0, 1, 1]
    assert {"total", "map_bce", "objects_iou", "attention", "lr", "skipped", "seconds"} <= rows[0].keys()
    assert rows[0]["lr"] < rows[1]["lr"] > rows[5]["lr"]
    extra = describe(straight / "weights.safetensors").extra
    assert extra["steps"] == 6 and extra["recipe"]["sampling"]["images"] == 3
    assert extra["data"][0][:3] == ["made", 4, 16]
    maps = Detector(load(straight / "weights.safetensors"), device="cpu", size=64).segment(
        sorted((data / "images" / "0").iterdir())
    )
    assert len(maps) == 4 and maps[0].shape == (40, 48)


def test_workers_change_nothing(straight, data, tmp_path):
    train(tiny_job(data, tmp_path / "run", workers=2))
    assert losses(tmp_path / "run") == losses(straight)
    assert same_weights(tmp_path / "run", straight)


KILLED = """
import os, signal, sys
from pathlib import Path
from cosod.training.run import Run
from tests.training.made import tiny_job
from cosod.training import train
write = Run.write_checkpoint
def write_and_die(run):
    write(run)
    if run.step == {step}:
        os.kill(os.getpid(), signal.SIGKILL)
Run.write_checkpoint = write_and_die
train(tiny_job(Path(sys.argv[1]), Path(sys.argv[2]), checkpoint_every=1))
"""


def run_apart(data: Path, folder: Path, kill_after: int = 0) -> tuple[int, str]:
    """Run in a process of its own, killed after a step or never: its exit code and what it wrote to stderr.

    What other tests do to this process (libraries set threads, and how numbers are rounded) stays out of it.
    """
    code = [sys.executable, "-c", KILLED.format(step=kill_after), str(data), str(folder)]
    done = subprocess.run(code, cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_a_killed_run_goes_on_to_the_same_numbers(data, tmp_path):
    straight, folder = tmp_path / "straight", tmp_path / "run"
    code, said = run_apart(data, straight)
    assert code == 0, said
    code, said = run_apart(data, folder, kill_after=3)
    assert code == -signal.SIGKILL, said
    assert not (folder / "weights.safetensors").exists()
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"step": 4, "to')
    code, said = run_apart(data, folder)
    assert code == 0, said
    assert losses(folder) == losses(straight)
    assert same_weights(folder, straight)
    rows = read_log(folder / "log.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]


def test_a_replayed_run_is_the_same(straight, data, tmp_path):
    train(tiny_job(data, tmp_path / "run", replay=(straight / "order",), sampling__images=2))
    assert losses(tmp_path / "run") == losses(straight)
    with pytest.raises(InputError, match=r"has no group_2\.txt, and the run has 3 epochs; give fewer --epochs"):
        train(tiny_job(data, tmp_path / "more", replay=(straight / "order",), steps=9))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_mask_is_told_once_and_a_damaged_group_ends_the_run(tmp_path, workers, capsys):
    data = make_set(tmp_path / "made", sizes=(2, 2))
    paths = [data / "gts" / "1" / f"photo {i}.png" for i in range(2)]
    paths[0].write_bytes(paths[0].read_bytes()[:-30])  # its header, which is looked at before, is whole
    train(tiny_job(data, tmp_path / "run", workers=workers))
    assert capsys.readouterr().err.count(f"left out: {paths[0]}: cannot be read as an image (") == 1
    assert len(losses(tmp_path / "run")) == 6
    paths[1].write_bytes(paths[1].read_bytes()[:-30])
    with pytest.raises(ImageError, match=r"photo [01]\.png: cannot be read as an image \(") as caught:
        train(tiny_job(data, tmp_path / "second", workers=workers))
    assert "Traceback" not in str(caught.value)


def test_a_full_disk_leaves_the_checkpoint_before(straight, data, tmp_path):
    folder = tmp_path / "run"
    half = tiny_job(data, folder)
    train(dataclasses.replace(half, recipe=dataclasses.replace(half.recipe, steps=4)))
    (folder / "weights.safetensors").unlink()
    before = (folder / "checkpoint.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*checkpoint\.pt"):
            train(tiny_job(data, folder))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (folder / "checkpoint.pt").read_bytes() == before
    assert not list(folder.glob(".*"))
    assert checkpoint.read(folder / "checkpoint.pt")["step"] == 4


def test_a_checkpoint_of_another_run_is_named(straight, data, tmp_path):
    with pytest.raises(InputError, match=r"network 'gconet_plus_mobile' there and 'gconet' here.*another folder"):
        light = {"sampling__cut": 0.0, "augment__made": 0.0, "optimizer__frozen": []}
        train(tiny_job(data, straight, network="gconet", options={}, loss="gconet", weights={}, **light))
    with pytest.raises(InputError, match=r"is of another run: optimizer.lr 0.002 there and 0.1 here"):
        train(tiny_job(data, straight, lr=0.1))
    other = make_set(tmp_path / "other", sizes=(4, 3, 5))
    with pytest.raises(InputError, match=r"trained on made \(4 groups, 16 images\)"):
        train(tiny_job(other, straight))
    assert (straight / "weights.safetensors").exists()


def test_damaged_checkpoints(data, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot read the checkpoint"):
        train(tiny_job(data, tmp_path))
    torch.save({"a": torch.zeros(1)}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="is no checkpoint of cosod train"):
        train(tiny_job(data, tmp_path))


def without_values(backbone):
    """A backbone all of whose features are NaN."""
    broken = copy.deepcopy(backbone)
    broken.register_forward_hook(lambda module, given, found: [feature * float("nan") for feature in found])
    return broken


def test_a_step_without_finite_gradient_changes_nothing(data, tmp_path):
    run = Run(tiny_job(data, tmp_path), join("cpu"))
    work = next(loop._steps(run, 0))
    before = {key: value.clone() for key, value in run.network.state_dict().items()}
    loop._set_modes_and_rates(run)
    run.network.speed_up_training(without_values)
    assert loop.one_step(run, work) is None
    assert (run.step, run.skipped) == (1, 1)
    assert all(torch.equal(before[key], value) for key, value in run.network.state_dict().items())
    run.network.speed_up_training(lambda backbone: backbone)
    assert loop.one_step(run, work)["total"] > 0
    assert (run.step, run.skipped) == (2, 1)
    assert not torch.equal(before["gate.head.weight"], run.network.state_dict()["gate.head.weight"])


def test_the_frozen_backbone_is_fused_on_the_cpu_and_saved_as_it_is(data, tmp_path):
    run = Run(tiny_job(data, tmp_path), join("cpu"))
    (fast,) = run.network._trained_with
    assert any(isinstance(module, FusedConv) for module in fast.modules())
    images = torch.rand(2, 3, 64, 64)
    for one, other in zip(fast(images), run.network.backbone(images), strict=True):
        # In bfloat16 where it is fast.
        assert torch.cosine_similarity(one.float().flatten(), other.flatten(), dim=0) > 0.99
    assert not [key for key in run.network.state_dict() if "trained_with" in key]


def test_a_run_that_learns_nothing_any_more_ends(data, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "MOST_SKIPPED", 2)
    with pytest.raises(TrainingError, match="2 steps in a row had no finite gradient"):
        train(tiny_job(data, tmp_path, weights__bce=float("inf")))


def test_validation_on_held_out_groups(data, tmp_path):
    job = tiny_job(data, tmp_path, validation__names=["1", "3"], validation__every=4)
    train(job)
    rows = [row for row in read_log(tmp_path / "log.jsonl") if "validation" in row]
    assert [row["step"] for row in rows] == [4, 6]
    assert rows[0]["validation"].keys() == {"plain", "distractors"}
    assert rows[0]["validation"]["plain"].keys() == {"mae", "iou", "s"}
    assert (tmp_path / "held_out.txt").read_text().split() == ["1", "3"]
    assert describe(job.weights).extra["validation"] == rows[1]["validation"]
    train(job)  # a finished run stays as it is
    assert describe(job.weights).extra["validation"] == rows[1]["validation"]
    order = (tmp_path / "order" / "group_0.txt").read_text()
    assert "/0/" in order and "/1/" not in order and "/3/" not in order


def test_joint_training_sums_the_losses_of_a_pair_from_each_set(data, tmp_path):
    other = make_set(tmp_path / "other", sizes=(4, 4), names=["a", "b"])
    job = dataclasses.replace(tiny_job(data, tmp_path / "run", sets=2, steps=4), data=(str(data), str(other)))
    run = Run(job, join("cpu"))
    work = next(loop._steps(run, 0))
    assert [sorted(set(batch.classes.tolist())) for batch in work[0]][1] == [4, 5]
    start = {key: value.clone() for key, value in run.network.state_dict().items()}
    loop._set_modes_and_rates(run)
    both, _ = run.objective(work[0])
    with torch.no_grad():
        run.network.load_state_dict(start)  # the running means, from which both begin
    each = [run.objective((batch,))[0] for batch in work[0]]
    torch.testing.assert_close(both, sum(each))
    train(job)
    assert len(losses(tmp_path / "run")) == 4
    assert {p.name for p in (tmp_path / "run" / "order").iterdir()} == {"0", "1"}
    with pytest.raises(InputError, match="trains on 2 sets, not 1; repeat --data"):
        train(dataclasses.replace(job, data=(str(data),)))


def test_hardest_pairs_and_their_resumption(data, tmp_path):
    changes = {"sampling__partner": "hardest", "steps": 7}
    train(tiny_job(data, tmp_path / "straight", **changes))
    half = tiny_job(data, tmp_path / "run", **changes)
    plans = []
    for step in (6, 7):
        run = Run(tiny_job(data, tmp_path / "run", **changes), join("cpu"))
        for work in loop._steps(run, 0):
            loop._set_modes_and_rates(run)
            loop.one_step(run, work)
            if run.step == step:
                run.write_checkpoint()
                break
        plans.append(run.nearest)
    assert plans[0] == plans[1] and set(plans[0][0]) == {"0", "1", "2", "3"}
    run.save(half.weights)
    assert same_weights(tmp_path / "run", tmp_path / "straight")


def test_half_precision_needs_a_gpu(data, tmp_path):
    with pytest.raises(InputError, match="float16 needs a GPU, not cpu"):
        train(tiny_job(data, tmp_path, optimizer__precision="float16"))


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_trains(data, tmp_path, name):
    recipe = load_recipe(
        name,
        {"size": 64, "sampling.images": 2, "steps": 2, "pretrained": False, "held_out": 1, "sets": 1}
        | {"sampling.shares": []},
    )
    job = TrainingJob(recipe, (str(data),), tmp_path, device="cpu", workers=0, progress=False, log_every=1)
    train(job)
    assert [row["skipped"] for row in read_log(tmp_path / "log.jsonl") if "skipped" in row] == [0, 0]
    assert getattr(load(job.weights).config, "groups", 3) == 3


def test_tensorboard_is_optional(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ExtraError, match=r"cosod\[train\]"):
        train(tiny_job(data, tmp_path, tensorboard=True))


def test_auxiliary_losses_and_kept_epochs(data, tmp_path):
    train(
        tiny_job(data, tmp_path, size=128, adversarial=10.0, discriminator_every=2, scale=0.3, steps=8, keep_epochs=1)
    )
    rows = read_log(tmp_path / "log.jsonl")
    assert {"scale", "adversarial"} <= rows[0].keys()
    assert [p.name for p in (tmp_path / "epochs").iterdir()] == ["epoch_0001.safetensors"]
    assert checkpoint.read(tmp_path / "checkpoint.pt")["discriminator"]["optimizer"]["state"]


def test_pairs_of_a_step_average_their_gradients(data, tmp_path):
    run = Run(tiny_job(data, tmp_path, pairs=2, clip=0.0), join("cpu"))
    work = next(loop._steps(run, 0))
    assert len(work) == 2 and run.steps_an_epoch == 2
    loop._set_modes_and_rates(run)
    run.scaler.step = lambda optimizer: None
    start = {key: value.clone() for key, value in run.network.state_dict().items()}
    loop.one_step(run, work)
    both = {name: p.grad.clone() for name, p in run.network.named_parameters() if p.grad is not None}
    expected = {name: torch.zeros_like(grad) for name, grad in both.items()}
    run.network.load_state_dict(start)  # the running means, from which both begin
    for batches in work:
        run.optimizer.zero_grad()
        run.objective(batches)[0].backward()
        for name, p in run.network.named_parameters():
            if p.grad is not None:
                expected[name] += p.grad / 2
    for name, grad in both.items():
        torch.testing.assert_close(grad, expected[name], atol=1e-6, rtol=1e-4)


def test_a_run_starts_from_the_weights_of_another(straight, data, tmp_path):
    fewer = make_set(tmp_path / "fewer", sizes=(4, 3))
    run = Run(tiny_job(fewer, tmp_path / "run", init=straight / "weights.safetensors"), join("cpu"))
    found, own = load_file(straight / "weights.safetensors"), run.network.state_dict()
    assert all(torch.equal(own[key], value) for key, value in found.items())


def test_more_workers_than_cores_are_cut_with_a_warning():
    with pytest.warns(UserWarning, match="1000 workers on"):
        assert loop.usable_workers(1000) < 1000


def test_a_broken_log_line_is_passed_over(tmp_path):
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 1}) + '\n{"st')
    assert read_log(tmp_path / "log.jsonl") == [{"step": 1}]
