import numpy as np
import pytest

from cosod.evaluation.metrics import thresholds as levels

RANGES = [(0, 255), (3, 130), (0, 254), (10, 137), (7, 7), (0, 0), (255, 255), (100, 101)]


@pytest.mark.parametrize(("low", "high"), RANGES)
def test_float_thresholds_are_pytorchs(low, high):
    torch = pytest.importorskip("torch")
    p = torch.arange(low, high + 1, dtype=torch.uint8).float() / 255
    p = (p - p.min()) / (p.max() - p.min() + 1e-20)
    thresholds = torch.linspace(0, 1 - 1e-10, 255)
    passing = levels.float_thresholds(low, high)
    for k, t in enumerate(thresholds):
        # linspace may differ by one unit in the last place between builds of PyTorch: exact ties are left out.
        if not torch.any((p - t).abs() < 1e-7) or k == 0:
            expected = low + int(torch.argmax((p >= t).int())) if bool((p >= t).any()) else 256
            assert min(passing[k], high + 1) == min(expected, high + 1), k


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("table", [levels.truncated_thresholds, levels.rounded_thresholds])
def test_whole_number_thresholds(table, low, high):
    scale = levels.plain_scale(low, high)
    values = scale.values()[low : high + 1]
    nudge = 0.5 if table is levels.rounded_thresholds else 1e-9
    bins = np.floor(values * 255 + nudge)
    for k in (0, 1, 100, 200, 255):
        passing = table(low, high)[k]
        if table is levels.truncated_thresholds and np.any(np.abs(values * 255 - k) < 1e-6) and 0 < k < 255:
            continue  # PySODMetrics cuts 99.99999 to 99 there, which test_golden.py covers
        assert np.array_equal(np.arange(low, high + 1) >= passing, bins >= k), k


def test_scales():
    assert levels.black_scale(9, 9).values()[9] == 0
    assert levels.plain_scale(51, 51).values()[51] == pytest.approx(0.2)
    assert levels.plain_scale(10, 20).values()[[10, 15, 20]].tolist() == [0, 0.5, 1]
    assert levels.level_range(np.bincount([4, 4, 90], minlength=256)) == (4, 90)
