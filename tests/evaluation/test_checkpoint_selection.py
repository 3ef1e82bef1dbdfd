import pytest

from cosod.errors import InputError
from cosod.evaluation import checkpoint_selection, evaluate


@pytest.fixture
def run(make, gt, tmp_path):
    for epoch, quality in ((2, 0.4), (10, 0.9), (30, 0.7)):
        make(f"run/epoch_{epoch}", quality)
    return [evaluate(p, gt, method=p.name, set_name="toys") for p in checkpoint_selection.checkpoints(tmp_path / "run")]


def test_checkpoints_are_in_the_order_of_their_numbers(run):
    assert [r.method for r in run] == ["epoch_2", "epoch_10", "epoch_30"]


def test_best_last_and_mean_are_told(run):
    chosen = checkpoint_selection.select(run, "max_e")
    assert (chosen.best.method, chosen.last.method) == ("epoch_10", "epoch_30")
    assert chosen.mean == pytest.approx(sum(r.all["max_e"] for r in run) / 3)
    assert "Chosen on toys by E max, protocol papers" in chosen.text()
    assert "epoch_30" in chosen.text()
    record = chosen.record()
    assert record["best"]["checkpoint"] == "epoch_10"
    assert [r["checkpoint"] for r in record["ranking"]] == ["epoch_10", "epoch_30", "epoch_2"]


def test_less_is_better_for_mae(run):
    assert checkpoint_selection.select(run, "mae").best.method == "epoch_10"


def test_nothing_to_choose_from(run, tmp_path):
    with pytest.raises(InputError, match="no measure 'wf'"):
        checkpoint_selection.select(run, "wf")
    with pytest.raises(InputError, match="no checkpoints"):
        checkpoint_selection.select([], "s")
    with pytest.raises(InputError, match="no such folder"):
        checkpoint_selection.checkpoints(tmp_path / "none")
    with pytest.raises(InputError, match="holds no folders"):
        checkpoint_selection.checkpoints(tmp_path / "gt" / "cup")


def test_a_checkpoint_without_a_figure_is_last_and_not_in_the_mean(run):
    run[1].all["max_e"] = float("nan")
    chosen = checkpoint_selection.select(run, "max_e")
    assert [r.method for r in chosen.ranked] == ["epoch_30", "epoch_2", "epoch_10"]
    assert chosen.mean == pytest.approx((run[0].all["max_e"] + run[2].all["max_e"]) / 2)
