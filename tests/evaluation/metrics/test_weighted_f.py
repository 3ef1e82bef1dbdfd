import numpy as np
import pytest

from cosod.evaluation.metrics.weighted_f import weighted_f


def literal(pred, truth):
    """The published algorithm, each pixel's nearest object pixel found by looking at all of them."""
    height, width = truth.shape
    places = np.argwhere(truth)
    order = np.lexsort((places[:, 0], places[:, 1]))  # of equally near ones the leftmost, then the topmost
    places = places[order]
    error = np.abs(pred - truth)
    spread, distance = error.copy(), np.zeros(truth.shape)
    for y, x in np.argwhere(~truth):
        square = ((places - (y, x)) ** 2).sum(axis=1)
        nearest = places[np.argmin(square)]
        spread[y, x], distance[y, x] = error[tuple(nearest)], np.sqrt(square.min())
    steps = np.arange(-3, 4)
    kernel = np.exp(-(steps[:, None] ** 2 + steps[None] ** 2) / 50)
    kernel /= kernel.sum()
    padded = np.pad(spread, 3)
    smooth = sum(kernel[i, j] * padded[i : i + height, j : j + width] for i in range(7) for j in range(7))
    least = np.where(truth & (smooth < error), smooth, error)
    weighted = least * np.where(truth, 1, 2 - np.exp(np.log(0.5) / 5 * distance))
    hits = truth.sum() - weighted[truth].sum()
    recall = 1 - weighted[truth].mean()
    precision = hits / (hits + weighted[~truth].sum())
    return 2 * recall * precision / (recall + precision)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.6])
def test_is_its_algorithm(share):
    rng = np.random.default_rng(5)
    truth = rng.random((24, 29)) < share
    truth[0, 0] = True  # an object at the border
    pred = rng.random(truth.shape)
    assert weighted_f(pred, truth) == pytest.approx(literal(pred, truth), abs=1e-7)


def test_edges():
    truth = np.zeros((9, 9), bool)
    assert weighted_f(np.zeros((9, 9)), truth) == 0
    truth[3:6, 2:7] = True
    assert weighted_f(truth.astype(float), truth) == pytest.approx(1)
    assert weighted_f(np.ones((4, 4)), np.ones((4, 4), bool)) == pytest.approx(1)
