"""``benchmarks/compare.py``: which ratios became worse."""

import sys

import compare
import pytest
from results import read_sections, table, write_section

SPEED = ("model", "group", "images/s", "times as fast")
FOLDER = ("what", "seconds", "of the longer part")


def results(path, fast, longer):
    write_section(path, "speed", "Network", table(SPEED, [("plain", "5", "10", "1.00"), ("ours", "5", "30", fast)], 2))
    write_section(path, "folder", "Folder", table(FOLDER, [("reading", "1", ""), ("run", "2", longer)]))
    return path


@pytest.fixture
def old(tmp_path):
    return results(tmp_path / "old.md", "3.00", "1.50")


def test_rows_of_sections(old):
    assert read_sections(old) == {
        "speed": [
            {"model": "plain", "group": "5", "images/s": "10", "times as fast": "1.00"},
            {"model": "ours", "group": "5", "images/s": "30", "times as fast": "3.00"},
        ],
        "folder": [
            {"what": "reading", "seconds": "1", "of the longer part": ""},
            {"what": "run", "seconds": "2", "of the longer part": "1.50"},
        ],
    }


def test_the_committed_table_has_ratios():
    found = compare.ratios(compare.OLD)
    assert {ratio for _, _, ratio in found} == set(compare.RATIOS)
    assert all(value > 0 for value in found.values())


def test_less_of_a_folder_is_better(old, tmp_path):
    found = {change.row: change for change in compare.changes(old, results(tmp_path / "new.md", "2.40", "1.20"))}
    assert {row: round(change.change, 3) for row, change in found.items()} == {
        "plain 5": 0,
        "ours 5": -0.2,
        "run": 0.25,
    }


@pytest.mark.parametrize(
    ("fast", "longer", "worse"), [("2.70", "1.60", None), ("2.40", "1.60", "1 of 3"), ("2.40", "2.00", "2 of 3")]
)
def test_what_is_worse_ends_with_an_error(old, tmp_path, monkeypatch, capsys, fast, longer, worse):
    new = results(tmp_path / "new.md", fast, longer)
    monkeypatch.setattr(sys, "argv", ["compare.py", str(new), "--old", str(old)])
    if worse is None:
        compare.main()
    else:
        with pytest.raises(SystemExit, match=f"{worse} ratios are worse by more than 15%"):
            compare.main()
    assert f"| speed | ours 5 | times as fast | 3.00 | {fast} |" in capsys.readouterr().out


def test_nothing_in_common(old, tmp_path, monkeypatch):
    write_section(tmp_path / "new.md", "other", "Other", table(SPEED, [("ours", "5", "30", "3.00")], 2))
    monkeypatch.setattr(sys, "argv", ["compare.py", str(tmp_path / "new.md"), "--old", str(old)])
    with pytest.raises(SystemExit, match="no ratio in common"):
        compare.main()
