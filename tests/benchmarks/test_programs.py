"""The programs that measure folders and training: their parts do the work that is measured."""

import dataclasses

import applications
import busy
import folder
import numpy as np
import pytest
import start
import torch
import training_speed
from lines import Found
from PIL import Image
from training_speed import Turn

from cosod.training import TrainingJob, load_recipe
from cosod.training.data.loader import Batches
from cosod.training.loop import one_step
from cosod.training.process_group import join
from cosod.training.run import Run
from tests.torch_threads import torch_threads
from tests.training.made import TINY, make_set


@pytest.fixture(autouse=True)
def allocator(monkeypatch):
    """Left as it is: other tests of this process measure memory."""
    monkeypatch.setattr("cosod.inference.cpu_fusion.prefer_kept_memory", lambda: True)


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory):
    """Three photos of one megapixel."""
    path = tmp_path_factory.mktemp("folder") / "photos"
    folder.write_photos(path, folder.photos(None, 3))
    return path


def test_photos_are_jpegs_of_one_megapixel(jpegs, tmp_path):
    found = sorted(jpegs.iterdir())
    assert [p.name for p in found] == ["0000.jpg", "0001.jpg", "0002.jpg"]
    for path in found:
        with Image.open(path) as image:
            assert image.format == "JPEG"
            assert 0.95e6 < image.width * image.height < 1.05e6
        assert path.stat().st_size > 100_000  # texture as in photos, so that decoding takes as long
    Image.new("RGB", (300, 100), (10, 200, 30)).save(tmp_path / "wide.png")
    made = list(folder.photos(tmp_path, 2))
    assert len(made) == 2
    assert made[0].size == (folder.WIDTH, folder.HEIGHT)
    assert np.asarray(made[1]).mean(axis=(0, 1)).round().tolist() == [10, 200, 30]


@pytest.mark.parametrize("part", ["reading", "network", "writing", "run"])
def test_parts_of_a_folder_are_done(part, jpegs, monkeypatch):
    monkeypatch.setattr(folder, "READY", 2)
    case = folder.Case(jpegs, "default", (("device", "cpu"),))
    assert folder.PARTS[part](case)() > 0


@pytest.mark.slow
def test_commands_start_with_pytorch_and_without(capsys):
    start.main(["--photos", "2", "--runs", "1", "--precision", "float32"])
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.startswith("| 2 | ") and row.count(" s |") == 2


def test_applications_are_measured(tmp_path, capsys):
    results = tmp_path / "RESULTS.md"
    applications.main(["--megapixels", "0.1", "--photos", "2", "--runs", "1", "-o", str(results)])
    for text in (capsys.readouterr().out, results.read_text()):
        rows = [line for line in text.splitlines() if line.startswith(("| cut-outs |", "| thumbnails |"))]
        assert len(rows) == 2 and all(row.count("s a photo") == 2 for row in rows)
        assert "| PNG of the cut-out by Pillow | " in text


def test_groups_are_measured_beside_other_programs(monkeypatch, capsys):
    monkeypatch.setattr(busy, "seconds", lambda arguments: {"all": 6.0, "free": 1.5}[arguments[-1]])
    busy.main(["--photos", "3", "--busy", "0", "1", "--runs", "1"])
    assert "| 1 | 6.0 s | 1.5 s | 4.00 |" in capsys.readouterr().out
    assert busy.work(2, "float32", free=True) > 0


@pytest.mark.slow
def test_the_command_is_run(jpegs):
    seconds, memory = folder.command(folder.Case(jpegs, "default", (("device", "cpu"),)))()
    assert seconds > 0
    assert memory > 100e6


def test_run_is_compared_with_the_longer_part():
    gb = 10**9
    found = {
        "reading": Found([2.0, 1.0], gb),
        "network": Found([4.0, 5.0], gb),
        "writing": None,
        "run": Found([5.0, 6.0], 2 * gb),
        "command": Found([(10.0, 3 * gb), (8.0, gb)], 0),
    }
    assert folder.rows_of(found, 20) == [
        ["reading", "1.00", "20.0", "1.00 GB", ""],
        ["network", "4.00", "5.0", "1.00 GB", ""],
        ["run", "5.00", "4.0", "2.00 GB", "1.25"],
        ["command", "8.00", "2.5", "3.00 GB", "2.00"],
    ]
    assert [row[-1] for row in folder.rows_of({**found, "network": None}, 20)] == ["", "", ""]


@pytest.fixture
def one_thread():
    """Several threads add in another order, and the first step of AdamW is a full one even for rounding errors."""
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    data = make_set(tmp_path_factory.mktemp("training") / "set")
    return training_speed.Case("gconet_plus_mobile", tuple(TINY.items()), str(data), 0, 2, "cpu")


@pytest.mark.parametrize("workers", [None, 0, 1])
def test_a_turn_of_training(case, workers):
    turn = training_speed.prepare(dataclasses.replace(case, workers=workers))()
    assert turn.images == 2 * 2 * 3
    assert 0 < turn.waited < turn.seconds


def test_the_plain_loop_learns_what_ours_does(case, tmp_path, one_thread):
    plain = training_speed.make_run(dataclasses.replace(case, workers=None), tmp_path / "plain", join("cpu"))
    recipe = load_recipe(case.recipe, {**TINY, "optimizer.precision": "float32"})
    ours = Run(TrainingJob(recipe, (case.data,), tmp_path / "ours", device="cpu", progress=False), join("cpu"))
    start = {name: value.clone() for name, value in ours.network.state_dict().items()}
    batches = Batches(ours.sets, ours.plan_epoch(), recipe, 0, (ours.network.mean, ours.network.std))
    assert plain.network.decoder.block4[0][0].weight.is_contiguous()
    training_speed.plain_step(plain, batches[0])
    one_step(ours, [batches[0]])
    moved = 0
    parameters = [dict(loop.network.named_parameters()) for loop in (plain, ours)]
    for name, value in plain.network.state_dict().items():
        difference, other = (value - ours.network.state_dict()[name]).abs(), ours.network.state_dict()[name].abs()
        if parameters[0].get(name) in plain.optimizer.state:
            one, two = (
                loop.optimizer.state[own[name]]["exp_avg"] for loop, own in zip((plain, ours), parameters, strict=True)
            )
            torch.testing.assert_close(one, two, atol=5e-9, rtol=1e-3)  # a tenth of the gradients
            # AdamW divides the first gradient by its own size and 1e-8. Where it is smaller, its rounding errors show.
            rate = max(group["lr"] for group in plain.optimizer.param_groups)
            difference -= rate * (one - two).abs() / (torch.minimum(one.abs(), two.abs()) + 1e-9)
        assert (difference <= 1e-4 + 1e-3 * other).all(), name
        moved += not torch.equal(value, start[name])
    assert moved > 20


def test_training_is_compared_with_the_plain_loop(case):
    cases = [dataclasses.replace(case, workers=workers) for workers in (None, 1, 2)]
    found = [Found([Turn(4.0, 1.0, 40), Turn(2.0, 0.5, 40)], 1), Found([Turn(1.0, 0.01, 40)], 1), None]
    assert training_speed.rows_of(cases, found) == [
        ["plain", "float32", "0", "20.0", "1000", "25.0%", "1.00"],
        ["ours", "float32", "1", "40.0", "500", "1.0%", "2.00"],
    ]
