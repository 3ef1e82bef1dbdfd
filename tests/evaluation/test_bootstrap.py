import pytest

from cosod.errors import InputError
from cosod.evaluation import bootstrap, evaluate


def test_intervals_hold_the_figures_and_repeat(make, gt):
    report = evaluate(make(), gt)
    found = bootstrap.intervals(report, samples=200, seed=1)
    assert set(found) == set(report.all)
    for key, (low, high) in found.items():
        assert low <= report.all[key] <= high, key
    assert bootstrap.intervals(report, samples=200, seed=1) == found
    assert bootstrap.intervals(report, samples=200, seed=2) != found


def test_a_sample_of_every_group_once_is_the_report(make, gt):
    report = evaluate(make(), gt)
    totals = bootstrap._weighted(list(report.totals.values()), [1, 1, 1])
    assert report.definitions.figures(totals) == pytest.approx(report.all)


def test_one_group_cannot_be_resampled(make, gt):
    report = evaluate(make() / "cup", gt / "cup")
    with pytest.raises(InputError, match="sort the images into groups"):
        bootstrap.intervals(report)
    with pytest.raises(InputError, match="give 1 or more"):
        bootstrap.intervals(evaluate(make(), gt), 0)
