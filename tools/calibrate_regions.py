"""Choose the constants that tell regions of the shared object from other regions, and keep them in a weights file.

    python tools/calibrate_regions.py --duts DUTS_class --set MSRC [--weights FILE] [--dry-run]

Plays groups of 3, 6 and 12 images, and a consensus learned from one (marked) or three images and applied to others; all
of them as they are, and with an image of another group at the side of each. The groups are the 30 of DUTS_class that no
network was trained on (`tools/held_out.txt`) and those of development sets. The constants (see
:class:`cosod.inference.region_filter.RegionClassifier`) are fitted to the regions of all images by logistic regression,
every set and situation counting as much. Several values are then added to the offset, and the logits multiplied by
several factors. For each pair, the mean S of the maps and the mean IoU of maps cut at one half are printed; the pair
with the best S, on the mean of both situations, goes into the metadata of the weights file (``regions``), whose tensors
stay.
"""

import argparse
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import calibrated_weights
import cv2
import numpy as np
import torch
from measure_default import held_out, read_truth
from torch.nn import functional as F

import cosod
from cosod.evaluation.metrics.functional import s_measure
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.negatives import unit
from cosod.inference.region_filter import RegionClassifier, differences, means, reduced, regions
from cosod.io.images import read_image
from cosod.io.tensors import to_array
from cosod.models.base import Consensus

IMAGES = 12
SIZES, REFERENCES = (3, 6, 12), (1, 3)
#: Values that are added to the fitted offset; the higher, the more is kept.
ADDED = (0.0, 0.3, 0.6, 0.9, 1.2)
#: Factors of the fitted logits; the higher, the nearer factors of regions are to 0 and 1.
SCALES = (1.0, 3.0)
#: Penalty of squared weights of standardized differences in the regression.
PENALTY = 1e-3


class CalibrationGroup(NamedTuple):
    """Images ``(H, W, 3)`` and masks ``(H, W)``."""

    images: list[np.ndarray]
    masks: list[np.ndarray]


class Seen(NamedTuple):
    """One image in one situation.

    Attributes:
        source: name of the set, and whether a distractor stands beside the image.
        situation: group or consensus that the image is segmented with.
        map: its map, reduced.
        where: the region of each pixel.
        vectors, alike: as for :func:`cosod.inference.region_filter.differences`.
        areas: shares of the cores of the regions in the image, ``(R,)``.
        shown: shares of the mask in these cores, ``(R,)``.
        mask: the mask of the object.
    """

    source: str
    situation: str
    map: np.ndarray
    where: np.ndarray
    vectors: np.ndarray
    alike: np.ndarray
    areas: np.ndarray
    shown: np.ndarray
    mask: np.ndarray


def load(data: Path, name: str) -> CalibrationGroup:
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for path in sorted((data / "images" / name).iterdir()):
        mask = read_truth(data, name, path)
        if len(images) < IMAGES and 0 < mask.mean() < 1:
            images.append(read_image(path))
            masks.append(mask)
    return CalibrationGroup(images, masks)


