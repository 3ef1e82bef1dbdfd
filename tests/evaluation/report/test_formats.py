import csv

import pytest

from cosod.evaluation import bootstrap, evaluate
from cosod.evaluation.report import formats


@pytest.fixture
def reports(make, gt):
    made = {"good_one": 0.9, "fair & square": 0.6, "poor": 0.3}
    folders = {name: make(f"p{i}", quality) for i, (name, quality) in enumerate(made.items())}
    order = ["poor", "good_one", "fair & square"]
    return [evaluate(folders[n], gt, p, method=n) for n in order for p in ("papers", "coseg")]


def test_one_table_for_each_protocol_best_first(reports):
    tables = formats.tables(reports)
    assert list(tables) == [("", "papers"), ("", "coseg")]
    assert [r.method for r in tables["", "papers"]] == ["good_one", "fair & square", "poor"]


def test_best_and_second_are_marked(reports):
    rows = formats.tables(reports)["", "papers"]
    best, second = formats.best_two(rows, "mae")
    assert best == round(min(r.all["mae"] for r in rows), 4)
    assert second == sorted(round(r.all["mae"], 4) for r in rows)[1]
    assert formats.best_two(rows[:1], "mae") == (None, None)
    markdown = formats.markdown(reports)
    assert f"| good_one | **{best:.4f}** |" in markdown
    assert f"| fair & square | *{second:.4f}* |" in markdown


def test_latex_is_escaped(reports):
    latex = formats.latex(reports)
    assert r"fair \& square & \underline{" in latex
    assert r"good\_one & \textbf{" in latex
    assert latex.count(r"\begin{tabular}") == 2


def test_text_names_protocols(reports):
    text = formats.text(reports)
    assert "protocol papers (eval-co-sod" in text
    assert "protocol coseg (SSNM" in text


def test_groups_of_one_method_and_of_several(reports):
    papers, coseg = formats.groups_text(reports).split("by group, ")[1:]
    assert papers.startswith("protocol papers, S↑") and coseg.startswith("protocol coseg, J↑")
    lines = papers.splitlines()
    assert lines[1].split() == ["group", "images", "good_one", "fair", "&", "square", "poor"]
    best = next(r for r in reports if (r.method, r.protocol) == ("good_one", "papers"))
    assert lines[2].split()[:3] == ["cup", "4", f"{best.groups['cup']['s']:.4f}"]
    own = formats.groups_text([best]).splitlines()
    assert own[2].split() == ["cup", "4", *(f"{best.groups['cup'][k]:.4f}" for k in best.keys)]


def test_of_many_groups_the_lowest_are_shown(reports):
    text = formats.groups_text(reports[:1], limit=2)
    lowest = sorted(reports[0].groups, key=lambda name: reports[0].groups[name]["s"])[:2]
    assert "the 2 lowest of 3 by S" in text
    assert {line.split()[0] for line in text.splitlines()[2:4]} == set(lowest)


def test_intervals_are_shown_where_they_were_asked_for(reports):
    assert "95 %" not in formats.text(reports)
    reports[0].intervals = bootstrap.intervals(reports[0], 20)
    assert formats.text(reports).count("95 %") == 1
    assert "95 % intervals over groups: MAE" in formats.markdown(reports)
    rows = list(csv.DictReader(formats.summary_csv(reports).splitlines()))
    assert [r["mean_over"] for r in rows[:4]] == ["images", "groups", "low", "high"]
    assert float(rows[2]["s"]) <= float(rows[0]["s"]) <= float(rows[3]["s"])


def test_measures_of_other_protocols_stay_empty(reports):
    rows = list(csv.DictReader(formats.groups_csv(reports).splitlines()))
    assert {(r["protocol"], r["j"] == "", r["s"] == "") for r in rows} == {
        ("papers", True, False),
        ("coseg", False, True),
    }
