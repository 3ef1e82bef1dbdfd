"""Speed of the evaluation against PySODMetrics, on the same maps, each in one process.

    python -m venv ../pysod && ../pysod/bin/pip install pysodmetrics
    python benchmarks/evaluation.py --pysodmetrics-python ../pysod/bin/python

PySODMetrics pins old NumPy and OpenCV, so it runs with its own Python, as a child that times itself on the same
files. Two times are taken of each: the four measures MAE, F, E and S on arrays in memory, and all of it from the
files. Both are times of the processor, in which other work on the machine hardly shows. Without --pred and --gt, 200
maps of 400 x 300 are made up: blurred, shifted masks with noise.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pysodmetrics-python", metavar="PATH", help="a Python that has pysodmetrics")
    parser.add_argument("--pred", type=Path, help="folder of maps")
    parser.add_argument("--gt", type=Path, help="folder of truths, named as the maps")
    parser.add_argument("--images", type=int, default=200, help="at most so many images")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2], help="processes for the whole folder")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.child:
        print(json.dumps(_time_pysodmetrics(options.pred, options.gt, options.images)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if not (options.pred and options.gt):
            options.pred, options.gt = Path(folder) / "pred", Path(folder) / "gt"
            _make_up(options.pred, options.gt, options.images)
        _compare(options)


def _compare(options) -> None:
    own = _time_cosod(options.pred, options.gt, options.images)
    rows = [("cosod", own)]
    if options.pysodmetrics_python:
        # Our own time once more after the other's: the machine may have grown slower or faster meanwhile.
        rows.append(("PySODMetrics", _ask(options)))
        again = _time_cosod(options.pred, options.gt, options.images)
        own.update({k: max(v, again[k]) for k, v in own.items() if k != "images"})
    print(f"{own['images']} maps, one process, one thread; milliseconds of processor time per image")
    print("| | MAE, F, E, S in memory | from files | reading alone |\n|---|---:|---:|---:|")
    for name, r in rows:
        print(f"| {name} | {r['measures']:.2f} | {r['files']:.2f} | {r['reading']:.2f} |")
    if len(rows) == 2:
        other = rows[1][1]
        ratios = {k: other[k] / own[k] for k in ("measures", "files")}
        print(f"Ratio: {ratios['measures']:.1f} in memory, {ratios['files']:.1f} from files")
    for workers in options.workers:
        _time_folder(options, workers)


def _pairs(pred: Path, gt: Path, limit: int) -> list[tuple[Path, Path]]:
    truths = sorted(gt.rglob("*.png"))
    return [(pred / t.relative_to(gt), t) for t in truths if (pred / t.relative_to(gt)).is_file()][:limit]


def _time_cosod(pred: Path, gt: Path, limit: int) -> dict[str, float]:
    from cosod.evaluation.protocols import get
    from cosod.evaluation.reading import read_gray

    protocol = get("papers")
    return _timed(_pairs(pred, gt, limit), lambda path: read_gray(path)[0], protocol.score)


def _time_pysodmetrics(pred: Path, gt: Path, limit: int) -> dict[str, float]:
    import warnings

    import py_sod_metrics

    warnings.simplefilter("ignore")
    measures = [getattr(py_sod_metrics, name)() for name in ("MAE", "Fmeasure", "Emeasure", "Smeasure")]

    def score(p: np.ndarray, g: np.ndarray) -> None:
        for measure in measures:
            measure.step(p, g)

    return _timed(_pairs(pred, gt, limit), lambda path: cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), score)


def _timed(pairs, read, score) -> dict[str, float]:
    loaded = [(read(p), read(g)) for p, g in pairs]
    score(*loaded[0])

    def per_image(work) -> float:
        start = time.process_time()
        for item in work[1]:
            work[0](*item)
        return 1000 * (time.process_time() - start) / len(pairs)

    return {
        "images": len(pairs),
        "measures": per_image((score, loaded)),
        "files": per_image((lambda p, g: score(read(p), read(g)), pairs)),
        "reading": per_image((lambda p, g: (read(p), read(g)), pairs)),
    }


def _ask(options) -> dict[str, float]:
    command = [options.pysodmetrics_python, __file__, "--child", "--images", str(options.images)]
    command += ["--pred", str(options.pred), "--gt", str(options.gt)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _time_folder(options, workers: int) -> None:
    import cosod

    start = time.perf_counter()
    report = cosod.evaluate(options.pred, options.gt, workers=workers)
    seconds = time.perf_counter() - start
    rate = len(report.images) / seconds
    print(f"whole folder, {workers} process(es): {len(report.images)} images in {seconds:.1f} s, {rate:.0f} a second")


def _make_up(pred: Path, gt: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(count):
        field = cv2.GaussianBlur(rng.normal(size=(300, 400)).astype(np.float32), (0, 0), 30)
        truth = np.where(field > np.quantile(field, 0.8), 255, 0).astype(np.uint8)
        noise = cv2.GaussianBlur(rng.normal(size=truth.shape).astype(np.float32), (0, 0), 8)
        soft = cv2.GaussianBlur(np.roll(truth, rng.integers(-12, 13), 1).astype(np.float32), (0, 0), 3)
        level = np.clip(soft + 900 * noise * (noise > 0), 0, 255).astype(np.uint8)
        for folder, image in ((pred, level), (gt, truth)):
            path = folder / f"group{i // 20:02d}" / f"{i:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)


if __name__ == "__main__":
    main()
