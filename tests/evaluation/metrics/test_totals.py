import math

import numpy as np
import pytest

from cosod.evaluation.metrics.totals import Scores, Totals


def scores(value, skipped=False):
    return Scores({"a": value, "b": math.nan if skipped else value}, {"c": np.array([value, 2 * value])})


def test_merging_is_adding_in_one():
    parts = [Totals.of([scores(0.25), scores(0.5)]), Totals(), Totals.of([scores(1.0)])]
    merged = sum(parts)
    assert merged.images == 3
    assert merged.means() == pytest.approx({"a": 1.75 / 3, "b": 1.75 / 3})
    assert merged.mean_curves()["c"] == pytest.approx([1.75 / 3, 3.5 / 3])


def test_merging_leaves_its_parts_alone():
    part = Totals.of([scores(0.25)])
    whole = part + Totals.of([scores(0.5)])
    whole.add(scores(1.0))
    assert part.images == 1
    assert part.curves["c"].tolist() == [0.25, 0.5]


def test_a_skipped_value_counts_for_its_measure_alone():
    totals = Totals.of([scores(1.0), scores(0.0, skipped=True)])
    assert totals.means() == {"a": 0.5, "b": 1.0}
    assert math.isnan(Totals.of([scores(0.0, skipped=True)]).means()["b"])
