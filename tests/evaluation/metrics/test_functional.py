import numpy as np
import pytest

from cosod.errors import InputError
from cosod.evaluation.metrics import functional


@pytest.fixture
def pair():
    truth = np.zeros((12, 15), bool)
    truth[3:8, 4:11] = True
    return np.clip(truth * 0.8 + np.random.default_rng(1).random(truth.shape) * 0.2, 0, 1), truth


def test_functions_agree_with_the_figures_of_an_image(pair):
    figures = functional.figures(*pair)
    assert functional.mae(*pair) == figures["mae"]
    assert functional.s_measure(*pair) == figures["s"]
    assert functional.f_measure(*pair).max() == figures["max_f"]
    assert functional.e_measure(*pair).mean() == figures["mean_e"]
    curves = functional.curves(*pair)
    assert functional.average_precision(curves["precision"], curves["recall"]) == figures["ap"]
    assert functional.area_under_roc(curves["recall"], curves["fpr"]) == figures["auc"]
    assert functional.weighted_f(*pair) == functional.figures(*pair, "pysodmetrics")["wf"]
    assert functional.precision_jaccard(*pair) == tuple(functional.figures(*pair, "coseg").values())
    assert functional.f_measure(*pair, "f3net").max() == functional.figures(*pair, "f3net")["max_f"]


def test_kinds_of_arrays_give_the_same(pair):
    pred, truth = pair
    levels = np.round(pred * 255).astype(np.uint8)
    expected = functional.figures(pred, truth)
    assert functional.figures(levels, truth.astype(np.uint8) * 255) == expected
    assert functional.figures(levels[:, ::-1][:, ::-1], truth.astype(np.float32)) == expected


def test_bool_arrays_are_compared_as_they_are():
    a = np.array([[True, True, False, False]])
    b = np.array([[True, False, True, False]])
    assert functional.precision_jaccard(a, b) == pytest.approx((0.5, 1 / 3))
    nothing = np.zeros((2, 2), bool)
    assert functional.precision_jaccard(nothing, nothing) == (1, 0)


@pytest.mark.parametrize(
    ("pred", "words"),
    [
        (np.zeros((12, 14)), "resize the map"),
        (np.zeros((12, 15, 3)), r"give \(H, W\)"),
        (np.zeros((0, 15)), "at least one pixel"),
        (np.full((12, 15), np.nan), "NaN"),
        (np.full((12, 15), 1.5), "outside"),
        (np.zeros((12, 15), np.int32), "int32"),
    ],
)
def test_bad_arrays_are_refused(pair, pred, words):
    with pytest.raises(InputError, match=words):
        functional.mae(pred, pair[1])


@pytest.mark.parametrize(
    ("measure", "protocol"),
    [(functional.e_measure, "coseg"), (functional.e_measure, "f3net"), (functional.mae, "coseg")],
)
def test_a_measure_that_the_protocol_does_not_have(pair, measure, protocol):
    with pytest.raises(InputError, match=f"protocol {protocol} does not compute"):
        measure(*pair, protocol)
