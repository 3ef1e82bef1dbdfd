"""The protocols against their formulas written out literally, pixel by pixel and threshold by threshold."""

import numpy as np
import pytest
from PIL import Image

from cosod.errors import InputError
from cosod.evaluation.metrics.totals import Totals
from cosod.evaluation.protocols import MAIN, PROTOCOLS, get


def papers(pred, truth):
    """Section "papers" of the definitions, float64, one threshold at a time."""
    p, g = pred / 255, truth / 255
    out = {"mae": np.abs(p - g).mean()}
    stretched = (p - p.min()) / (p.max() - p.min() + 1e-20)
    f, e, precision, recall, fpr = [], [], [], [], []
    for t in np.linspace(0, 1 - 1e-10, 255):
        b = (stretched >= t).astype(float)
        tp, fp = (b * g).sum(), (b * (1 - g)).sum()
        precision.append(tp / (b.sum() + 1e-20))
        recall.append(tp / (g.sum() + 1e-20))
        fpr.append(fp / ((1 - g).sum() + 1e-20))
        below = 0.3 * precision[-1] + recall[-1]
        f.append(1.3 * precision[-1] * recall[-1] / below if below else 0)
        a, c = b - b.mean(), g - g.mean()
        align = 2 * a * c / (a * a + c * c + 1e-20)
        e.append(((align + 1) ** 2 / 4).sum() / (g.size - 1 + 1e-20))
    out |= {"max_f": max(f), "mean_f": np.mean(f), "max_e": max(e), "mean_e": np.mean(e)}
    below = [*recall[1:], 0.0]
    out["ap"] = sum((recall[k] - below[k]) * max(precision[: k + 1]) for k in range(255))
    out["auc"] = sum((fpr[k] - fpr[k + 1]) * (recall[k] + recall[k + 1]) / 2 for k in range(254))
    out["s"] = papers_s(stretched, g)
    return out


def papers_s(p, g):
    if g.mean() == 0:
        return 1 - p.mean()
    if g.mean() == 1:
        return p.mean()
    mask = g >= 0.5
    u = mask.mean()
    of_object = u * likeness(p[mask]) + (1 - u) * likeness(1 - p[~mask])
    height, width = g.shape
    if mask.any():
        row, column = (round(float(x)) for x in np.argwhere(mask).mean(axis=0))
    else:
        row, column = round(height / 2), round(width / 2)
    return max(0, 0.5 * of_object + 0.5 * regions(p, mask, row, column))


def likeness(values):
    if values.size == 0:
        return 0.0
    x, sigma = values.mean(), values.std(ddof=1) if values.size > 1 else 0
    return 2 * x / (x * x + 1 + sigma + 1e-20)


def regions(p, mask, row, column):
    total = 0.0
    for ys in (slice(0, row), slice(row, None)):
        for xs in (slice(0, column), slice(column, None)):
            part, truth = p[ys, xs], mask[ys, xs].astype(float)
            if part.size:
                total += part.size / p.size * ssim(part, truth)
    return total


def ssim(a, b):
    n = a.size
    x, y = a.mean(), b.mean()
    # A constant array's deviation is zero, whatever its rounded mean says.
    da, db = (np.zeros_like(v) if v.min() == v.max() else v - v.mean() for v in (a, b))
    sx, sy, sxy = ((q * r).sum() / (n - 1 + 1e-20) for q, r in ((da, da), (db, db), (da, db)))
    above, below = 4 * x * y * sxy, (x * x + y * y) * (sx + sy)
    if above != 0:
        return above / (below + 1e-20)
    return 1.0 if below == 0 else 0.0


def f3net(pred, truth):
    """Section 9 of aste_al.md, the measures without weighted F and S."""
    g = truth >= 128
    if not pred.any() or not g.any():
        return {"mae": 0.0, "max_f": 0.0, "adp_f": 0.0, "adp_e": 0.0}
    p = pred / 255
    p = (p - p.min()) / (p.max() - p.min()) if p.max() > p.min() else p
    bins = np.floor(p * 255 + 0.5)
    curve = [f_of(bins >= k, g) for k in range(256)]
    b = p > 2 * p.mean()
    if g.all():
        e = b.sum() / (g.size - 1)
    else:
        a, c = b - b.mean(), g - g.mean()
        align = 2 * a * c / (a * a + c * c + np.spacing(1))
        e = ((align + 1) ** 2 / 4).sum() / (g.size - 1)
    return {"mae": np.abs(p - g).mean(), "max_f": max(curve), "adp_f": f_of(p >= min(2 * p.mean(), 1), g), "adp_e": e}


def f_of(b, g):
    tp = (b & g).sum()
    if not tp:
        return 0.0
    precision, recall = tp / b.sum(), tp / g.sum()
    return 1.3 * precision * recall / (0.3 * precision + recall)


