import pytest

from cosod.errors import InputError
from cosod.evaluation import evaluate, regression_gate


def test_only_worse_figures_are_drops(make, gt, tmp_path):
    kept = tmp_path / "kept.json"
    good, fair = (evaluate(make(n, q), gt, method="ours") for n, q in (("good", 0.9), ("fair", 0.5)))
    regression_gate.write(kept, [fair], 0.001)
    assert regression_gate.drops(kept, [fair]) == []
    assert regression_gate.drops(kept, [good]) == []
    regression_gate.write(kept, [good], 0.001)
    drops = regression_gate.drops(kept, [fair])
    assert any("mae is" in d for d in drops)
    assert any("s is" in d for d in drops)
    assert regression_gate.drops(kept, [fair], tolerance=1.0) == []


def test_what_is_not_in_the_run_is_a_drop(make, gt, tmp_path):
    kept = tmp_path / "kept.json"
    report = evaluate(make(), gt, method="ours")
    regression_gate.write(kept, [report], 0.001)
    assert regression_gate.drops(kept, [evaluate(make(), gt, method="other")]) == [
        "papers ours: expected, and not in this run"
    ]
    (gt / "cup" / "0.png").unlink()
    smaller = evaluate(tmp_path / "pred", gt, method="ours")
    assert regression_gate.drops(kept, [smaller], tolerance=1.0) == ["papers ours: 11 images, expected 12"]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"expected": [{}], "tolerance": 0}', '{"expected": 3}'])
def test_other_files_are_refused(tmp_path, text):
    path = tmp_path / "kept.json"
    with pytest.raises(InputError, match="no such file; make it with --write-expect"):
        regression_gate.drops(path, [])
    path.write_text(text)
    with pytest.raises(InputError, match="not a file of expected figures"):
        regression_gate.drops(path, [])


def test_a_figure_that_was_not_a_number_before_is_no_drop(make, gt, tmp_path):
    kept = tmp_path / "kept.json"
    report = evaluate(make(), gt, method="ours")
    number = report.all["s"]
    report.all["s"] = float("nan")
    regression_gate.write(kept, [report], 0.001)
    assert regression_gate.drops(kept, [report]) == []
    report.all["s"] = number
    regression_gate.write(kept, [report], 0.001)
    report.all["s"] = float("nan")
    assert regression_gate.drops(kept, [report]) == [f"papers ours: s is nan, expected {number:.4f} within 0.001"]
