"""Scores of held-out groups and of other sets while a network trains."""

import pytest
import torch

from cosod.training import train
from cosod.training.data.training_set import drawn, read_groups
from cosod.training.run_log import read_log
from cosod.training.validation import Validator, fast_forward, predict
from tests.models.filled import images
from tests.models.lively import lively
from tests.training.made import make_set, tiny_job


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("validation")
    return make_set(root / "made"), make_set(root / "other", sizes=(3, 3))


def groups_of(folder, most=3):
    return drawn(read_groups(str(folder))[1], most)


def test_scores_of_several_sets_by_set_and_kind(folders, tmp_path):
    recipe = tiny_job(tmp_path, tmp_path, validation__images=2).recipe
    network = lively(decoder=(8, 8, 8, 8), gate=(12, 8, 8))
    both = Validator({"": groups_of(folders[0]), "other": groups_of(folders[1])}, recipe).scores(network)
    assert list(both) == ["plain", "distractors", "other plain", "other distractors"]
    assert all(scores.keys() == {"mae", "iou", "s"} for scores in both.values())
    alone = Validator({"other": groups_of(folders[1])}, recipe).scores(network)
    assert alone == {name: scores for name, scores in both.items() if name.startswith("other")}
    plain = tiny_job(tmp_path, tmp_path, validation__images=2, validation__distractors=False).recipe
    assert list(Validator({"": groups_of(folders[0])}, plain).scores(network)) == ["plain"]


def test_a_run_looks_at_the_sets_it_is_given(folders, tmp_path):
    data, other = folders
    job = tiny_job(data, tmp_path, validate=(str(other),), steps=2, validation__names=["0"], validation__images=2)
    train(job)
    (row,) = [row for row in read_log(tmp_path / "log.jsonl") if "validation" in row]
    assert list(row["validation"]) == ["plain", "distractors", "other plain", "other distractors"]
    order = (tmp_path / "order" / "group_0.txt").read_text()
    assert "/made/1/" in order and "other" not in order  # looked at, not trained on


def test_prediction_in_chunks_is_that_of_the_network(monkeypatch):
    network = lively(decoder=(8, 8, 8, 8), gate=(12, 8, 8)).eval()
    group = images(5, 5, 64).sigmoid()
    with torch.no_grad():
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (network.mean, network.std))
        whole = network((group - mean) / std).maps
    for chunk in (32, 2):
        monkeypatch.setattr("cosod.training.validation.CHUNK", chunk)
        torch.testing.assert_close(predict(fast_forward(network), group), whole, atol=1e-4, rtol=0)


def test_a_network_in_training_stays_in_training(folders, tmp_path):
    network = lively(decoder=(8, 8, 8, 8), gate=(12, 8, 8)).train()
    recipe = tiny_job(tmp_path, tmp_path, validation__images=2).recipe
    Validator({"": groups_of(folders[0])}, recipe).scores(network)
    assert network.training and not network.backbone.stem[2].training
