"""What maps, cut-outs and thumbnails cost: seconds, and the most memory that the process held.

    python benchmarks/applications.py
    python benchmarks/applications.py --megapixels 48

Of a generated photo of 12 megapixels. How good they are is measured by `benchmarks/cutouts.py`.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from machine import peak_memory

import cosod
from cosod.apps.cutout.cutout import CutoutOptions, cut_out
from cosod.apps.thumbnails.thumbnails import ThumbnailOptions, crop, plan_crops
from cosod.postprocess.object_mask import object_box, object_mask
from cosod.postprocess.render import save_image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megapixels", type=float, default=12.0, help="of the generated photo")
    speed(parser.parse_args().megapixels)


def generated(megapixels: float) -> np.ndarray:
    """A photo of 4:3: a colored object with a wavy outline and a hole, on a textured ground, with noise."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    chance = np.random.default_rng(0)
    ground = chance.integers(60, 200, (30, 40, 3), dtype=np.uint8)
    photo = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radii = height * (0.3 + 0.03 * np.sin(9 * angles))
    outline = np.stack([width / 2 + radii * np.cos(angles), height / 2 + radii * np.sin(angles)], 1)
    ring = np.stack([width / 2 + radii * np.cos(angles) / 4, height / 2 + radii * np.sin(angles) / 4], 1)
    cv2.fillPoly(photo, [outline.round().astype(np.int32), ring.round().astype(np.int32)], (225, 60, 30), cv2.LINE_AA)
    noise = chance.integers(-12, 13, photo.shape, dtype=np.int16)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def speed(megapixels: float) -> None:
    photo = generated(megapixels)
    print(f"{photo.shape[1]} x {photo.shape[0]}, {cv2.getNumThreads()} threads")
    print("\n| step | seconds | of processor time |\n|---|---:|---:|")
    detector = cosod.load()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.jpg"
        save_image(photo, file)
        saliency = _timed("map, reading included", lambda: detector.segment([file, photo[::8, ::8]])[0])
        for method in ("threshold", "grabcut"):
            options = CutoutOptions(method)
            cut = _timed(f"cut-out, {method}", lambda options=options: cut_out(photo, saliency, options))
        _timed(
            "cut-out on white, 1600 x 1600",
            lambda: cut_out(photo, saliency, CutoutOptions(background="white", size=(1600, 1600))),
        )
        _timed("writing the cut-out as PNG", lambda: save_image(cut, Path(folder) / "cut.png"))
        _timed("thumbnail", lambda: _thumbnail(photo, saliency))
    print(f"\nat most {peak_memory() / 2**20:.0f} MiB")


def _thumbnail(photo: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    mask = object_mask(saliency)
    options = ThumbnailOptions()
    (frame,) = plan_crops([object_box(mask)], [mask.shape], options)
    return crop(photo, frame, options.size, mask)


def _timed(name: str, work):
    best = (float("inf"), 0.0)
    for _ in range(3):
        start = time.perf_counter(), time.process_time()
        result = work()
        best = min(best, (time.perf_counter() - start[0], time.process_time() - start[1]))
    print(f"| {name} | {best[0]:.2f} | {best[1]:.2f} |", flush=True)
    return result


if __name__ == "__main__":
    main()
