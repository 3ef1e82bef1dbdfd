"""The table of set-ups, row by row."""

import pytest

from cosod.active_learning.loop import Loop
from cosod.active_learning.pool import Pool
from cosod.active_learning.scores import ScoreRow, as_markdown, measure
from cosod.active_learning.settings import Settings, load_preset
from tests.active_learning.made import TINY


def test_rows_are_scored_and_not_run_again(pool_folder, tmp_path, monkeypatch):
    from pathlib import Path

    changes = TINY | {"rounds": 0}

    def table():
        rows = [ScoreRow("random10", load_preset("random10", changes))]
        measure(rows, [0, 1], Pool.scan(pool_folder), pool_folder, tmp_path, Path("none"), "cpu", lambda line: None)
        return rows

    first = table()
    assert len(first[0].figures["max_f"]) == 2
    assert (tmp_path / "random10/seed-1/maps/3.png").exists()
    monkeypatch.setattr(Loop, "_train", lambda *a: pytest.fail("trained again"))
    assert table()[0].figures == first[0].figures


def test_shares_of_full_supervision():
    rows = [
        ScoreRow("full", load_preset("full"), {"max_f": [0.8, 1.0], "s": [0.8, 0.8], "mae": [0.1, 0.1]}),
        ScoreRow("paper10", Settings(), {"max_f": [0.9, 0.9], "s": [0.6, 0.6], "mae": [0.12, 0.12]}),
        ScoreRow("code", load_preset("code"), {"max_f": [0.9, 0.9], "s": [0.6, 0.6], "mae": [0.12, 0.12]}),
    ]
    lines = as_markdown(rows).splitlines()
    assert lines[2] == "| full | masks | 0.9000 ± 0.1414 | 0.8000 ± 0.0000 | 0.1000 ± 0.0000 |"
    assert "| paper10 | 10 | 0.9000 (100.0%) ± 0.0000 | 0.6000 (75.0%)" in lines[3]
    assert lines[4].startswith("| code (reads masks) | 100 |")
    assert "2 seeds" in lines[-1]
    for row in rows:
        row.figures = {name: values[:1] for name, values in row.figures.items()}
    table = as_markdown(rows)
    assert "±" not in table and "one seed; protocol papers" in table
