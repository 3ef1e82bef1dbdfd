"""How long a group takes while other programs keep cores busy: with all threads, and with those that are free.

    python benchmarks/busy.py
    python benchmarks/busy.py --photos 200 --precision bfloat16 --busy 0 1 2

Segments photos of the examples, again and again if there are not enough, in new processes in turns: with as many
threads as there are cores, and with as many as other programs leave free (:mod:`cosod.inference.threads`), as commands
do. The other programs run an empty loop. Prints the median of ``--runs``.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from machine import heading
from results import table, write_section

EXAMPLES = Path(__file__).parents[1] / "examples" / "photos"
COLUMNS = ("busy cores", "all threads", "free threads", "times as fast")


@contextlib.contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keeps so many cores busy."""
    # In sessions of their own, as what runs in other windows: Linux divides the cores between sessions first.
    command = [sys.executable, "-c", "while True: pass"]
    programs = [subprocess.Popen(command, start_new_session=True) for _ in range(cores)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def work(photos: int, precision: str, free: bool) -> float:
    """Seconds for a group, the start of Python and the loading of the network excepted."""
    import cosod

    files = list(islice(cycle(sorted(EXAMPLES.glob("*/*"))), photos))
    detector = cosod.load(device="cpu", precision=precision, free_threads=free)
    start = time.perf_counter()
    for _ in detector.stream(files):
        pass
    return time.perf_counter() - start


def seconds(arguments: list[str]) -> float:
    """Runs :func:`work` in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, __file__, *arguments]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16", "int8"])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1], help="numbers of cores that are kept busy")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", choices=["all", "free"], help=argparse.SUPPRESS)  # what a process of its own does
    parser.add_argument("-o", "--output", type=Path, help="also put the table into this Markdown file")
    args = parser.parse_args(arguments)
    if args.threads:
        print(work(args.photos, args.precision, args.threads == "free"))
        return
    common = ["--photos", str(args.photos), "--precision", args.precision, "--threads"]
    rows = []
    for cores in args.busy:
        with busy(cores):
            rounds = [[seconds([*common, kind]) for kind in ("all", "free")] for _ in range(args.runs)]
        every, free = (statistics.median(times) for times in zip(*rounds, strict=True))
        rows.append([str(cores), f"{every:.1f} s", f"{free:.1f} s", f"{every / free:.2f}"])
    note = f"A group of {args.photos} photos, the default network in {args.precision}, median of {args.runs} runs."
    text = "\n\n".join([heading(["python", *sys.argv], "cpu"), table(COLUMNS, rows), note])
    print(text)
    if args.output:
        write_section(args.output, f"busy cpu {args.precision}", f"Beside other programs, {args.precision}", text)


if __name__ == "__main__":
    main()
