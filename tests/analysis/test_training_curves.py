import csv

import numpy as np
import pytest
from PIL import Image

from cosod.analysis.training_curves import draw, read_run, read_runs
from cosod.errors import InputError
from tests.analysis.made import log_rows, write_log


def test_a_log_as_runs_write_it(tmp_path):
    run = read_run(write_log(tmp_path / "one", log_rows()))
    assert run.name == "one" and run.damaged == 0
    assert list(run.terms) == ["iou", "focal", "total"]
    steps, values = run.terms["total"]
    assert steps.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(values, 3 / steps)
    assert run.lr[1].tolist() == [1e-4] * 6
    assert run.validation["iou"]["distractors"][1].tolist() == [0.4]


def test_damaged_lines_are_left_out_and_counted(tmp_path):
    damage = b'\n{"step": 7, "tot\n\xff\xfe\n[1, 2]\n{"total": 1}\n{"step": "8"}\n{"step": 9, "validation": 3}\n'
    run = read_run(write_log(tmp_path, log_rows(), damage))
    assert run.damaged == 6
    assert run.terms["total"][0].tolist() == [1, 2, 3, 4, 5, 6]


def test_values_that_are_no_numbers_leave_a_gap(tmp_path):
    rows = [*log_rows(3), {"step": 4, "total": None, "lr": 1e-4}, {"step": 5, "total": 1.0}, {"step": 2, "total": 9.0}]
    run = read_run(write_log(tmp_path, rows, b'{"step": 6, "total": NaN}\n'))
    assert run.terms["total"][0].tolist() == [1, 2, 3, 5]
    assert run.terms["total"][1][1] == 9  # the later line of a step counts


def test_no_log(tmp_path):
    with pytest.raises(InputError, match=r"no log\.jsonl in it; give the folder of a run"):
        read_run(tmp_path)
    with pytest.raises(InputError, match=r"no log\.jsonl"):
        read_run(tmp_path / "nowhere")
    write_log(tmp_path, [{"step": 3}], b"nonsense\n")
    with pytest.raises(InputError, match="nothing to draw"):
        read_run(tmp_path)


def test_runs_of_one_name_get_their_parents_too(tmp_path):
    folders = [write_log(tmp_path / kind / "seed_1", log_rows()) for kind in ("gconet", "gconet_plus")]
    assert [run.name for run in read_runs(folders)] == ["gconet/seed_1", "gconet_plus/seed_1"]
    assert len({run.name for run in read_runs([folders[0], folders[0]])}) == 2


@pytest.mark.parametrize("steps", [1, 6, 60])
def test_figure_and_table(steps, tmp_path):
    other = [{"step": 1, "lr": 1e-3, "bce": 0.5}, {"step": 2, "lr": 1e-3, "bce": 0.4}]
    folders = [write_log(tmp_path / "a", log_rows(steps)), write_log(tmp_path / "b", other)]
    picture, table = draw(read_runs(folders), tmp_path / "out")
    with Image.open(picture) as figure:
        assert figure.width > 1000 and figure.height > 800
        assert np.asarray(figure.convert("L")).std() > 5
    rows = list(csv.DictReader(table.open()))
    found = {(row["run"], row["quantity"], row["kind"]) for row in rows}
    assert ("a", "loss: total", "") in found and ("b", "loss: bce", "") in found
    assert ("a", "validation: mae", "distractors") in found and ("b", "learning rate", "") in found
    assert sum(row["quantity"] == "loss: total" for row in rows) == steps
