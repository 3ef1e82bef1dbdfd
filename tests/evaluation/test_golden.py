"""Figures against the toolboxes' own: a small set in this repository, and the project's golden maps where they are.

``golden/expected.json`` holds, for the maps beside it, what PySODMetrics 1.6.2 gives by image and over all, and what
the literal formulas of ``test_protocols.py`` give by image.
"""

import json
from pathlib import Path

import pytest

from cosod.evaluation import evaluate

_OWN = Path(__file__).parent / "golden"
_SHARED = Path(__file__).parents[2].parent / "shared" / "golden" / "metrics"
_needs_shared = pytest.mark.skipif(not _SHARED.is_dir(), reason="the project's golden maps are not here")


def _expected(folder: Path) -> dict:
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("protocol", ["papers", "pysodmetrics", "coseg"])
def test_own_maps(protocol):
    report = evaluate(_OWN / "pred", _OWN / "gt", protocol)
    for key, figures in _expected(_OWN)[protocol].items():
        found = report.all if key == "all" else report.images[key]
        assert {k: found[k] for k in figures} == pytest.approx(figures, abs=2e-6), key


@_needs_shared
def test_shared_maps_papers():
    report = evaluate(_SHARED / "pred", _SHARED / "gt")
    expected = _expected(_SHARED)["eval_co_sod"]
    assert report.all == pytest.approx(expected["all"], abs=1e-4)
    assert len(report.images) == len(expected["per_image"])
    for name, figures in report.groups.items():
        assert figures == pytest.approx(expected[name], abs=1e-4), name
    for key, figures in expected["per_image"].items():
        assert report.images[key] == pytest.approx(figures, abs=1e-4), key
    assert report.curves["f"] == pytest.approx(expected["f_curve"], abs=1e-4)
    assert report.curves["e"] == pytest.approx(expected["e_curve"], abs=1e-4)


@_needs_shared
def test_shared_maps_pysodmetrics():
    report = evaluate(_SHARED / "pred", _SHARED / "gt", "pysodmetrics")
    for name, figures in _expected(_SHARED)["pysodmetrics"].items():
        found = report.all if name == "all" else report.groups[name]
        assert {k: found[k] for k in figures} == pytest.approx(figures, abs=1e-6), name


@_needs_shared
def test_shared_maps_coseg():
    report = evaluate(_SHARED / "pred", _SHARED / "gt", "coseg")
    expected = _expected(_SHARED)["ssnm"]
    assert report.all == pytest.approx({"p": expected["p"], "j": expected["j"]}, abs=1e-9)
    for key, (p, j) in expected["per_image"].items():
        assert report.images[key] == pytest.approx({"p": p, "j": j}, abs=1e-9), key
