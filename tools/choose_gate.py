"""Compare how the two branches of the light networks count together, on development sets.

    python tools/choose_gate.py MSRC runs/figures/MSRC-concatenated runs/figures/held_out \
        runs/figures/held_out-concatenated [--model accurate] [--strength 1.25 1.5] [--lift 0.25] [--raised 3 4]

Each set is a folder with ``images/<group>`` and ``gts/<group>``; those of the example are written by
``tools/measure_default.py``. They are segmented with each combination of the options
:data:`cosod.models.gconet_plus_mobile.DECODE_OPTIONS`, with all that follows on decoding. Of each set it prints the
mean over groups of the IoU of maps cut at one half and of J, in per cent, and of S. What is chosen is written into
:class:`~cosod.models.gconet_plus_mobile.MobileConfig`; ``tools/export_default.py`` takes it over into a weights file.
"""

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from measure_default import read_truth

import cosod
from cosod.evaluation.metrics.functional import precision_jaccard, s_measure
from cosod.inference.cpu_fusion import FastSteps
from cosod.models.gconet_plus_mobile import DECODE_OPTIONS, MobileConfig
from cosod.postprocess.render import to_8bit

#: IoU at one half, J and S of one image.
Figures = tuple[float, float, float]


def figures(
    detector: cosod.Detector, data: Path, group: str, number: int, ways: list[tuple]
) -> Iterator[list[Figures]]:
    """Yields the figures of a group's images, one list for each way."""
    paths = sorted((data / "images" / group).iterdir())[:number]
    masks = [read_truth(data, group, path) for path in paths]
    steps = detector.forward.steps
    assert isinstance(steps, FastSteps)  # with the default backend and precision; its copy of the network decodes
    network = steps.network
    for way in ways:
        network.config = replace(network.config, **dict(zip(DECODE_OPTIONS, way, strict=True)))
        yield [score(*pair) for pair in zip(detector.segment(paths), masks, strict=True)]


def score(saliency: np.ndarray, mask: np.ndarray) -> Figures:
    """Computes IoU at one half, J and S of one map."""
    marked = saliency > 0.5
    iou = (marked & mask).sum() / max(1, (marked | mask).sum())
    levels, truth = to_8bit(saliency), np.uint8(255) * mask
    return float(iou), precision_jaccard(levels, truth)[1], s_measure(levels, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--model", default="default", help="a light network of the package, or a weights file")
    parser.add_argument("--images", type=int, default=12, help="images of each group, at most")
    for option in DECODE_OPTIONS:
        value = getattr(MobileConfig(), option)
        parser.add_argument(f"--{option}", type=float, nargs="+", default=[value], help="values to compare")
    args = parser.parse_args()
    detector = cosod.load(args.model, device="cpu")
    ways = list(itertools.product(*(getattr(args, option) for option in DECODE_OPTIONS)))
    print(f"| set | {' | '.join(DECODE_OPTIONS)} | IoU | J | S |\n|{'---|' * (len(DECODE_OPTIONS) + 4)}")
    for data in args.sets:
        groups = sorted(path.name for path in (data / "images").iterdir())
        found = [[np.mean(f, axis=0) for f in figures(detector, data, g, args.images, ways)] for g in groups]
        for way, (iou, j, s) in zip(ways, np.mean(found, axis=0), strict=True):
            values = " | ".join(f"{value:g}" for value in way)
            print(f"| {data.name} | {values} | {100 * iou:.1f} | {100 * j:.1f} | {s:.4f} |", flush=True)


if __name__ == "__main__":
    main()
