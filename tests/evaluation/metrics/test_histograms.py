import numpy as np
import pytest

from cosod.evaluation.metrics import histograms


@pytest.fixture
def pred():
    return np.random.default_rng(0).integers(0, 256, (13, 17), dtype=np.uint8)


def test_histogram_counts_in_bands_what_it_counts_at_once(pred, monkeypatch):
    whole = histograms.histogram(pred, (pred > 99).astype(np.uint8))
    monkeypatch.setattr(histograms, "_BAND", 40)
    assert np.array_equal(histograms.histogram(pred, (pred > 99).astype(np.uint8)), whole)
    assert np.array_equal(whole, np.bincount(pred[pred > 99], minlength=256))


def test_quadrants_add_up_to_the_joint_histogram(pred):
    mask = np.where(np.indices(pred.shape)[0] > 5, 255, 0).astype(np.uint8)
    table, values = histograms.joint(pred, mask)
    assert values.tolist() == [0, 1]
    assert np.array_equal(histograms.quadrants(pred, mask, 4, 9).sum(axis=0), table)
    assert histograms.quadrants(pred, mask, 0, 9)[:2].sum() == 0


def test_joint_keeps_the_levels_of_a_soft_truth(pred):
    truth = (pred // 3).astype(np.uint8)
    table, values = histograms.joint(pred, truth)
    assert np.allclose(values * 255, np.unique(truth))
    assert table.sum() == pred.size
    assert (table.sum(axis=0) @ values) == pytest.approx(truth.sum() / 255)


def test_tails_count_from_the_top():
    table = np.zeros(256)
    table[[0, 7, 255]] = 1, 2, 3
    assert histograms.tails(table)[[0, 1, 7, 8, 255, 256]].tolist() == [6, 5, 5, 3, 3, 0]


def test_centroid():
    mask = np.zeros((6, 9), np.uint8)
    assert histograms.centroid(mask) is None
    mask[2:4, 3:8] = 255
    assert histograms.centroid(mask) == (2.5, 5.0)


def test_is_binary():
    assert histograms.is_binary(np.array([[0, 255]], np.uint8))
    assert not histograms.is_binary(np.array([[0, 254]], np.uint8))
