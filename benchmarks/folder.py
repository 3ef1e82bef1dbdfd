"""What ``cosod segment`` makes of a folder, beside its parts alone: reading, network, writing.

    python benchmarks/folder.py
    python benchmarks/folder.py --images DUTS_class/images --photos 500
    python benchmarks/folder.py --device cuda -o benchmarks/RESULTS.md

Makes JPEGs of one megapixel, of the photos in ``--images`` (enlarged and cropped) or drawn ones, and measures in turns,
each in a process of its own, best of ``--runs``: reading and shrinking all of them as ``Detector`` does, in as many
threads; the network on ready images; maps brought to the photos' size and written as PNG, in one thread; the run as a
function call; and the whole command, start of Python and PyTorch included. The run's last column is its time over that
of the longer of reading and network.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lines import Found, Line, measure
from machine import cores, heading
from PIL import Image, ImageOps
from results import table, write_section

if TYPE_CHECKING:
    import torch

    from cosod import Detector

WIDTH, HEIGHT = 1152, 864
QUALITY = 90
COLUMNS = ("what", "seconds", "images/s", "peak memory", "of the longer part")
#: Different images that are kept ready for the network and for writing, and used again and again.
READY = 32


@dataclass(frozen=True)
class Case:
    """What every process is told: the photos, and the options of the detector."""

    photos: Path
    model: str
    options: tuple[tuple[str, str], ...]


def photos(folder: Path | None, number: int, seed: int = 0) -> Iterator[Image.Image]:
    """So many photos of one megapixel, of those in a folder or its subfolders, or drawn."""
    if folder is None:
        yield from (drawn(seed + i) for i in range(number))
        return
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    if not found:
        raise SystemExit(f"{folder}: no images; give another folder, or leave --images out")
    found = found[:: max(1, len(found) // number)]
    for path in islice(cycle(found), number):
        with Image.open(path) as picture:
            yield ImageOps.fit(picture.convert("RGB"), (WIDTH, HEIGHT), Image.Resampling.BICUBIC)


def drawn(seed: int) -> Image.Image:
    """A red disc before a ground with texture at every scale, as photos have it."""
    chance = np.random.default_rng(seed)
    total = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for cell in (144, 48, 12, 3):
        grid = chance.integers(0, 256, (HEIGHT // cell, WIDTH // cell, 3), dtype=np.uint8)
        layer = Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        total += np.asarray(layer, np.float32) * (0.1 if cell == 3 else 0.3)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    cy, cx = chance.integers(HEIGHT // 3, 2 * HEIGHT // 3), chance.integers(WIDTH // 3, 2 * WIDTH // 3)
    disc = (y - cy) ** 2 + (x - cx) ** 2 < (HEIGHT // 4) ** 2
    total[disc] = total[disc] * 0.2 + np.array([180, 20, 30], np.float32)
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def write_photos(folder: Path, images: Iterator[Image.Image]) -> None:
    """The images as ``0000.jpg``, ``0001.jpg``, ... in a new folder."""
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        image.save(folder / f"{number:04}.jpg", quality=QUALITY)


def reading(case: Case) -> Callable[[], float]:
    """Reading and shrinking all photos."""
    detector, paths = _detector(case), sorted(case.photos.iterdir())

    def read() -> None:
        inputs = detector.inputs(paths, twice=True)
        for _ in inputs.read(range(len(paths))):
            pass

    return lambda: _seconds(read)


def network(case: Case) -> Callable[[], float]:
    """The network on ready images, as many as there are photos."""
    import torch
    from speed import Ready, group_maps

    detector = _detector(case)
    inputs = Ready(_ready(case, detector), len(list(case.photos.iterdir())))

    def work() -> None:
        for _ in group_maps(detector, inputs):
            pass
        if detector.device.type == "cuda":
            torch.cuda.synchronize(detector.device)

    return lambda: _seconds(work)


def writing(case: Case) -> Callable[[], float]:
    """Maps at the photos' size into files, as many as there are photos."""
    from speed import Ready, group_maps

    from cosod.io.resizing import to_own_size
    from cosod.postprocess.render import save_image, to_8bit

    detector, number = _detector(case), len(list(case.photos.iterdir()))
    ready = _ready(case, detector)
    maps = [one for part in group_maps(detector, Ready(ready, len(ready))) for one in part.cpu()]

    def write() -> float:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            for i, saliency in enumerate(islice(cycle(maps), number)):
                save_image(to_8bit(to_own_size(saliency, (HEIGHT, WIDTH))), Path(folder) / f"{i}.png")
            return time.perf_counter() - start

    return write


