"""Measure how well albums are found, and make the whitening of the package's descriptors.

    python tools/measure_albums.py --duts DUTS_class [--pascal PASCAL_coseg] [--weights FILE]
    python tools/measure_albums.py --duts DUTS_class --calibrate

The photos of all groups of a set are mixed, sorted by ``cosod.group``'s steps, and compared with the groups: adjusted
Rand index and normalized mutual information, a leftover being an album of its own. Of DUTS_class the 30 groups are
taken that training held out; since some of these are breeds of one animal, a second line counts all classes of one
everyday name as one group. ``--calibrate`` belongs after every change of the default weights: it describes four photos
of each other group of DUTS_class and writes the whitening beside the weights.
"""

import argparse
from pathlib import Path

import numpy as np
from measure_default import held_out
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from cosod.apps.albums.clustering import Grouping, cluster
from cosod.apps.albums.descriptors import Whitening, describe, embed, whitening_file, whitening_of
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.io.images import SUFFIXES
from cosod.models import registry
from cosod.models.checkpoints import loading
from cosod.training.data.coarse_labels import CoarseLabels

#: Photos of each group, and principal components, of a whitening.
PHOTOS, DIMENSIONS = 4, 128
SEED = 1


def photos(root: Path, groups: list[str]) -> tuple[list[Path], list[str]]:
    """All photos of some groups of a set, and the group of each."""
    files = {g: sorted(p for p in (root / "images" / g).iterdir() if p.suffix.lower() in SUFFIXES) for g in groups}
    return [p for g in groups for p in files[g]], [g for g in groups for _ in files[g]]


def calibrate(detector: Detector, duts: Path) -> None:
    """Write the whitening of the default weights, from groups that are not held out."""
    name = registry.name_of(detector.network)
    path = whitening_file(name)
    if path is None:
        raise SystemExit(f"{name}: the package has no weights of it, and so no place for their whitening")
    held = set(held_out())
    rng = np.random.default_rng(SEED)
    chosen = []
    for group in sorted((p.name for p in (duts / "images").iterdir() if p.name not in held), key=int):
        files = photos(duts, [group])[0]
        chosen += [files[i] for i in rng.permutation(len(files))[:PHOTOS]]
    _, descriptors = describe(detector, chosen)
    Whitening.of(descriptors, DIMENSIONS, loading.identity(detector.network)).save(path)
    print(f"{path}: from {len(chosen)} photos")


def measure(name: str, truths: dict[str, list[str]], vectors: np.ndarray, options: Grouping) -> None:
    """Print a row of the table for each kind of truth."""
    labels = cluster(vectors, options)
    alone = [label if label >= 0 else -1 - row for row, label in enumerate(labels)]
    for kind, truth in truths.items():
        scores = [f(truth, alone) for f in (adjusted_rand_score, normalized_mutual_info_score)]
        counts = f"{len(labels)} | {len(set(truth))} | {labels.max() + 1} | {(labels < 0).sum()}"
        print(f"| {name}{kind} | {counts} | {scores[0]:.3f} | {scores[1]:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path)
    parser.add_argument("--pascal", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--calibrate", action="store_true")
    args = parser.parse_args()
    detector = load(args.weights or "default")
    if args.calibrate:
        calibrate(detector, args.duts)
    whitening = whitening_of(detector.network)
    if whitening is not None and whitening.weights != loading.identity(detector.network):
        print("The whitening was made with other weights; run --calibrate")
    options = Grouping.plain() if whitening is None else Grouping()
    print("| set | photos | groups | albums | leftovers | ARI | NMI |\n|---|---|---|---|---|---|---|")
    if args.duts:
        files, groups = photos(args.duts, held_out())
        names = CoarseLabels(p.name for p in (args.duts / "images").iterdir()).of
        truths = {", classes": groups, ", everyday names": [names.get(g, g) for g in groups]}
        measure("DUTS_class, 30 groups held out", truths, embed(describe(detector, files)[1], whitening), options)
    if args.pascal:
        files, groups = photos(args.pascal, sorted(p.name for p in (args.pascal / "images").iterdir()))
        measure("PASCAL_coseg", {"": groups}, embed(describe(detector, files)[1], whitening), options)


if __name__ == "__main__":
    main()
