"""Measure how well albums are found, and make the whitening of the package's descriptors.

    python tools/measure_albums.py --duts DUTS_class [--set MSRC]... [--weights FILE]
    python tools/measure_albums.py --duts DUTS_class --calibrate [--backbone WHEEL] [--weights FILE]

The photos of all groups of a set are mixed, sorted by ``cosod.group``'s steps, and compared with the groups: adjusted
Rand index and normalized mutual information, a leftover being an album of its own. Of DUTS_class the 30 groups are
taken that training held out; since some of these are breeds of one animal, a second line counts all classes of one
everyday name as one group. The last lines of each set are of folders as most users have them, drawn from the set at
random: some groups of few photos each and single photos of other groups (:data:`KINDS`). The figures of these are
means, and leftovers are the share of all photos.

``--calibrate`` belongs after every change of the default weights: it describes eight photos of each other group of
DUTS_class and writes the whitening beside the weights. With ``--backbone``, the file of the backbone's ImageNet
weights, the last layer of the backbone is written before.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measure_default import held_out
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from cosod.apps.albums.descriptors import describe
from cosod.apps.albums.grouping import album_labels
from cosod.apps.albums.last_layer import LastLayer, last_layer_file
from cosod.apps.albums.whitening import Whitening, whitening_file
from cosod.inference.detector import Detector
from cosod.inference.functions import load
from cosod.io.images import SUFFIXES
from cosod.models import registry
from cosod.models.backbones.base import Backbone
from cosod.models.backbones.imagenet import published_state
from cosod.models.checkpoints import loading
from cosod.training.data.coarse_labels import CoarseLabels, without_number

#: Photos of each group, principal components, and regularization of a whitening. The last was chosen from 0, 1 and 2 on
#: the held-out groups, MSRC and `everyday`.
PHOTOS, DIMENSIONS, REGULARIZATION = 8, 128, 1.0
SEED = 1
#: Number of folders of each kind that are drawn from a set.
FOLDERS = 60


@dataclass(frozen=True)
class Folders:
    """A kind of folder: how many groups it has, how many photos of each, and how many photos of other groups."""

    shared: tuple[int, int]
    photos: tuple[int, int]
    strangers: tuple[int, int]


KINDS = {
    "small folders": Folders((2, 8), (3, 12), (0, 4)),
    "small albums": Folders((3, 6), (2, 3), (4, 4)),
    "nothing shared": Folders((0, 0), (1, 1), (4, 12)),
}


def photos(root: Path, groups: list[str]) -> tuple[list[Path], list[str]]:
    """All photos that are in one of some groups of a set, and the group of each, without a number at its end.

    Photos in several groups, as `everyday` has them, are left out.
    """
    found = [
        (path, without_number(group))
        for group in groups
        for path in sorted((root / "images" / group).iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    shown = Counter(path.resolve() for path, _ in found)
    found = [(path, name) for path, name in found if shown[path.resolve()] == 1]
    return [path for path, _ in found], [name for _, name in found]


def calibrate(detector: Detector, duts: Path, backbone: Path | None) -> None:
    """Write the last layer of the backbone and the whitening of the weights, from groups that are not held out."""
    name = registry.name_of(detector.network)
    path = whitening_file(name)
    if path is None:
        raise SystemExit(f"{name}: the package has no weights of it, and so no place for their whitening")
    if backbone is not None:
        own = detector.network.backbone
        assert isinstance(own, Backbone)
        LastLayer.of(published_state(backbone)).save(last_layer_file(own.name))
    held = set(held_out())
    rng = np.random.default_rng(SEED)
    chosen = []
    for group in sorted((p.name for p in (duts / "images").iterdir() if p.name not in held), key=int):
        files = photos(duts, [group])[0]
        chosen += [files[i] for i in rng.permutation(len(files))[:PHOTOS]]
    _, descriptors = describe(detector, chosen)
    Whitening.of(descriptors, DIMENSIONS, loading.identity(detector.network), REGULARIZATION).save(path)
    print(f"{path}: from {len(chosen)} photos")


def scored(truth: list[str], descriptors: np.ndarray, detector: Detector) -> tuple[np.ndarray, list[float]]:
    """The albums of some photos, and the two figures of them; each leftover counts as an album of its own."""
    labels = album_labels(descriptors, detector.network)
    alone = [label if label >= 0 else -1 - row for row, label in enumerate(labels)]
    return labels, [f(truth, alone) for f in (adjusted_rand_score, normalized_mutual_info_score)]


def folders(groups: list[str], kind: Folders) -> list[tuple[np.ndarray, list[str]]]:
    """The rows of the photos of each folder of a kind, and the group of each photo."""
    rng = np.random.default_rng(SEED)
    rows = {name: np.flatnonzero(np.array(groups) == name) for name in sorted(set(groups))}
    found = []
    for _ in range(FOLDERS):
        names = rng.permutation(sorted(rows))
        shared, strangers = (int(rng.integers(low, high + 1)) for low, high in (kind.shared, kind.strangers))
        counts = [*rng.integers(kind.photos[0], kind.photos[1] + 1, min(shared, len(names))), *[1] * strangers]
        drawn = [rng.permutation(rows[name])[:count] for name, count in zip(names, counts, strict=False)]
        chosen = np.concatenate(drawn)
        found.append((chosen, [groups[row] for row in chosen]))
    return found


def measure(name: str, truths: dict[str, list[str]], descriptors: np.ndarray, detector: Detector) -> None:
    """Print a row of the table for each kind of truth, and one for each kind of folder."""
    for kind, truth in truths.items():
        labels, scores = scored(truth, descriptors, detector)
        counts = f"{len(labels)} | {len(set(truth))} | {labels.max() + 1} | {(labels < 0).sum()}"
        print(f"| {name}{kind} | {counts} | {scores[0]:.3f} | {scores[1]:.3f} |", flush=True)
    groups = next(iter(truths.values()))
    for kind, drawn in KINDS.items():
        found = [(rows, *scored(truth, descriptors[rows], detector)) for rows, truth in folders(groups, drawn)]
        photos, left = sum(len(rows) for rows, *_ in found), sum((labels < 0).sum() for _, labels, _ in found)
        means = np.mean([scores for *_, scores in found], axis=0)
        figures = " | ".join(f"{mean:.3f}" for mean in means) if drawn.shared[1] else "|"
        print(f"| {name}, {kind} | {photos} | | | {left / photos:.0%} | {figures} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path)
    parser.add_argument("--set", type=Path, action="append", default=[])
    parser.add_argument("--weights", default="default", help="file, or name of a network with weights in the package")
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--backbone", type=Path, help="with --calibrate: file of the backbone's ImageNet weights")
    args = parser.parse_args()
    detector = load(args.weights)
    if args.calibrate:
        calibrate(detector, args.duts, args.backbone)
    print("| set | photos | groups | albums | leftovers | ARI | NMI |\n|---|---|---|---|---|---|---|")
    if args.duts:
        files, groups = photos(args.duts, held_out())
        names = CoarseLabels(p.name for p in (args.duts / "images").iterdir()).of
        truths = {", classes": groups, ", everyday names": [names.get(g, g) for g in groups]}
        measure("DUTS_class, 30 groups held out", truths, describe(detector, files)[1], detector)
    for root in args.set:
        files, groups = photos(root, sorted(p.name for p in (root / "images").iterdir()))
        measure(root.name, {"": groups}, describe(detector, files)[1], detector)


if __name__ == "__main__":
    main()
