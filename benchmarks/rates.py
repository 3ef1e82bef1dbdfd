"""Images/s of one core for each step of a run, as options of benchmarks/sizing.py.

    python benchmarks/rates.py
    python benchmarks/rates.py --images photos/ --precision float32

Reads photos as ``Detector`` does, finds the object in them as one group, and writes its maps, each step by itself;
best of three rounds. The processor's time is counted, not the clock's, so that other work on the machine does little to
it. Without ``--images`` the photos are drawn, of one megapixel.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch
from folder import QUALITY, photos

from cosod import load
from cosod.io.resizing import to_own_size
from cosod.postprocess.render import save_image, to_8bit

ROUNDS = 3


def rate(step: Callable[[], object], number: int) -> float:
    """Images/s of processor time."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        step()
        best = min(best, time.process_time() - start)
    return number / best


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder of photos; drawn ones by default")
    parser.add_argument("--number", type=int, default=16, help="how many")
    parser.add_argument("--model", default="default")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    detector = load(options.model, device="cpu", precision=options.precision)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / f"{number}.jpg" for number in range(options.number)]
        for file, photo in zip(files, photos(options.images, options.number), strict=True):
            photo.save(file, quality=QUALITY)
        inputs = detector.inputs(files, twice=True)
        small = [image for _, image in inputs.read(range(len(files)))]
        maps = [torch.from_numpy(saliency)[None] for saliency in detector.segment(small)]
        sizes = [inputs.sizes[number] for number in range(len(files))]
        targets = [file.with_suffix(".png") for file in files]

        def read() -> None:
            inputs = detector.inputs(files)
            for _ in inputs.read(range(len(files))):
                pass

        def write() -> None:
            for saliency, size, target in zip(maps, sizes, targets, strict=True):
                save_image(to_8bit(to_own_size(saliency, size)), target)

        steps = {"decode": read, "network": lambda: detector.segment(small), "write": write}
        found = [f"--{name} {rate(step, len(files)):.0f}" for name, step in steps.items()]
        mean = [round(sum(file.stat().st_size for file in kind) / len(kind), -3) for kind in (files, targets)]
    print(*found, f"--photo-bytes {mean[0]:.0f} --map-bytes {mean[1]:.0f}")


if __name__ == "__main__":
    main()
