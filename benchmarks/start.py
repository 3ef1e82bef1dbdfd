"""How long ``cosod segment`` takes for few photos, start of Python included, with PyTorch and without.

    python benchmarks/start.py
    python benchmarks/start.py --photos 3 20 50 100 --model accurate

Runs the command in turns in new processes, on the photos of the examples, again and again if there are not enough: with
the weights given as a file, which PyTorch reads, and without, so that it is computed by ONNX Runtime alone. Prints the
median of ``--runs``.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from machine import heading
from results import table

from cosod.inference.onnx_detector import FEW
from cosod.models.checkpoints.packaged import ALIASES, packaged_file

EXAMPLES = Path(__file__).parents[1] / "examples" / "photos"
COLUMNS = ("photos", "with PyTorch", "without", "times as fast")


def copied(folder: Path, number: int) -> Path:
    """A new folder with so many photos of the examples."""
    folder.mkdir()
    for place, path in enumerate(islice(cycle(sorted(EXAMPLES.glob("*/*"))), number)):
        shutil.copyfile(path, folder / f"{place:03}{path.suffix}")
    return folder


def seconds(photos: Path, *options: str | Path) -> float:
    """Wall time of one run of the command."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-m", "cosod", "segment", photos, "-o", output, *options]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[3, 20, FEW])
    parser.add_argument("--model", default="default", choices=[*ALIASES])
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args(arguments)
    weights = packaged_file(f"{ALIASES[args.model]}.safetensors")
    common = ["--model", args.model, "--precision", args.precision]
    rows = []
    for number in args.photos:
        with tempfile.TemporaryDirectory() as folder:
            photos = copied(Path(folder) / "photos", number)
            ways = [[*common, "--weights", weights], common]
            both = [[seconds(photos, *options) for options in ways] for _ in range(args.runs)]
        torch, onnx = (statistics.median(times) for times in zip(*both, strict=True))
        rows.append((str(number), f"{torch:.2f} s", f"{onnx:.2f} s", f"{torch / onnx:.2f}"))
    print(heading([Path(sys.executable).name, "benchmarks/start.py", *(arguments or sys.argv[1:])]))
    print()
    print(table(COLUMNS, rows))


if __name__ == "__main__":
    main()
