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

import numpy as np
import torch
from choose_gate import score
from measure_default import read_truth

import cosod
from cosod import doctor, models
from cosod.inference.position_classifier import FINE, ScoreRule, Segmented, reconsidered
from cosod.io.resizing import to_own_size
from cosod.io.tensors import to_array
from cosod.models import registry
from cosod.models.checkpoints import safetensors_file

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
    prototype = to_array(found.prototype)
    parts = []
    for part, features, output in detector.pipeline.decoded(encoded, found.indices, found.consensus):
        filtered, _ = detector.pipeline.filtered(output, features.deep, prototype)
        parts.append(Segmented(part, *map(to_array, (filtered, features.deep, features.skips[FINE]))))
    weights = dict(zip(found.indices, found.weights.tolist(), strict=True))
    rows: list[list[tuple[float, ...]]] = []
    for rule in rules:
        rows.append([])
        for segments, maps, _ in reconsidered(parts, [], weights, rule):
            for index, map_ in zip(segments.indices, maps, strict=True):
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
    parser.add_argument("--weights", type=Path, help="the package's default weights by default")
    parser.add_argument("--dry-run", action="store_true", help="print, and leave the weights file as it is")
    args = parser.parse_args()
    path = args.weights or registry.weights_file("gconet_plus_mobile")
    assert path is not None  # its weights come with the package
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
        safetensors_file.annotate(path, scores=chosen.as_dict())
        if "check" in detector.network.extra:  # what `cosod doctor` expects
            safetensors_file.annotate(path, check=doctor.fingerprint(models.load(path)))


if __name__ == "__main__":
    main()
