import re
from html.parser import HTMLParser

import numpy as np
import pytest

from cosod.evaluation import bootstrap, evaluate_protocols
from cosod.evaluation.report import examples
from cosod.evaluation.report.charts import line_chart
from cosod.evaluation.report.html_page import page


class Tags(HTMLParser):
    """Counts tags and checks that they close."""

    def __init__(self):
        super().__init__()
        self.open, self.counts = [], {}

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def reports(make, gt):
    return [
        r
        for name, quality in (("<ours>", 0.9), ("theirs", 0.5))
        for r in evaluate_protocols(make(f"p{quality}", quality), gt, ["papers", "coseg"], method=name)
    ]


def test_is_well_formed_and_self_contained(reports, gt):
    text = page(reports, gt)
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    # 2 x 2 images of 3 groups, shown once: photo, truth and two maps each.
    assert tags.counts["img"] == 3 * 4 * 4
    assert tags.counts["section"] == 2
    assert tags.counts["table"] == 4
    for address in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert address.startswith(("data:image/", "#"))
    assert "http" not in text
    assert "<ours>" not in text
    assert "&lt;ours&gt;" in text


def test_headings_are_buttons_and_cells_hold_their_values(reports):
    text = page(reports)
    assert text.count("<th ") == text.count('<button type="button">')
    assert f'data-value="{reports[0].all["s"]:.6f}"' in text
    assert 'data-first="descending"' in text


def test_missing_maps_and_intervals_show(make, gt):
    pred = make("gappy")
    for path in (pred / "cup").iterdir():
        path.unlink()
    report = evaluate_protocols(pred, gt, ["papers"], method="gappy")[0]
    report.intervals = bootstrap.intervals(report, 10)
    text = page([report])
    assert "missing, scored as black" in text
    low, high = report.intervals["s"]
    assert f"<small>{low:.3f} to {high:.3f}</small>" in text


def test_photos_that_cannot_be_read_cost_nothing(reports, gt, tmp_path):
    for group in ("cup", "dog", "kite"):
        (tmp_path / "photos" / group).mkdir(parents=True)
        (tmp_path / "photos" / group / "0.jpg").write_bytes(b"no photo")
    assert "cannot be read" in page(reports, tmp_path / "photos")


def test_of_many_groups_the_worst_are_shown(reports, monkeypatch):
    monkeypatch.setattr(examples, "_GROUPS", 2)
    text = page(reports)
    assert text.count("<details") == 2
    assert "The 2 groups with the lowest figures of 3." in text


def test_charts_stay_inside_their_frame():
    xs = np.linspace(0, 1, 5)
    chart = line_chart("T & U", ("x", "y"), [("a", xs, xs), ("b", xs, 1 - xs)])
    assert "T &amp; U" in chart
    points = re.findall(r"([\d.]+) ([\d.]+)", " ".join(re.findall(r'd="M([^"]*)"', chart)))
    assert all(0 <= float(x) <= 300 and 0 <= float(y) <= 230 for x, y in points)
