"""What cut-outs and thumbnails of photos as phones take them cost: seconds, and the most memory that the process held.

    python benchmarks/applications.py
    python benchmarks/applications.py --megapixels 48 --photos 4
    python benchmarks/applications.py -o benchmarks/RESULTS.md

Measures the steps for one generated photo, and then, in turns, a folder of them: as the command processes it, maps
excepted, and straightforwardly, that is one photo after the other, with cut-outs written by Pillow. How good cut-outs
are is measured by `benchmarks/cutouts.py`.
"""

import argparse
import functools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import heading, peak_memory
from PIL import Image
from results import table, write_section

import cosod
from cosod.apps import applications
from cosod.apps.cutout.cutout import CutoutOptions, cut_out
from cosod.apps.cutout.job import CutoutJob
from cosod.apps.map_sources import FoundMap
from cosod.apps.thumbnails.job import ThumbnailJob
from cosod.apps.thumbnails.thumbnails import ThumbnailOptions, crop, plan_crops
from cosod.io import find_groups, read_image
from cosod.io.photo_groups import Group
from cosod.io.png import encode_png
from cosod.postprocess.object_mask import object_box, object_mask
from cosod.postprocess.render import save_image

#: What :func:`cosod.cutout.save_cutout` was before it had an encoder of its own.
PILLOW_LEVEL = 3
STEPS = ("step", "seconds", "of processor time")
FOLDERS = ("results of a folder", "straightforward", "as the command", "times as fast")


def generated(megapixels: float, seed: int = 0) -> np.ndarray:
    """A photo of 4:3: a colored object with a wavy outline and a hole, on a textured ground, with noise."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    chance = np.random.default_rng(seed)
    ground = chance.integers(60, 200, (30, 40, 3), dtype=np.uint8)
    photo = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radii = height * (0.3 + 0.03 * np.sin(9 * angles))
    outline = np.stack([width / 2 + radii * np.cos(angles), height / 2 + radii * np.sin(angles)], 1)
    ring = np.stack([width / 2 + radii * np.cos(angles) / 4, height / 2 + radii * np.sin(angles) / 4], 1)
    cv2.fillPoly(photo, [outline.round().astype(np.int32), ring.round().astype(np.int32)], (225, 60, 30), cv2.LINE_AA)
    noise = chance.integers(-12, 13, photo.shape, dtype=np.int16)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def steps(photo: np.ndarray, folder: Path) -> Iterator[list[str]]:
    """Rows of :data:`STEPS` for one photo."""
    detector = cosod.load()
    file = folder / "photo.jpg"
    save_image(photo, file)
    row, (saliency, _) = _timed("map, reading included", lambda: detector.segment([file, photo[::8, ::8]]))
    yield row
    for method in ("threshold", "grabcut"):
        work = functools.partial(cut_out, photo, saliency, CutoutOptions(method))
        row, cut = _timed(f"cut-out, {method}", work)
        yield row
    framed = CutoutOptions(background="white", size=(1600, 1600))
    yield _timed("cut-out on white, 1600 x 1600", lambda: cut_out(photo, saliency, framed))[0]
    yield _timed("PNG of the cut-out", lambda: encode_png(cut))[0]
    yield _timed("PNG of the cut-out by Pillow", lambda: _save_by_pillow(cut, folder / "cut.png"))[0]
    yield _timed("thumbnail", lambda: _thumbnail(photo, saliency))[0]


class _Maps:
    """Maps that are known already."""

    max_pixels = 10**9
    options: dict[str, Any] | None = None

    def __init__(self, saliency: np.ndarray):
        self.saliency = saliency

    def identity(self, group: Group) -> object:
        return "known"

    def stream(self, group: Group, on_error: Callable) -> Iterator[FoundMap]:
        for index in range(len(group.images)):
            yield FoundMap(index, self.saliency.copy())

    def mask_threshold(self, groups: object) -> float:
        return 0.5

    def check_absent(self, kind: str) -> None:
        pass


def folders(megapixels: float, number: int, runs: int, folder: Path) -> Iterator[list[str]]:
    """Rows of :data:`FOLDERS` for so many photos."""
    for place in range(number):
        save_image(generated(megapixels, place), folder / "photos" / f"{place}.jpg")
    groups = find_groups([folder / "photos"])
    images = groups[0].images
    saliency = cv2.blur((read_image(images[0])[..., 2] < 60).astype(np.float32), (31, 31))

    def one_by_one_cut() -> None:
        for place, path in enumerate(images):
            _save_by_pillow(cut_out(read_image(path), saliency), folder / f"{place}.png")

    def one_by_one_cropped() -> None:
        for place, path in enumerate(images):
            save_image(_thumbnail(read_image(path), saliency), folder / f"{place}.jpg")

    for name, straightforward, job in (
        ("cut-outs", one_by_one_cut, CutoutJob(folder / "cut", overwrite=True)),
        ("thumbnails", one_by_one_cropped, ThumbnailJob(folder / "thumbs", overwrite=True)),
    ):

        def ours(job: Any = job) -> None:
            applications.run(job, _Maps(saliency), groups)

        times: dict[Callable, float] = dict.fromkeys((straightforward, ours), float("inf"))
        for work in [*times] * runs:
            start = time.perf_counter()
            work()
            times[work] = min(times[work], time.perf_counter() - start)
        slow, fast = times[straightforward] / number, times[ours] / number
        yield [name, f"{slow:.2f} s a photo", f"{fast:.2f} s a photo", f"{slow / fast:.2f}"]


def _save_by_pillow(pixels: np.ndarray, file: Path) -> None:
    Image.fromarray(pixels).save(file, compress_level=PILLOW_LEVEL)


def _thumbnail(photo: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    mask = object_mask(saliency)
    options = ThumbnailOptions()
    (frame,) = plan_crops([object_box(mask)], [mask.shape], options)
    return crop(photo, frame, options.size, mask)


def _timed(name: str, work: Callable[[], Any]) -> tuple[list[str], Any]:
    best = (float("inf"), 0.0)
    for _ in range(3):
        start = time.perf_counter(), time.process_time()
        result = work()
        best = min(best, (time.perf_counter() - start[0], time.process_time() - start[1]))
    return [name, f"{best[0]:.2f}", f"{best[1]:.2f}"], result


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megapixels", type=float, default=12.0, help="of each generated photo")
    parser.add_argument("--photos", type=int, default=8, help="how many photos the folder has")
    parser.add_argument("--runs", type=int, default=2, help="of the folder; the best counts")
    parser.add_argument("-o", "--output", type=Path, help="also put the tables into this Markdown file")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        photo = generated(args.megapixels)
        one = table(STEPS, list(steps(photo, Path(name))))
        peak = peak_memory() / 2**20
        many = table(FOLDERS, list(folders(args.megapixels, args.photos, args.runs, Path(name))))
    note = f"Photos of {photo.shape[1]} x {photo.shape[0]}. At most {peak:.0f} MiB for one photo, the network included"
    note += f", and {peak_memory() / 2**20:.0f} MiB for {args.photos}."
    text = "\n\n".join([heading(["python", *sys.argv], "cpu"), one, many, note])
    print(text)
    if args.output:
        write_section(args.output, "applications cpu", "Cut-outs and thumbnails", text)


if __name__ == "__main__":
    main()
