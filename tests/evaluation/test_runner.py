import math

import numpy as np
import pytest
from PIL import Image

import cosod
from cosod.errors import ImageError, InputError
from cosod.evaluation import evaluate, evaluate_protocols, runner
from cosod.evaluation.protocols import MAIN, get


def test_the_public_name():
    assert cosod.evaluate is evaluate


def test_figures_by_image_group_and_all(make, gt):
    report = evaluate(make(), gt)
    assert report.protocol == "papers"
    assert set(report.all) == {"mae", "s", "max_f", "mean_f", "max_e", "mean_e", "ap", "auc"}
    assert list(report.groups) == ["cup", "dog", "kite"]
    assert len(report.images) == 12
    of_cup = [report.images[f"cup/{i}"]["mae"] for i in range(4)]
    assert report.groups["cup"]["mae"] == pytest.approx(np.mean(of_cup))
    assert report.all["s"] == pytest.approx(report.images.column("s").mean())
    # The maximum of an averaged curve is at most the average of the maxima.
    assert report.all["max_f"] <= report.images.column("max_f").mean()
    assert report.missing == []
    assert report.warnings == []


def test_several_protocols_read_each_file_once(make, gt, monkeypatch):
    pred, read = make(), []
    for name in ("read_map", "read_truth"):
        real = getattr(runner, name)
        monkeypatch.setattr(runner, name, lambda path, real=real: read.append(path) or real(path))
    reports = evaluate_protocols(pred, gt, MAIN)
    assert [r.protocol for r in reports] == list(MAIN)
    assert len(read) == len(set(read)) == 24
    assert reports[1].all == evaluate(pred, gt, "pysodmetrics").all
    assert {"wf", "adp_f", "adp_e"} <= set(reports[1].all)
    assert set(reports[2].all) == {"p", "j"}


def test_workers_change_nothing(make, gt, monkeypatch):
    pred = make()
    monkeypatch.setattr(runner, "_CHUNK", 2)
    alone = evaluate(pred, gt)
    monkeypatch.setattr(runner, "_CHUNKS_A_WORKER", 2)
    together = evaluate(pred, gt, workers=2)
    assert together.all == alone.all
    assert together.images.rows == alone.images.rows
    assert together.groups == alone.groups


def test_a_missing_map_counts_as_black_and_is_listed(make, gt, write):
    pred = make()
    (pred / "dog" / "2.png").unlink()
    report = evaluate(pred, gt)
    assert report.missing == ["dog/2"]
    assert "1 of 12 maps is missing, which counts as black: dog/2" in report.warnings[0]
    write(pred / "dog" / "2.png", np.zeros((20, 26), np.uint8))
    assert evaluate(pred, gt).all == report.all


def test_a_map_of_another_size_is_resized_as_the_protocol_says(make, gt):
    pred = make()
    path = pred / "cup" / "1.png"
    small = Image.open(path).resize((13, 10))
    small.save(path)
    report = evaluate(pred, gt)
    assert "resized (cup/1)" in report.warnings[0]
    protocol = get("papers")
    fitted = np.asarray(small.resize((26, 20), Image.Resampling.BILINEAR))
    truth = np.asarray(Image.open(gt / "cup" / "1.png"))
    assert report.images["cup/1"] == protocol.values(protocol.score(fitted, truth))


def test_all_unreadable_files_are_named(make, gt):
    pred = make()
    for name in ("cup/1", "kite/0"):
        (pred / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    with pytest.raises(ImageError, match=r"2 files cannot be read: .*cup/1\.png.*kite/0\.png"):
        evaluate(pred, gt)


def test_odd_input_is_told(make, gt, write):
    pred = make()
    blank = np.zeros((20, 26), np.uint8)
    write(pred / "cup" / "0.png", blank + 9)
    write(pred / "cup" / "1.png", np.dstack([blank, blank + 50, blank + 200]))
    write(gt / "dog" / "0.png", blank)
    ones = blank.copy()
    ones[3:9] = 1
    write(gt / "dog" / "1.png", ones)
    gray = blank.copy()
    gray[:, :13] = 100
    write(gt / "dog" / "2.png", gray)
    write(pred / "dog" / "9.png", blank)
    told = "\n".join(evaluate(pred, gt).warnings)
    for words in (
        "2 maps are constant",
        "1 map is a color image",
        "1 ground truth mask is empty",
        "no value above 1",
        "1 ground truth mask is not binary: 50.00 % of its pixels are gray (dog/2)",
        "1 map has no ground truth and is left out: dog/9",
    ):
        assert words in told


def test_a_flat_folder(make, gt):
    report = evaluate(make() / "cup", gt / "cup")
    assert list(report.groups) == ["."]
    assert list(report.images) == ["0", "1", "2", "3"]


def test_empty_truths_are_skipped_on_request(make, gt, write):
    pred = make()
    write(gt / "dog" / "0.png", np.zeros((20, 26), np.uint8))
    kept, skipped = (evaluate(pred, gt, "coseg", skip_empty=s) for s in (False, True))
    assert skipped.protocol == "coseg-skip-empty"
    assert math.isnan(skipped.images["dog/0"]["j"])
    assert skipped.all["j"] == pytest.approx(kept.all["j"] * 12 / 11)
    with pytest.raises(InputError, match="coseg protocol only"):
        evaluate(pred, gt, skip_empty=True)


def test_bad_options(make, gt):
    with pytest.raises(InputError, match="no protocol"):
        evaluate(make(), gt, "sod")
    with pytest.raises(InputError, match="workers is 0"):
        evaluate(make(), gt, workers=0)
