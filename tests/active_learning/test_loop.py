"""The loop as a whole: budget, growth, truth of the labels, and runs that were stopped."""

import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest
import torch

from cosod.active_learning.images import read_mask
from cosod.active_learning.points import Point, PointSet
from cosod.active_learning.pool import Pool
from cosod.active_learning.settings import Settings, differences, from_table, load_preset, presets, to_table
from cosod.active_learning.state import State
from cosod.errors import InputError
from cosod.models import load
from tests.active_learning.made import make_pool, tiny_loop


@pytest.fixture(scope="module")
def finished(tmp_path_factory, pool_folder):
    folder = tmp_path_factory.mktemp("run")
    loop = tiny_loop(folder, pool_folder)
    return loop, loop.run()


def test_budget_is_exact_and_labels_are_true(finished):
    loop, _ = finished
    points, masks = loop.state.points(loop.pool), loop.pool.masks()
    for name, clicks in points:
        assert len(clicks) == 10 == loop.settings.budget
        mask = read_mask(masks[name], loop.pool.sizes[name])
        assert all(p.label == (mask[p.y, p.x] > 0) for p in clicks)
    assert len(points) == 40


def test_what_training_sees_grows_every_round(finished):
    loop, _ = finished
    stages = [*range(4), "final"]
    seen = [json.loads((loop.state.folder / f"stage-{stage}.json").read_text()) for stage in stages]
    assert [row["clicks"] for row in seen] == [8, 16, 24, 32, 40]
    shares = [row["labeled_share"] for row in seen]
    assert shares == sorted(shares) and shares[0] > 0


def test_final_network_is_a_weights_file(finished):
    loop, path = finished
    network = load(path)
    assert network.config.classes == 2
    assert not loop.asked() and loop.finish() == path


def test_a_run_stopped_anywhere_ends_with_the_same_numbers(finished, tmp_path, pool_folder):
    loop, path = finished

    class Stop(Exception):
        pass

    for _ in range(40):
        again = tiny_loop(tmp_path / "again", pool_folder)
        done = []

        def stop(line, done=done):
            done.append(line)
            if len(done) == 2:  # in the middle of the second thing that takes a while
                raise Stop

        again.say = stop
        try:
            again.run()
            break
        except Stop:
            continue
    assert again.state.points(again.pool) == loop.state.points(loop.pool)
    one, other = load(path).state_dict(), load(again.state.folder / "weights.safetensors").state_dict()
    assert all(one[name].equal(other[name]) for name in one)


def test_another_seed_gives_other_clicks(finished, tmp_path, pool_folder):
    loop, _ = finished
    other = tiny_loop(tmp_path, pool_folder, seed=1)
    assert other.asked() != loop.state.queries(0, loop.pool)


@pytest.mark.parametrize("preset", ["random10", "margin10", "full", "paper10_regions"])
def test_presets_run(preset, tmp_path, pool_folder):
    if preset == "paper10_regions":
        pytest.importorskip("skimage")
    loop = tiny_loop(tmp_path, pool_folder, preset)
    network = load(loop.run())
    assert network.config.classes == (1 if preset == "full" else 2)
    assert len(loop.state.points(loop.pool)) == (0 if preset == "full" else 40)


def test_code_preset(tmp_path, pool_folder):
    """The published code's loop: ten more in every round, labels read off the masks in whole superpixels."""
    pytest.importorskip("skimage")
    loop = tiny_loop(tmp_path, pool_folder, "code", rounds=1)
    assert load_preset("code").budget == 100
    loop.run()
    assert len(loop.state.points(loop.pool)) == 80
    row = json.loads((tmp_path / "stage-final.json").read_text())
    assert row["labels"] == "gt_in_region" and row["clicks"] == 80 and row["labeled_share"] > 0.02


def test_other_settings_are_named(finished, pool_folder):
    loop, _ = finished
    with pytest.raises(InputError, match=r"rounds 4 there and 3 here.*attack\.steps 1 there and 2 here"):
        tiny_loop(loop.state.folder, pool_folder, rounds=3, attack__steps=2)


def test_changed_pool_is_named(tmp_path):
    folder = make_pool(tmp_path / "pool")
    tiny_loop(tmp_path / "run", folder).asked()
    make_pool(folder, count=5)
    with pytest.raises(InputError, match=r"1 new, the first is images/4\.png"):
        tiny_loop(tmp_path / "run", folder)
    (folder / "images/4.png").unlink()
    tiny_loop(tmp_path / "run", folder)
    cv2.imwrite(str(folder / "images/2.png"), np.zeros((5, 6, 3), np.uint8))
    with pytest.raises(InputError, match=r"images/2\.png"):
        tiny_loop(tmp_path / "run", folder)


