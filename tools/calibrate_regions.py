"""Choose the constants that tell regions of the shared object from other regions, and keep them in a weights file.

    python tools/calibrate_regions.py --duts DUTS_class --set MSRC [--weights FILE] [--dry-run]

Plays groups of 3, 6 and 12 images, and a consensus learned from one (marked) or three images and applied to others; all
of them as they are, and with an image of another group at the side of each. The groups are the 30 of DUTS_class that no
network was trained on (`tools/held_out.txt`) and those of development sets. For every pair of constants (see
:class:`cosod.inference.region_filter.RegionClassifier`) it prints the mean IoU of maps cut at one half; the pair with
the best mean over both situations goes into the metadata of the weights file (``regions``), whose tensors stay. Of
pairs whose means are the same to a tenth of a point, it is that with the best mean without distractors.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from measure_default import held_out, read_truth

import cosod
from cosod import doctor, models
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.region_filter import RegionClassifier, cosines, reduced, regions
from cosod.io.images import read_image
from cosod.io.tensors import to_array
from cosod.models import registry
from cosod.models.base import Consensus
from cosod.models.checkpoints import safetensors_file

IMAGES = 12
SIZES, REFERENCES = (3, 6, 12), (1, 3)
SHARPNESS, MARGINS = (20.0, 40.0), (0.1, 0.15, 0.2, 0.25, 0.3)


class CalibrationGroup(NamedTuple):
    """Images ``(H, W, 3)`` and masks ``(H, W)``."""

    images: list[np.ndarray]
    masks: list[np.ndarray]


class Seen(NamedTuple):
    """One image in one situation: its map, reduced, the region of each pixel, their cosines, and its mask."""

    situation: str
    map: np.ndarray
    where: np.ndarray
    cosines: np.ndarray
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
                where, cores = regions(probability[place])
                alike = cosines(where, cores, to_array(features.deep[place]), prototype)
                mask = cv2.resize(
                    group.masks[rows[index]].astype(np.float32), where.shape[::-1], interpolation=cv2.INTER_AREA
                )
                yield Seen(f"{situation}, {name}", maps[place], where, alike, mask > 0.5)

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


def iou(seen: list[Seen], classifier: RegionClassifier | None) -> float:
    found = []
    for one in seen:
        map_ = one.map
        if classifier is not None and len(one.cosines) > 1:
            map_ = map_ * classifier.kept(one.cosines)[one.where]
        mask = map_ > 0.5
        found.append((mask & one.mask).sum() / max(1, (mask | one.mask).sum()))
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, required=True)
    parser.add_argument("--set", type=Path, action="append", default=[], help="a development set; repeat for more")
    parser.add_argument("--weights", type=Path, help="the package's default weights by default")
    for option, values in (("sharpness", SHARPNESS), ("margin", MARGINS)):
        parser.add_argument(f"--{option}", type=float, nargs="+", default=values, help="values to compare")
    parser.add_argument("--dry-run", action="store_true", help="print, and leave the weights file as it is")
    args = parser.parse_args()
    path = args.weights or registry.weights_file("gconet_plus_mobile")
    assert path is not None  # its weights come with the package
    detector = cosod.load(path, device="cpu", keep_regions=True)
    rng = np.random.default_rng(0)
    seen: list[Seen] = []
    for data in [args.duts, *args.set]:
        names = held_out() if data == args.duts else sorted(p.name for p in (data / "images").iterdir())
        groups = [load(data, name) for name in names]
        for kind, them in (("alone", groups), ("beside a distractor", concatenated(groups, rng))):
            seen += [one for group in them for one in situations(detector, group, f"{data.name} {kind}", rng)]
    kinds = {kind: [one for one in seen if kind in one.situation] for kind in ("alone", "beside")}
    pairs = [RegionClassifier(*pair) for pair in itertools.product(args.sharpness, args.margin)]
    print("| sharpness | margin | alone | beside a distractor |\n|---|---|---|---|")
    found = {}
    for classifier in [None, *pairs]:
        means = [100 * iou(them, classifier) for them in kinds.values()]
        label = "all kept |" if classifier is None else f"{classifier.sharpness:g} | {classifier.margin:g}"
        print(f"| {label} | {means[0]:.1f} | {means[1]:.1f} |", flush=True)
        if classifier is not None:
            # Of pairs that differ by less than is printed, that which takes less from groups without distractors.
            found[classifier] = (round(float(np.mean(means)), 1), means[0])
    best = max(found, key=lambda classifier: found[classifier])
    print("\n| situation | IoU before | after |\n|---|---|---|")
    for situation in dict.fromkeys(one.situation for one in seen):
        of = [one for one in seen if one.situation == situation]
        print(f"| {situation} | {100 * iou(of, None):.1f} | {100 * iou(of, best):.1f} |")
    print(best.as_dict())
    if not args.dry_run:
        safetensors_file.annotate(path, regions=best.as_dict())
        if "check" in detector.network.extra:  # what `cosod doctor` expects
            safetensors_file.annotate(path, check=doctor.fingerprint(models.load(path)))


if __name__ == "__main__":
    main()
