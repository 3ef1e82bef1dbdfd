"""Calibrate the presence score of a network, and keep it in its weights file.

    python tools/calibrate_presence.py --duts DUTS_class --set DUTS_rest --set everyday --set MSRC [--dry-run]

Takes the 30 held-out groups of DUTS_class (`tools/held_out.txt`) and up to 30 groups of each other set, encodes 12
images of each, and plays what happens in use: groups of 4 to 12 images with 0, 20 and 40 per cent outliers, and a
consensus learned from 1 (marked) to 6 images and applied to others. Outliers are images of the other groups of the same
set that show nothing of the group: where a photo stands in several groups, it is an outlier to none of them. Three
constants are fitted by logistic regression, present and absent images weighing the same; the ROC-AUC printed and stored
is of five folds, each of whose groups the fit did not see. The constants go into the metadata of the weights file
(``presence``), whose tensors stay as they are.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from measure_default import held_out

import cosod
from cosod import doctor, models
from cosod.inference import presence
from cosod.inference.consensus_file import marked_attention
from cosod.io.images import read_image
from cosod.io.tensors import shrink, to_batch
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork, Features
from cosod.models.checkpoints import safetensors_file

GROUPS, IMAGES, FOLDS, REPEATS = 30, 12, 5, 2
SIZES, SHARES, REFERENCES = (4, 8, 12), (0.0, 0.2, 0.4), (1, 2, 3, 6)


class Encoded(NamedTuple):
    """F of the images of a group, ``(N, C, H, W)``, and their masks as attention, ``(N, 1, H, W)``.

    ``photos`` are all photos of the group, by name: none of them is an outlier to it.
    """

    source: str
    deep: torch.Tensor
    marks: torch.Tensor
    names: list[str]
    photos: frozenset[str]


class Case(NamedTuple):
    """One image in one situation: in which kind, of which group, and whether the object is there."""

    kind: str
    group: int
    similarity: float
    references: float
    present: bool


@torch.inference_mode()
def encode(detector: cosod.Detector, duts: Path, group: str) -> Encoded:
    images, marks, names = [], [], []
    paths = sorted((duts / "images" / group).iterdir())
    for path in paths:
        mask = cv2.imread(str(duts / "gts" / group / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE) > 127
        if len(images) < IMAGES and 0 < mask.mean() < 1:
            images.append(shrink(read_image(path), detector.size))
            marks.append(mask)
            names.append(path.stem)
    network = detector.network
    parts = [images[i : i + 8] for i in range(0, len(images), 8)]
    deep = torch.cat([network.encode(to_batch(p, network.mean, network.std, detector.device)).deep for p in parts])
    attention = [marked_attention(m, m.shape, deep.shape[-2:], m.size) for m in marks]
    return Encoded(duts.name, deep.cpu(), torch.stack(attention), names, frozenset(path.stem for path in paths))


def in_groups(network: CoSaliencyNetwork, groups: list[Encoded], rng: np.random.Generator):
    """Cases of groups with outliers, each image compared with the others."""
    for number, group in enumerate(groups):
        for size in SIZES:
            for share in SHARES:
                own = rng.permutation(len(group.deep))[: max(2, round(size * (1 - share)))]
                outliers = _outliers(groups, number, round(len(own) * share / (1 - share)), rng)
                deep = torch.cat([group.deep[own], *outliers])
                vectors = presence.pooled(deep, network.consensus(Features((), deep, (0, 0))).attention)
                found = presence.resemblance(vectors, torch.ones(len(deep)))
                for i, (alike, references) in enumerate(zip(*(f.tolist() for f in found), strict=True)):
                    yield Case(f"in groups, {share:.0%} outliers", number, alike, references, i < len(own))


def applied(network: CoSaliencyNetwork, groups: list[Encoded], rng: np.random.Generator):
    """Cases of a learned consensus, applied to other images of its group and to as many outliers."""
    for number, group in enumerate(groups):
        for count in REFERENCES:
            order = rng.permutation(len(group.deep))
            known, new = order[:count], order[count:]
            deep = group.deep[known]
            if count == 1:
                attention, kind = group.marks[known], "one marked image"
            else:
                attention, kind = network.consensus(Features((), deep, (0, 0))).attention, f"{count} images"
            prototype = presence.pooled(deep, attention).mean(dim=0)
            seen = torch.cat([group.deep[new], *_outliers(groups, number, len(new), rng)])
            for i, alike in enumerate(presence.similarity(seen, prototype).tolist()):
                yield Case(f"learned from {kind}", number, alike, float(count), i < len(new))


def _outliers(groups: list[Encoded], own: int, count: int, rng: np.random.Generator) -> list[torch.Tensor]:
    others = [
        (g, i)
        for g, group in enumerate(groups)
        if g != own and group.source == groups[own].source
        for i, name in enumerate(group.names)
        if name not in groups[own].photos
    ]
    return [groups[g].deep[i : i + 1] for g, i in (others[k] for k in rng.permutation(len(others))[:count])]


def fit(cases: list[Case]) -> presence.Calibration:
    """Logistic regression; present and absent images weigh the same."""
    x = torch.tensor([[c.similarity, 1 / c.references] for c in cases], dtype=torch.float64)
    y = torch.tensor([c.present for c in cases], dtype=torch.float64)
    slope, few, offset = logistic(x, y, torch.where(y > 0.5, 0.5 / y.mean(), 0.5 / (1 - y.mean())))
    return presence.Calibration(slope, offset, few)


def logistic(x: torch.Tensor, y: torch.Tensor, importance: torch.Tensor) -> list[float]:
    """Weights of the columns of x ``(N, K)`` and the constant term, by Newton's method, to four digits.

    Args:
        x, y: float64; y ``(N,)`` in {0, 1}.
        importance: of the rows, ``(N,)``.
    """
    x = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
    importance = importance / importance.sum()
    w = x.new_zeros(x.shape[1])
    for _ in range(30):
        p = torch.sigmoid(x @ w)
        gradient = x.T @ (importance * (p - y)) + 1e-5 * w
        curvature = (x * (importance * p * (1 - p))[:, None]).T @ x + 1e-5 * torch.eye(len(w), dtype=x.dtype)
        w = w - torch.linalg.solve(curvature, gradient)
    return [round(float(value), 4) for value in w]


def scored(calibration: presence.Calibration, cases: list[Case]) -> list[float]:
    alike, references = (torch.tensor([getattr(c, name) for c in cases]) for name in ("similarity", "references"))
    return calibration.presence(alike, references).tolist()


def roc_auc(scores: np.ndarray, present: np.ndarray) -> float:
    """Share of pairs of a present and an absent image that are in the right order, ties counting half."""
    below = np.searchsorted(np.sort(scores[~present]), scores[present], side="left")
    upto = np.searchsorted(np.sort(scores[~present]), scores[present], side="right")
    return float((below + upto).mean() / 2 / (~present).sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, required=True)
    parser.add_argument("--set", type=Path, action="append", default=[], help="another set; repeat for more")
    parser.add_argument("--weights", type=Path, help="the package's default weights by default")
    parser.add_argument("--dry-run", action="store_true", help="print, and leave the weights file as it is")
    args = parser.parse_args()
    path = args.weights or registry.weights_file("gconet_plus_mobile")
    detector = cosod.load(path, device="cpu")
    groups = [encode(detector, args.duts, name) for name in held_out()]
    for other in args.set:
        names = sorted(path.name for path in (other / "images").iterdir() if path.name != "singles")
        groups += [encode(detector, other, name) for name in names[:: max(1, len(names) // GROUPS)][:GROUPS]]
    rng = np.random.default_rng(0)
    with torch.inference_mode():
        plays = (play(detector.network, groups, rng) for _ in range(REPEATS) for play in (in_groups, applied))
        cases = [case for play in plays for case in play]
    seen_not = np.zeros(len(cases))
    fold = np.array([c.group % FOLDS for c in cases])
    for k in range(FOLDS):
        calibration = fit([c for c, f in zip(cases, fold, strict=True) if f != k])
        seen_not[fold == k] = scored(calibration, [c for c, f in zip(cases, fold, strict=True) if f == k])
    present, kinds = np.array([c.present for c in cases]), np.array([c.kind for c in cases])
    print("| situation | ROC-AUC | present found | absent found |\n|---|---|---|---|")
    for kind in [*dict.fromkeys(kinds), "all"]:
        of = (kinds == kind) | (kind == "all")
        p, truth = seen_not[of], present[of]
        auc = f"{roc_auc(p, truth):.3f}" if not truth.all() else ""
        absent = f"{(p[~truth] < presence.ABSENT).mean():.0%}" if not truth.all() else ""
        print(f"| {kind} | {auc} | {(p[truth] >= presence.ABSENT).mean():.0%} | {absent} |")
    stored = fit(cases).as_dict() | {"auc": round(roc_auc(seen_not, present), 4)}
    print(stored)
    if not args.dry_run:
        safetensors_file.annotate(path, presence=stored)
        # From here on outliers count less in a group, so that the maps that `cosod doctor` expects change a little.
        if "check" in detector.network.extra:
            safetensors_file.annotate(path, check=doctor.fingerprint(models.load(path)))


if __name__ == "__main__":
    main()