def concatenated(groups: list[CalibrationGroup], rng: np.random.Generator) -> list[CalibrationGroup]:
    """Each image beside one of another group, both at half the own one's width, on a side by chance."""
    found = []
    for number, group in enumerate(groups):
        images, masks = [], []
        for image, mask in zip(*group, strict=True):
            other = groups[(number + rng.integers(1, len(groups))) % len(groups)].images
            half = (image.shape[1] // 2, image.shape[0])
            both = (image, other[rng.integers(len(other))])
            own, distractor = (cv2.resize(i, half, interpolation=cv2.INTER_AREA) for i in both)
            of_own = cv2.resize(mask.astype(np.uint8), half, interpolation=cv2.INTER_NEAREST)
            side = 1 if rng.random() < 0.5 else -1
            images.append(np.concatenate([own, distractor][::side], axis=1))
            masks.append(np.concatenate([of_own, 0 * of_own][::side], axis=1) > 0)
        found.append(CalibrationGroup(images, masks))
    return found


@torch.inference_mode()
def situations(
    detector: cosod.Detector, group: CalibrationGroup, name: str, rng: np.random.Generator
) -> Iterator[Seen]:
    """The images of a group in every situation."""

    def encoded(rows) -> EncodedGroup:
        inputs = detector.inputs([group.images[row] for row in rows])
        return EncodedGroup(inputs, detector.forward.encode, detector.batch, 1 << 40)

    def see(situation: str, rows, images: EncodedGroup, consensus: Consensus, prototype: np.ndarray) -> Iterator[Seen]:
        for part, features, output in detector.pipeline.decoded(images, list(range(len(rows))), consensus):
            probability = reduced(to_array(output.saliency[:, 0]))
            maps = reduced(to_array(output.maps[:, 0]))
            for place, index in enumerate(part):
                where, cores = regions(probability[place], maps[place])
                vectors = unit(means(where, cores, to_array(features.deep[place])))
                own = group.masks[rows[index]].astype(np.float32)
                mask = cv2.resize(own, where.shape[::-1], interpolation=cv2.INTER_AREA) > 0.5
                parts = [(where == region) & cores for region in range(where.max() + 1)]
                areas = np.array([part.mean() for part in parts])
                shown = np.array([(part & mask).sum() / max(1, part.sum()) for part in parts])
                alike = vectors @ unit(prototype)
                yield Seen(name, situation, maps[place], where, vectors, alike, areas, shown, mask)

    order = rng.permutation(len(group.images))
    for size in SIZES:
        for first in range(0, len(order) - size + 1, size):
            rows = order[first : first + size]
            images = encoded(rows)
            found = detector.pipeline.consensus(images)
            yield from see(f"groups of {size}", rows, images, found.consensus, to_array(found.prototype))
    for count in REFERENCES:
        known, rows = order[:count], order[count:]
        marks = [group.masks[known[0]]] if count == 1 else None
        learned = detector.learn([group.images[row] for row in known], marks)
        what = "one marked image" if count == 1 else f"{count} images"
        yield from see(f"learned from {what}", rows, encoded(rows), learned.alone(), learned.prototype)


def fitted(seen: list[Seen]) -> RegionClassifier:
    """The constants by which the probability of a region is nearest to the share of it that shows the object."""
    several = [one for one in seen if len(one.areas) > 1]
    images = Counter(one.source for one in seen)
    apart = torch.from_numpy(np.concatenate([differences(one.vectors, one.alike) for one in several])).double()
    shown = torch.from_numpy(np.concatenate([one.shown for one in several]))
    weights = torch.from_numpy(np.concatenate([np.sqrt(one.areas) / images[one.source] for one in several]))
    scale = apart.std(dim=0)
    fit = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([fit], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        logits = fit[0] + apart / scale @ fit[1:]
        value = F.binary_cross_entropy_with_logits(logits, shown, weights / weights.sum(), reduction="sum")
        value = value + PENALTY * fit[1:].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    found = fit.detach()
    return RegionClassifier(*torch.cat([found[:1], found[1:] / scale]).numpy().round(3).tolist())


def changed(fit: RegionClassifier, scale: float, added: float) -> RegionClassifier:
    """The same constants, with something added to the offset, and all of them multiplied."""
    values = (fit.offset + added, fit.alike, fit.likeness)
    return RegionClassifier(*(round(scale * value, 3) for value in values))


def scores(seen: list[Seen], classifier: RegionClassifier | None) -> np.ndarray:
    """The mean S of the maps, and the mean IoU of maps cut at one half in per cent."""
    found = []
    for one in seen:
        map_ = one.map
        if classifier is not None and len(one.areas) > 1:
            map_ = map_ * classifier.kept(one.vectors, one.alike)[one.where]
        cut = map_ > 0.5
        iou = (cut & one.mask).sum() / max(1, (cut | one.mask).sum())
        levels, truth = (np.round(255 * np.clip(values, 0, 1)).astype(np.uint8) for values in (map_, one.mask))
        found.append((s_measure(levels, truth), 100 * iou))
    return np.mean(found, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, required=True)
    parser.add_argument("--set", type=Path, action="append", default=[], help="a development set; repeat for more")
    for option, values in (("added", ADDED), ("scale", SCALES)):
        parser.add_argument(f"--{option}", type=float, nargs="+", default=values, help="values to compare")
    calibrated_weights.add_options(parser)
    args = parser.parse_args()
    path = calibrated_weights.weights_file(args.weights)
    detector = cosod.load(path, device="cpu", keep_regions=True)
    rng = np.random.default_rng(0)
    seen: list[Seen] = []
    for data in [args.duts, *args.set]:
        names = held_out() if data == args.duts else sorted(p.name for p in (data / "images").iterdir())
        groups = [load(data, name) for name in names]
        for kind, them in (("alone", groups), ("beside a distractor", concatenated(groups, rng))):
            seen += [one for group in them for one in situations(detector, group, f"{data.name} {kind}", rng)]
    kinds = {kind: [one for one in seen if kind in one.source] for kind in ("alone", "beside")}
    fit = fitted(seen)
    print("| factor of logits | added to the offset | alone: S, IoU | beside a distractor |\n|---|---|---|---|")
    found = {}
    for scale, added in [(None, None), *itertools.product(args.scale, args.added)]:
        classifier = None if added is None else changed(fit, scale, added)
        alone, beside = (scores(them, classifier) for them in kinds.values())
        label = "all kept |" if classifier is None else f"{scale:g} | {added:g}"
        print(f"| {label} | {alone[0]:.4f}, {alone[1]:.1f} | {beside[0]:.4f}, {beside[1]:.1f} |", flush=True)
        if classifier is not None:
            found[classifier] = alone[0] + beside[0]
    best = max(found, key=lambda classifier: found[classifier])
    print("\n| situation | S, IoU before | after |\n|---|---|---|")
    for situation, source in dict.fromkeys((one.situation, one.source) for one in seen):
        of = [one for one in seen if (one.situation, one.source) == (situation, source)]
        cells = ("{:.3f}, {:.1f}".format(*scores(of, classifier)) for classifier in (None, best))
        print(f"| {situation}, {source} | {' | '.join(cells)} |")
    print(best.as_dict())
    if not args.dry_run:
        calibrated_weights.store(path, detector, regions=best.as_dict())


if __name__ == "__main__":
    main()
