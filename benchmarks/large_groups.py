"""What comparing a large group with some of its images changes, and what time and memory it takes.

    python benchmarks/large_groups.py deviation --duts DUTS_class [--seeds 3]
    python benchmarks/large_groups.py growth --photos FOLDER -o docs/large_groups.png [--sizes 300,1000,3000,10000]

``deviation``: groups that no training saw (tools/held_out.txt) are joined to large ones, and each is segmented with the
exact affinity and with R references, as ``Detector`` does it. ``animals`` are all held-out groups of animals, whose
masks are the truth. ``outliers`` is the largest held-out group among 216 photos of the others; its own photos are
measured. ``all`` joins all held-out groups, which share nothing: the worst that can be given. Difference is that of the
maps in [0, 1] from the exact ones: mean over all pixels, mean over the images of their largest pixel, and the largest
of all; S and J (IoU at one half) are means over the measured images. Each row is a mean over seeds of the draw, the
largest difference the largest of them.

``growth``: groups of the photos of a folder, repeated as often as it takes, each segmented in a process of its own with
one thread, nothing kept of them between the passes (``feature_bytes=0``). CPU seconds, reading and resizing included,
and the peak of memory, as a table and as a plot.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from machine import heading, peak_memory

import cosod
from cosod.evaluation.metrics.functional import precision_jaccard, s_measure
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.group_consensus import shared
from cosod.inference.options import WAYS, ReferenceSampling
from cosod.io.images import SUFFIXES

HELD_OUT = Path(__file__).parents[1] / "tools" / "held_out.txt"
REFERENCES = (16, 32, 64, 128)
#: Groups of DUTS_class are named by their class in ImageNet; those below it are animals.
ANIMALS = 398
OUTLIERS = 216
#: Every so-many-th image of a group is decoded and measured.
EVERY = 4


def deviation(duts: Path, seeds: int) -> None:
    detector = cosod.load(device="cpu")
    print(heading(["python", *sys.argv]), end="\n\n", flush=True)
    print("| group | references | mean difference | largest in an image | largest | S | J |")
    print("|---|---|---|---|---|---|---|")
    for name, photos, measured in large_groups(duts):
        inputs = detector.inputs(photos, twice=True)
        group = EncodedGroup(inputs, detector.forward.encode, detector.batch, 1 << 40)
        truths = [truth(photos[i], detector.size) for i in measured]
        exact = maps(detector, group, measured, ReferenceSampling(0))
        print(row(f"{name}, {len(photos)} images", "all", [figures(exact, exact, truths)]), flush=True)
        for by in WAYS:
            for count in REFERENCES:
                samplings = [ReferenceSampling(count, by, 0, seed) for seed in range(seeds)]
                found = [figures(maps(detector, group, measured, sampling), exact, truths) for sampling in samplings]
                print(row("", f"{count}, {by}", found), flush=True)


def large_groups(duts: Path) -> list[tuple[str, list[Path], list[int]]]:
    """Name, photos, and which of them are measured."""
    names = HELD_OUT.read_text().split()
    photos = {name: sorted((duts / "images" / name).iterdir()) for name in names}
    animals = [photo for name in names if int(name) < ANIMALS for photo in photos[name]]
    everything = [photo for name in names for photo in photos[name]]
    largest = max(photos.values(), key=len)
    others = [photo for photo in everything if photo not in largest]
    outliers = [others[i] for i in np.random.default_rng(0).permutation(len(others))[:OUTLIERS]]
    return [
        ("animals", animals, list(range(0, len(animals), EVERY))),
        ("outliers", largest + outliers, list(range(len(largest)))),
        ("all", everything, list(range(0, len(everything), EVERY))),
    ]


def truth(photo: Path, size: int) -> np.ndarray:
    """The mask ``(size, size)`` of a photo ``images/<group>/<photo>``, which lies in ``gts/<group>``."""
    path = photo.parents[2] / "gts" / photo.parent.name / f"{photo.stem}.png"
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None:
        raise SystemExit(f"{path}: no such image, or it cannot be read; each photo needs its mask there")
    return cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA) > 127


@torch.inference_mode()
def maps(detector: cosod.Detector, group: EncodedGroup, measured: list[int], sampling: ReferenceSampling) -> np.ndarray:
    """Maps ``(n, S, S)`` of the measured images at the working size."""
    consensus = shared(detector.network, detector.calibration, group, sampling).consensus
    parts = group.batches(measured)
    return torch.cat([detector.forward.steps.decode(found, consensus).maps[:, 0] for _, found in parts]).numpy()


def figures(found: np.ndarray, exact: np.ndarray, truths: list[np.ndarray]) -> tuple[float, ...]:
    difference = np.abs(found - exact).reshape(len(found), -1)
    s = np.mean([s_measure(m, t) for m, t in zip(found, truths, strict=True)])
    j = np.mean([precision_jaccard(m > 0.5, t)[1] for m, t in zip(found, truths, strict=True)])
    mean, each, largest = difference.mean(), difference.max(axis=1).mean(), difference.max()
    return float(mean), float(each), float(largest), float(s), float(100 * j)


def row(name: str, how: str, found: list[tuple[float, ...]]) -> str:
    mean, each, _, s, j = np.mean(found, axis=0)
    largest = max(one[2] for one in found)
    return f"| {name} | {how} | {mean:.4f} | {each:.3f} | {largest:.3f} | {s:.4f} | {j:.2f} |"


def growth(photos: Path, output: Path, sizes: list[int], exact_to: int, side: int) -> None:
    print(heading(["python", *sys.argv]), end="\n\n", flush=True)
    print(
        "| images in the group | compared with | CPU seconds | ms an image | peak memory, MiB |\n|---|---|---|---|---|"
    )
    points = []
    for references in (ReferenceSampling.references, 0):
        for count in sizes:
            if references or count <= exact_to:
                command = [sys.executable, __file__, "one", str(photos), str(count), str(references), str(side)]
                ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
                seconds, peak = json.loads(ended.stdout)
                points.append((references, count, seconds, peak))
                cells = f"{seconds:.1f} | {1000 * seconds / count:.1f} | {peak / 2**20:.0f}"
                print(f"| {count} | {references or 'all'} | {cells} |", flush=True)
    plot(points, output, side)


def one(photos: Path, count: int, references: int, side: int) -> None:
    """A group of so many images: CPU seconds and peak of memory in bytes, as JSON."""
    torch.set_num_threads(1)
    found = sorted(path for path in photos.rglob("*") if path.suffix.lower() in SUFFIXES)
    group = (found * (count // len(found) + 1))[:count]
    sampling = ReferenceSampling(references, exact_up_to=0)
    detector = cosod.load(device="cpu", size=side, feature_bytes=0, sampling=sampling)
    start = time.process_time()
    done = sum(1 for _ in detector.stream(group))
    assert done == count
    print(json.dumps([time.process_time() - start, peak_memory()]))


def plot(points: list[tuple[int, int, float, float]], output: Path, side: int) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    styles = {
        ReferenceSampling.references: ("tab:blue", "o", f"{ReferenceSampling.references} references"),
        0: ("0.5", "s", "all images"),
    }
    for references, (color, marker, label) in styles.items():
        mine = sorted(point for point in points if point[0] == references)
        if mine:
            counts = [count for _, count, _, _ in mine]
            left.plot(counts, [seconds for *_, seconds, _ in mine], color=color, marker=marker, label=label)
            right.plot(counts, [peak / 2**20 for *_, peak in mine], color=color, marker=marker, label=label)
    left.set_ylabel("CPU seconds")
    right.set_ylabel("peak memory, MiB")
    for axes in (left, right):
        axes.set_xlabel(f"images in the group ({side} px)")
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, title="compared with")
    figure.savefig(output, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("deviation")
    verb.add_argument("--duts", type=Path, required=True)
    verb.add_argument("--seeds", type=int, default=3)
    verb = verbs.add_parser("growth")
    verb.add_argument("--photos", type=Path, required=True)
    verb.add_argument("-o", "--output", type=Path, required=True)
    verb.add_argument("--sizes", type=lambda text: [int(n) for n in text.split(",")], default=[300, 1000, 3000, 10000])
    verb.add_argument("--exact-to", type=int, default=3000, help="largest group that is compared exactly")
    verb.add_argument("--side", type=int, default=128)
    verb = verbs.add_parser("one")
    verb.add_argument("photos", type=Path)
    for name in ("count", "references", "side"):
        verb.add_argument(name, type=int)
    options = vars(parser.parse_args())
    programs: dict[str, Callable[..., None]] = {"deviation": deviation, "growth": growth, "one": one}
    programs[options.pop("verb")](**options)


if __name__ == "__main__":
    main()