def test_people_answer_bit_by_bit(tmp_path, pool_folder):
    loop = tiny_loop(tmp_path, pool_folder)
    first = loop.asked()
    assert sum(map(len, first.values())) == 8 and loop.asked() == first
    answers = PointSet(loop.pool.fingerprint)
    name = loop.pool.names[0]
    answers.add(name, [Point(*first[name][0], 1)])
    assert loop.answer(answers) == 1
    left = loop.asked()
    assert sum(map(len, left.values())) == 7 and loop.state.rounds() == 1
    assert loop.asked(give_up=True) and loop.state.rounds() == 2  # trained on the one answer that there is


def test_wrong_answers_change_nothing(tmp_path, pool_folder):
    loop = tiny_loop(tmp_path, pool_folder)
    loop.asked()
    for pool, point, message in (
        (loop.pool.fingerprint, Point(99, 0, 1), "outside"),
        ("x", Point(0, 0, 1), "another pool"),
    ):
        answers = PointSet(pool)
        answers.add("images/0.png", [point])
        with pytest.raises(InputError, match=message):
            loop.answer(answers)
    assert not loop.state.points_file.exists()


def test_folders_without_a_run(tmp_path):
    with pytest.raises(InputError, match="no active-learning run"):
        State(tmp_path).pool()
    with pytest.raises(InputError, match="begin one with"):
        from cosod.active_learning.loop import Loop

        Loop.open(tmp_path)


def test_networks_for_groups_are_refused(tmp_path, pool_folder):
    assert tiny_loop(tmp_path / "a", pool_folder, training__network="f3net").settings.training.network == "f3net"
    with pytest.raises(InputError, match="for groups"):
        tiny_loop(tmp_path / "b", pool_folder, training__network="gconet")


def test_settings_through_json():
    for name in presets():
        settings = load_preset(name)
        assert from_table(json.loads(json.dumps(to_table(settings)))) == settings
    assert load_preset("paper10") == Settings()
    assert differences(Settings(), load_preset("random10")) == [
        "first 2 there and 10 here",
        "rounds 4 there and 0 here",
    ]
    assert all(load_preset(name).budget == 10 for name in presets() if name not in ("full", "code"))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("paper11", {}, "did you mean"),
        ("paper10", {"attack.step": 3}, "did you mean 'steps'"),
        ("paper10", {"rounds": "many"}, "a whole number"),
        ("paper10", {"rounds.steps": 3}, "a whole number"),
        ("code", {"rounds.steps": 3}, "single value"),
        ("paper10", {"training.network": "f3nett"}, "f3net"),
        ("paper10", {"first": 0}, "needs clicks"),
        ("paper10", {"training.steps": 3}, "no 4 moments"),
        ("full", {"first": 2}, "needs no clicks"),
        ("paper10", {"labels": "boxes"}, "labels"),
        ("paper10", {"training.size": 50}, "multiple of 32"),
    ],
)
def test_wrong_settings(name, changes, message):
    with pytest.raises(InputError, match=message):
        load_preset(name, changes)


def test_snapshots_are_kept_for_the_newest_round_only(finished):
    loop, _ = finished
    assert [loop.state.model_file(n).exists() for n in range(4)] == [False, False, False, True]
    kept = torch.load(loop.state.model_file(3), weights_only=True)["snapshots"]
    assert len(kept) == 4
    assert Pool.load(loop.state.pool_file).fingerprint == loop.pool.fingerprint


def test_a_lost_network_is_trained_again_as_it_was(finished, tmp_path):
    loop, _ = finished
    shutil.copytree(loop.state.folder, tmp_path / "run")
    again = dataclasses.replace(loop, state=State(tmp_path / "run"), material=None)
    again.state.model_file(3).unlink()
    _, snapshots = again._trained(3)
    _, expected = loop._trained(3)
    for one, other in zip(snapshots, expected, strict=True):
        assert all(one[name].equal(other[name]) for name in other)
    assert [again.state.model_file(n).exists() for n in range(4)] == [False, False, False, True]
    assert len(again.state.points_until(1, again.pool)) == 4 * len(again.pool)
