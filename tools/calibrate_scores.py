"""Choose how the scores of the classifier of positions change maps, and keep it in a weights file.

    python tools/calibrate_scores.py MSRC runs/figures/MSRC-concatenated runs/figures/held_out \
        runs/figures/held_out-concatenated [--weights FILE] [--dry-run]

Each set is a folder with ``images/<group>`` and ``gts/<group>``; those of the example are written by
``tools/measure_default.py``. Groups of 3, 6 and 12 images are segmented as ``cosod segment`` does it, and the maps are
changed by each weight (see :class:`cosod.inference.position_classifier.ScoreRule`). For each weight, the mean IoU of
maps cut at one half, in per cent, and S of each set are printed, every size of groups counting as much. The weight with
the best mean S of those with which no set loses more than :data:`LOST` goes into the metadata of the weights file
(``scores``), whose tensors stay.
"""

import argparse
from pathlib import Path

import calibrated_weights
import numpy as np
import torch
from choose_gate import score
from measure_default import read_truth

import cosod
from cosod.inference.position_classifier import ScoreRule, reconsidered
from cosod.io.resizing import to_own_size

SIZES = (3, 6, 12)
WEIGHTS = (0.5, 1.0, 1.5, 2.0, 2.5)
#: What a set may lose in IoU, in per cent, and in S.
LOST = np.array([0.25, 0.0015])


@torch.inference_mode()
def figures(detector: cosod.Detector, data: Path, paths: list[Path], rules: list[ScoreRule | None]) -> np.ndarray:
    """Returns IoU and S of the images of a group by each rule, ``(rules, images, 2)``."""
    masks = [read_truth(data, path.parent.name, path) for path in paths]
    encoded = detector.pipeline.encoded(detector.inputs(paths))
    found = detector.pipeline.consensus(encoded)
    parts = list(detector.pipeline.segmented(encoded, found))
    rows: list[list[tuple[float, ...]]] = []
    for rule in rules:
        rows.append([])
        for part, maps, _ in reconsidered(parts, [], found.weight_of, rule):
            for index, map_ in zip(part.indices, maps, strict=True):
                rows[-1].append(score(to_own_size(map_, masks[index].shape), masks[index])[::2])
    return np.array(rows)


def of_set(detector: cosod.Detector, data: Path, size: int, rules: list[ScoreRule | None]) -> np.ndarray:
    """Returns the mean IoU and S of a set in groups of a size by each rule, ``(rules, 2)``."""
    groups = [figures(detector, data, group, rules) for group in groups_of(data, size)]
    return np.concatenate(groups, axis=1).mean(axis=1)


def groups_of(data: Path, size: int) -> list[list[Path]]:
    """Divides the first images of each group of a set into groups of this size."""
    found = []
    for folder in sorted((data / "images").iterdir()):
        paths = sorted(folder.iterdir())[: max(SIZES)]
        found += [paths[first : first + size] for first in range(0, len(paths) - size + 1, size)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", type=Path, nargs="+")
    calibrated_weights.add_options(parser)
    args = parser.parse_args()
    path = calibrated_weights.weights_file(args.weights)
    detector = cosod.load(path, device="cpu")
    rules: list[ScoreRule | None] = [None, *map(ScoreRule, WEIGHTS)]
    found = np.array([[of_set(detector, data, size, rules) for size in SIZES] for data in args.sets])
    of_sets = found.mean(axis=1) * np.array([100, 1])
    print(f"| weight | {' | '.join(data.name for data in args.sets)} | mean |\n|{'---|' * (len(args.sets) + 2)}")
    for number, rule in enumerate(rules):
        values = [*of_sets[:, number], of_sets[:, number].mean(axis=0)]
        cells = " | ".join(f"{iou:.2f}, {s:.4f}" for iou, s in values)
        print(f"| {'without' if rule is None else f'{rule.weight:g}'} | {cells} |")
    lost = (of_sets[:, :1] - of_sets)[:, 1:]
    allowed = (lost <= LOST).all(axis=(0, 2))
    best = int(np.where(allowed, of_sets[:, 1:, 1].mean(axis=0), 0).argmax())
    chosen = ScoreRule(WEIGHTS[best])
    print("\n| groups of | IoU, S before | after |\n|---|---|---|")
    for size, of_size in zip(SIZES, found.mean(axis=0), strict=True):
        before, after = (f"{100 * iou:.2f}, {s:.4f}" for iou, s in of_size[[0, best + 1]])
        print(f"| {size} | {before} | {after} |")
    print(chosen.as_dict())
    if not args.dry_run:
        calibrated_weights.store(path, detector, scores=chosen.as_dict())


if __name__ == "__main__":
    main()
