"""Recipes over seeds and their table."""

import dataclasses

import pytest

from cosod.analysis import ablation
from cosod.analysis.ablation import AblationRow, ablate, as_csv, as_markdown, open_test
from cosod.errors import InputError
from cosod.evaluation import evaluate
from cosod.training import load_recipe
from tests.training.made import TINY, make_set, tiny_job


def test_the_table():
    rows = [
        AblationRow("one", "set", {"s": (0.5, 0.7), "mae": (0.1, 0.1)}),
        AblationRow("two", "set", {"s": (0.6,), "mae": (0.2,)}),
    ]
    assert as_markdown(rows, ["mae", "s"], 2).splitlines()[2] == ("| one | set | 0.1000 ± 0.0000 | 0.6000 ± 0.1414 |")
    assert as_csv(rows).splitlines()[1].startswith("one,set,0.600000,0.141421,0.500000;0.700000,")
    assert rows[1].deviation("s") == 0


def test_one_seed_has_no_deviation():
    rows = [AblationRow("one", "set", {"s": (0.6,)})]
    lines = as_markdown(rows, ["s"], 1).splitlines()
    assert lines[2] == "| one | set | 0.6000 ± - |"
    assert lines[-1] == "One seed, which has no standard deviation."
    assert as_csv(rows).splitlines()[1] == "one,set,0.600000,,0.600000"


def test_ablation_trains_scores_and_goes_on(tmp_path, monkeypatch):
    data, test = make_set(tmp_path / "data"), make_set(tmp_path / "test", sizes=(2, 3))
    recipes = [
        dataclasses.replace(
            load_recipe(
                "gconet_plus_mobile", TINY | {"steps": 4, "optimizer.lr": 0.02, "sampling.coarse_labels": share}
            ),
            name=name,
        )
        for name, share in (("plain", 0.0), ("coarse", 0.5))
    ]
    job = tiny_job(data, tmp_path / "out")
    said = []
    rows = ablate(recipes, [1, 2], [open_test(f"small={test}")], job, say=said.append)
    assert len(said) == 4
    assert [(row.recipe, row.test) for row in rows] == [("plain", "small"), ("coarse", "small")]
    assert all(len(set(row.figures["mae"])) == 2 for row in rows)
    assert {p.name for p in (tmp_path / "out" / "plain" / "seed_1" / "maps" / "small").iterdir()} >= {"0", "1"}

    def never(*_arguments):
        raise AssertionError("done already")

    monkeypatch.setattr(ablation, "train", never)
    monkeypatch.setattr(ablation, "evaluate", never)
    assert ablate(recipes, [1, 2], [open_test(f"small={test}")], job, say=said.append) == rows
    monkeypatch.setattr(ablation, "evaluate", evaluate)
    (tmp_path / "out" / "plain" / "seed_2" / "scores.json").write_text("{")  # damaged
    assert ablate(recipes, [1, 2], [open_test(f"small={test}")], job, say=said.append) == rows
    with pytest.raises(InputError, match="two recipes of one name"):
        ablate([recipes[0]] * 2, [1], [], job)


def test_test_sets_need_groups(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "gts").mkdir()
    with pytest.raises(InputError):
        open_test(str(tmp_path))