def run(case: Case) -> Callable[[], float]:
    """``cosod segment`` as a function call."""
    from cosod.apps.segment import SegmentJob
    from cosod.apps.segment import run as segment
    from cosod.io import find_groups
    from cosod.models.checkpoints.loading import identity

    detector = _detector(case)
    known = identity(detector.network)

    def work() -> float:
        with tempfile.TemporaryDirectory() as folder:
            groups = find_groups([case.photos])
            return _seconds(lambda: segment(detector, known, groups, SegmentJob(Path(folder))))

    return work


def command(case: Case) -> Callable[[], tuple[float, int]]:
    """The command itself: seconds, and the most memory it held."""
    options = [word for name, value in case.options for word in (f"--{name}", value)]

    def work() -> tuple[float, int]:
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "cosod", "segment", str(case.photos), "-o", folder, *options]
            start = time.perf_counter()
            process = subprocess.Popen([*words, "--model", case.model] if case.model != "default" else words)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        if status:
            raise RuntimeError(f"the command failed: {' '.join(words)}")
        return seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)

    return work


PARTS = {"reading": reading, "network": network, "writing": writing, "run": run, "command": command}


def _detector(case: Case) -> "Detector":
    import cosod
    from cosod.inference.cpu_fusion import prefer_kept_memory

    prefer_kept_memory()  # as the command line does
    options: dict[str, Any] = dict(case.options)
    return cosod.load(case.model, **options)


def _ready(case: Case, detector: "Detector") -> "torch.Tensor":
    """Some of the photos as normalized images ``(N, 3, H, W)``, all of the shape that the first one has."""
    from cosod.io.images import read_image
    from cosod.io.resizing import shrink
    from cosod.io.tensors import to_batch

    found = sorted(case.photos.iterdir())[:READY]
    pixels = [read_image(path) for path in found]
    images = [shrink(image, detector.shape(*pixels[0].shape[:2])) for image in pixels]
    return to_batch(images, detector.network.mean, detector.network.std, detector.device)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rows_of(found: dict[str, Found | None], number: int) -> list[list[str]]:
    """Rows of the table for so many photos, from what was found of each of :data:`PARTS`."""
    best = {}
    for name, line in found.items():
        if line:
            rounds = [one if isinstance(one, tuple) else (one, line.memory) for one in line.rounds]
            best[name] = (min(seconds for seconds, _ in rounds), max(memory for _, memory in rounds))
    parts = ("reading", "network")
    longer = max(best[name][0] for name in parts) if all(name in best for name in parts) else None
    rows = []
    for name, (seconds, memory) in best.items():
        share = f"{seconds / longer:.2f}" if longer and name in ("run", "command") else ""
        rows.append([name, f"{seconds:.2f}", f"{number / seconds:.1f}", f"{memory / 1e9:.2f} GB", share])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=Path, help="folder of photos to make the JPEGs of; drawn ones by default")
    parser.add_argument("--photos", type=int, default=500, help="how many")
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", help="as for cosod segment")
    parser.add_argument("--backend", help="as for cosod segment")
    parser.add_argument("--threads", type=int, help="of the CPU; all cores by default")
    parser.add_argument("--runs", type=int, default=3, help="the best counts")
    parser.add_argument("-o", "--output", type=Path, help="also put the table into this Markdown file")
    parser.add_argument("--section", help="name of its section there; by default folder and the device")
    options = parser.parse_args()
    given = tuple((n, getattr(options, n)) for n in ("device", "precision", "backend") if getattr(options, n))
    with tempfile.TemporaryDirectory() as temporary:
        case = Case(Path(temporary) / "photos", options.model, given)
        write_photos(case.photos, photos(options.images, options.photos))
        size = sum(p.stat().st_size for p in case.photos.iterdir()) / options.photos
        lines = [Line(name, prepare, case) for name, prepare in PARTS.items()]
        found = dict(zip(PARTS, measure(lines, options.runs, options.threads), strict=True))
    rows = rows_of(found, options.photos)
    if not rows:
        raise SystemExit("nothing could be measured; the reasons are above")
    note = (
        f"One group of {options.photos} JPEGs of {WIDTH} x {HEIGHT}, {size / 1000:.0f} kB each, model {options.model}, "
        f"{options.threads or cores()} threads, best of {options.runs} runs."
    )
    text = "\n\n".join([heading(["python", *sys.argv], options.device), table(COLUMNS, rows), note])
    print(text)
    if options.output:
        write_section(options.output, options.section or f"folder {options.device}", f"Folder, {options.device}", text)


if __name__ == "__main__":
    main()
