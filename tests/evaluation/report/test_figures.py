import sys

import pytest

from cosod.errors import ExtraError
from cosod.evaluation import evaluate
from cosod.evaluation.report import figures


@pytest.fixture
def reports(make, gt):
    return [evaluate(make(n, q), gt, method=n, set_name="toys") for n, q in (("good", 0.9), ("fair", 0.5))]


def test_every_figure_as_png_and_svg(reports, tmp_path):
    pytest.importorskip("matplotlib")
    written = figures.save(tmp_path / "out", reports)
    names = {f"toys_papers_{f}.{s}" for f in ("pr", "f", "e", "roc", "s_mae") for s in ("png", "svg")}
    assert {p.name for p in written} == {p.name for p in (tmp_path / "out").iterdir()} == names
    assert (tmp_path / "out" / "toys_papers_pr.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "out" / "toys_papers_pr.svg").read_text()


def test_without_matplotlib_the_extra_is_named(reports, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ExtraError, match=r"cosod\[report\]"):
        figures.save(tmp_path, reports)
