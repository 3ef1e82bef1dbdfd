"""Calibrate the presence scores of a network, in groups and of kept consensuses, and keep them in its weights file.

    python tools/calibrate_presence.py --duts DUTS_class --set DUTS_rest --set everyday --set MSRC [--dry-run]

Takes the 30 held-out groups of DUTS_class (`tools/held_out.txt`) and up to 30 groups of each other set, encodes 12
images of each, and plays what happens in use:

- groups of 4 to 12 images with 0, 20 and 40 per cent outliers (entry ``presence`` of the metadata);
- a consensus learned from 1 (marked), 2, 4 and 8 images and applied to single images: the others of its group, and
  images of other groups of its own set, of the other sets, and of everyday life (entry ``kept_presence``);
- the same beside photos of what the object is not, from the three groups that are taken for it most
  (`tools/negative_cases.py`, entry ``negatives``).

No image counts as one without the object that shows anything of the group's everyday name. Constants are fitted by
logistic regression, present and absent images weighing the same; the ROC-AUC printed and stored is of five folds, each
of whose groups the fit did not see. The tensors of the weights file stay as they are.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import calibrated_weights
import numpy as np
import torch
from development_photos import Photos
from negative_cases import fit_rule
from regression import logistic, roc_auc

import cosod
from cosod.apps.absence import ABSENT
from cosod.inference import presence
from cosod.inference.deep_rows import together
from cosod.models.base import CoSaliencyNetwork, Features

FOLDS, REPEATS = 5, 2
SIZES, SHARES, REFERENCES = (4, 8, 12), (0.0, 0.2, 0.4), (1, 2, 4, 8)


class Case(NamedTuple):
    """One image in one situation: in which kind, of which group, and whether the object is there.

    ``source`` is the set of an image without the object that a kept consensus is applied to; of one with it, None.
    """

    kind: str
    group: int
    similarity: float
    references: float
    present: bool
    source: str | None = None


def in_groups(network: CoSaliencyNetwork, photos: Photos, rng: np.random.Generator) -> Iterator[Case]:
    """Cases of groups with outliers, each image compared with the others."""
    for number, group in enumerate(photos.groups):
        for size in SIZES:
            for share in SHARES:
                own = rng.permutation(len(group.deep))[: max(2, round(size * (1 - share)))]
                others = list(photos.others(number, group.source, rng))[: round(len(own) * share / (1 - share))]
                deep = together([group.deep[own], photos.deep(others)]) if others else group.deep[own]
                vectors = presence.pooled(deep, attention_of(network, deep))
                found = presence.resemblance(vectors, torch.ones(len(deep)))
                for i, (alike, references) in enumerate(zip(*(f.tolist() for f in found), strict=True)):
                    yield Case(f"in groups, {share:.0%} outliers", number, alike, references, i < len(own))


def applied(network: CoSaliencyNetwork, photos: Photos, rng: np.random.Generator) -> Iterator[Case]:
    """Cases of a learned consensus, applied to other images of its group and to as many of each set."""
    for number, group in enumerate(photos.groups):
        for count in REFERENCES:
            order = rng.permutation(len(group.deep))
            if len(order) <= count:  # a small group
                continue
            known, new = order[:count], order[count:]
            prototype = prototype_of(network, group.deep[known], group.marks[known] if count == 1 else None)
            kind = "learned from one marked image" if count == 1 else f"learned from {count} images"
            for alike in presence.similarity(group.deep[new], prototype).tolist():
                yield Case(kind, number, alike, float(count), True)
            for source in photos.sources(number):
                others = list(photos.others(number, source, rng))[: len(new)]
                for alike in presence.similarity(photos.deep(others), prototype).tolist():
                    yield Case(kind, number, alike, float(count), False, source)


def attention_of(network: CoSaliencyNetwork, deep: torch.Tensor) -> torch.Tensor:
    """Where the consensus of a group of images with F ``(N, C, H, W)`` comes from, ``(N, 1, H, W)``."""
    attention = network.consensus(Features((), deep, (0, 0))).attention
    if attention is None:
        raise SystemExit(f"{type(network).__name__} has no attention, from which presence is computed")
    return attention


def prototype_of(network: CoSaliencyNetwork, deep: torch.Tensor, marks: torch.Tensor | None) -> torch.Tensor:
    """The prototype of a consensus of images with F ``(N, C, H, W)``, by their marks where there are some."""
    attention = attention_of(network, deep) if marks is None else marks
    return presence.pooled(deep, attention).mean(dim=0)


def fit(cases: list[Case]) -> presence.Calibration:
    """Logistic regression; present and absent images weigh the same, and so do the sets of the absent ones."""
    x = torch.tensor([[c.similarity, 1 / c.references] for c in cases], dtype=torch.float64)
    y = torch.tensor([c.present for c in cases], dtype=torch.float64)
    kinds = [(c.present, c.source) for c in cases]
    count = Counter(kinds)
    sides = Counter(there for there, _ in count)
    importance = torch.tensor([1 / (count[kind] * sides[kind[0]]) for kind in kinds], dtype=torch.float64)
    slope, few, offset = logistic(x, y, importance)
    return presence.Calibration(slope, offset, few)


def scored(calibration: presence.Calibration, cases: list[Case]) -> list[float]:
    alike, references = (torch.tensor([getattr(c, name) for c in cases]) for name in ("similarity", "references"))
    return calibration.presence(alike, references).tolist()


def calibrate(cases: list[Case]) -> tuple[presence.Calibration, np.ndarray]:
    """The constants of all cases, and the presence of each by those of the folds that it is not in."""
    fold = np.array([c.group % FOLDS for c in cases])
    seen_not = np.zeros(len(cases))
    for k in range(FOLDS):
        calibration = fit([c for c, f in zip(cases, fold, strict=True) if f != k])
        seen_not[fold == k] = scored(calibration, [c for c, f in zip(cases, fold, strict=True) if f == k])
    return fit(cases), seen_not


def row(name: str, p: np.ndarray, truth: np.ndarray) -> str:
    """A row of a table: ROC-AUC, and the shares of present and of absent images that are told right."""
    auc = f"{roc_auc(p, truth):.3f}" if not truth.all() else ""
    absent = f"{(p[~truth] < ABSENT).mean():.0%}" if not truth.all() else ""
    return f"| {name} | {auc} | {(p[truth] >= ABSENT).mean():.0%} | {absent} |"


def tables(in_group: tuple[list[Case], np.ndarray], kept: tuple[list[Case], np.ndarray]) -> Iterator[str]:
    """Two Markdown tables: of groups, and of kept consensuses by the set of the images without the object."""
    for title, (cases, p) in (("situation", in_group), ("consensus applied to single photos", kept)):
        yield f"| {title} | ROC-AUC | present found | absent found |\n|---|---|---|---|"
        present, kinds = np.array([c.present for c in cases]), np.array([c.kind for c in cases])
        for kind in [*dict.fromkeys(kinds), "all"]:
            of = (kinds == kind) | (kind == "all")
            yield row(kind, p[of], present[of])
        sources = np.array([c.source or "" for c in cases])
        for source in [s for s in dict.fromkeys(sources) if s]:
            of = present | (sources == source)
            yield row(f"negatives of {source}", p[of], present[of])
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, required=True)
    parser.add_argument("--set", type=Path, action="append", default=[], help="another set; repeat for more")
    calibrated_weights.add_options(parser)
    args = parser.parse_args()
    path = calibrated_weights.weights_file(args.weights)
    detector = cosod.load(path, device="cpu")
    photos = Photos(detector, args.duts, args.set)
    network, rng = detector.network, np.random.default_rng(0)
    stored = {}
    both = []
    with torch.inference_mode():
        for entry, play in (("presence", in_groups), ("kept_presence", applied)):
            cases = [case for _ in range(REPEATS) for case in play(network, photos, rng)]
            found, seen_not = calibrate(cases)
            auc = roc_auc(seen_not, np.array([c.present for c in cases]))
            stored[entry] = found.as_dict() | {"auc": round(auc, 4)}
            both.append((cases, seen_not))
        print("\n".join(tables(*both)))
        kept = presence.KeptCalibration(**stored["kept_presence"])
        rule, lines = fit_rule(photos, kept, lambda *of: prototype_of(network, *of), rng)
        print("\n".join(lines))
    stored["negatives"] = rule.as_dict()
    print(stored)
    if not args.dry_run:
        # From here on outliers count less in a group, so that the maps that `cosod doctor` expects change a little.
        calibrated_weights.store(path, detector, **stored)


if __name__ == "__main__":
    main()