def coseg(pred, truth, cap=0.8):
    def at_224(image):
        return np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR)) / 255

    p, g = at_224(pred), at_224(truth) > 0.5
    b = p > min(p.mean() + p.std(), cap)
    return {"p": (b == g).mean(), "j": (b & g).sum() / ((b | g).sum() + 1e-10)}


def cases():
    """Name -> map and truth: usual ones, soft truths, and everything at an edge."""
    rng = np.random.default_rng(7)
    blob = np.zeros((23, 31), np.uint8)
    blob[6:15, 9:24] = 255
    noisy = np.clip(blob * 0.7 + rng.integers(0, 80, blob.shape), 0, 255).astype(np.uint8)
    soft = np.asarray(Image.fromarray(blob).resize((9, 7)).resize((31, 23), Image.Resampling.BILINEAR))
    row = np.zeros((1, 17), np.uint8)
    row[0, 3:9] = 255
    corner = np.zeros((12, 12), np.uint8)
    corner[0, 0] = 255
    even = np.arange(254 * 2, dtype=np.uint8).reshape(4, -1) // 2 * 2  # levels that meet thresholds
    return {
        "usual": (noisy, blob),
        "soft truth": (noisy, soft),
        "faint truth": (noisy, (soft // 3).astype(np.uint8)),
        "noise": (rng.integers(0, 256, blob.shape, dtype=np.uint8), blob),
        "narrow range": (noisy // 64 + 90, blob),
        "half range": ((noisy // 2).astype(np.uint8), blob),
        "ties": (even, np.where(np.indices(even.shape)[1] > 60, 255, 0).astype(np.uint8)),
        "perfect": (blob, blob),
        "inverted": (255 - blob, blob),
        "black map": (np.zeros_like(blob), blob),
        "white map": (np.full_like(blob, 255), blob),
        "gray map": (np.full_like(blob, 77), blob),
        "empty truth": (noisy, np.zeros_like(blob)),
        "full truth": (noisy, np.full_like(blob, 255)),
        "one row": (rng.integers(0, 256, row.shape, dtype=np.uint8), row),
        "one pixel object": (rng.integers(0, 256, corner.shape, dtype=np.uint8), corner),
        "quadrants with nothing": (np.where(blob > 0, 200, 0).astype(np.uint8), blob),
    }


@pytest.mark.parametrize("name", cases())
def test_papers_is_its_formula(name):
    pred, truth = cases()[name]
    protocol = get("papers")
    found = protocol.values(protocol.score(pred, truth))
    assert list(found) == list(protocol.keys)
    assert found == pytest.approx(papers(pred, truth), abs=1e-6)


@pytest.mark.parametrize("name", cases())
def test_f3net_is_its_formula(name):
    pred, truth = cases()[name]
    protocol = get("f3net")
    found = protocol.values(protocol.score(pred, truth))
    assert found == pytest.approx(found | f3net(pred, truth), abs=1e-9)


@pytest.mark.parametrize(("protocol", "cap"), [("coseg", 0.8), ("coseg-ufo", 0.5)])
@pytest.mark.parametrize("name", ["usual", "soft truth", "noise", "black map", "white map", "empty truth"])
def test_coseg_is_its_formula(name, protocol, cap):
    pred, truth = cases()[name]
    found = get(protocol).values(get(protocol).score(pred, truth))
    assert found == pytest.approx(coseg(pred, truth, cap), abs=1e-12)


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_figures_are_finite_and_in_range(protocol, name):
    protocol = get(protocol)
    scores = protocol.score(*cases()[name])
    for key, value in protocol.values(scores).items():
        # E divides by one pixel less than there are, and f3net's S is not cut off at 0.
        assert -1 <= value <= 1 + 2 / cases()[name][0].size, key


def test_a_constant_white_map_scores_as_a_black_one_under_papers():
    white, black = (get("papers").score(*cases()[f"{c} map"]) for c in ("white", "black"))
    assert white.values["s"] == black.values["s"]
    assert np.array_equal(white.curves["f"], black.curves["f"])


def test_f3net_takes_f_of_averaged_curves():
    protocol = get("f3net")
    scores = [protocol.score(*cases()[c]) for c in ("usual", "noise")]
    precision, recall = (np.mean([s.curves[k] for s in scores], axis=0) for k in ("precision", "recall"))
    expected = np.max(1.3 * precision * recall / (0.3 * precision + recall))
    assert protocol.figures(Totals.of(scores))["max_f"] == pytest.approx(expected)


def test_the_main_protocols_are_known_and_others_are_not():
    assert set(MAIN) < set(PROTOCOLS)
    with pytest.raises(InputError, match="papers, pysodmetrics"):
        get("imaginary")
