"""Fit what tells regions of the shared object from other regions, and keep it in a network's weights file.

    python tools/calibrate_regions.py --duts DUTS_class [--weights FILE] [--dry-run]

Plays groups of 3, 6 and 12 images, and a consensus learned from one (marked) or three images and applied to others;
all of them as they are, and with an image of another group at the side of each. What the network marks is cut into
regions, and of each is known whether the masks say that most of it is the shared object. A logistic regression (see
:class:`cosod.inference.region_filter.Judge`) is fitted on 60 groups of DUTS_class that the network was trained on; the
table printed is of the 30 that it was not (`tools/held_out.txt`): mean IoU with the masks, maps cut at one half, before
and after. Some ten minutes on two cores; the constants go into the metadata of the weights file (``regions``), whose
tensors stay.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from calibrate_presence import logistic
from measure_default import held_out
from torch import Tensor

import cosod
from cosod import doctor, models
from cosod.inference.feature_cache import EncodedGroup
from cosod.inference.region_filter import CORE, Judge, kept, reduced, regions, traits
from cosod.io.images import read_image
from cosod.io.prefetch import Inputs
from cosod.io.tensors import shrink
from cosod.models import registry
from cosod.models.base import Consensus
from cosod.models.checkpoints import safetensors_file

GROUPS, IMAGES = 60, 12
SIZES, REFERENCES = (3, 6, 12), (1, 3)


class Group(NamedTuple):
    """Images ``(S, S, 3)`` and masks ``(S, S)``."""

    images: list[np.ndarray]
    masks: list[np.ndarray]


class Seen(NamedTuple):
    """One image in one situation: its map ``(1, S, S)``, F ``(C, h, w)``, the prototype ``(C,)`` and its mask."""

    situation: str
    map: Tensor
    deep: Tensor
    prototype: Tensor
    mask: np.ndarray


def load(duts: Path, name: str, size: int) -> Group:
    images, masks = [], []
    for path in sorted((duts / "images" / name).iterdir()):
        mask = cv2.imread(str(duts / "gts" / name / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        mask = cv2.resize(mask, (size, size), interpolation=cv2.INTER_AREA) > 127
        if len(images) < IMAGES and 0 < mask.mean() < 1:
            images.append(shrink(read_image(path), size))
            masks.append(mask)
    return Group(images, masks)


def joined(groups: list[Group], rng: np.random.Generator) -> list[Group]:
    """Each image beside one of another group, both at half their width, on a side by chance."""
    found = []
    for number, group in enumerate(groups):
        images, masks = [], []
        for image, mask in zip(*group, strict=True):
            other = groups[(number + rng.integers(1, len(groups))) % len(groups)].images
            half = (image.shape[1] // 2, image.shape[0])
            own, strange = (cv2.resize(i, half, interpolation=cv2.INTER_AREA) for i in (image, rng.choice(other)))
            of_own = cv2.resize(mask.astype(np.uint8), half, interpolation=cv2.INTER_NEAREST)
            side = 1 if rng.random() < 0.5 else -1
            images.append(np.concatenate([own, strange][::side], axis=1))
            masks.append(np.concatenate([of_own, 0 * of_own][::side], axis=1) > 0)
        found.append(Group(images, masks))
    return found


@torch.inference_mode()
def situations(detector: cosod.Detector, group: Group, name: str, rng: np.random.Generator) -> Iterator[Seen]:
    """The images of a group in every situation."""

    def encoded(rows) -> EncodedGroup:
        inputs = Inputs([group.images[row] for row in rows], detector.size, detector.max_pixels, None)
        return EncodedGroup(inputs, detector._encode, detector.batch, 1 << 40)

    def see(situation: str, rows, images: EncodedGroup, consensus: Consensus, prototype: Tensor) -> Iterator[Seen]:
        for part, features, output in detector._decoded(images, list(range(len(rows))), consensus):
            for index, map_, deep in zip(part, output.maps, features.deep, strict=True):
                yield Seen(f"{situation}, {name}", map_, deep, prototype, group.masks[rows[index]])

    order = rng.permutation(len(group.images))
    for size in SIZES:
        for first in range(0, len(order) - size + 1, size):
            rows = order[first : first + size]
            images = encoded(rows)
            found = detector._shared(images)
            yield from see(f"groups of {size}", rows, images, found.consensus, found.prototype)
    for count in REFERENCES:
        known, rows = order[:count], order[count:]
        marks = [group.masks[known[0]]] if count == 1 else None
        learned = detector.learn([group.images[row] for row in known], marks)
        what = "one marked image" if count == 1 else f"{count} images"
        yield from see(f"learned from {what}", rows, encoded(rows), learned.alone(), learned.prototype)


def fit(seen: list[Seen]) -> Judge:
    """Logistic regression; a region weighs as the square root of its size."""
    x, y, importance = [], [], []
    for one in seen:
        saliency = reduced(one.map[None])[0, 0].numpy()
        where = regions(saliency)
        if where.max() > 0:  # where there is one only nothing is decided
            cores = np.where(saliency > CORE, where, -1)
            mask = cv2.resize(one.mask.astype(np.float32), where.shape, interpolation=cv2.INTER_AREA)
            x.append(traits(saliency, where, one.deep, one.prototype))
            y += [mask[cores == region].mean() > 0.5 for region in range(len(x[-1]))]
            importance += [(cores == region).mean() ** 0.5 for region in range(len(x[-1]))]
    x, y = torch.tensor(np.concatenate(x), dtype=torch.float64), torch.tensor(y).double()
    print(f"{len(y)} regions in images with more than one, {y.mean():.0%} of them of the shared object")
    return Judge(*logistic(x, y, torch.tensor(importance).double()))


def iou(seen: list[Seen], judge: Judge | None) -> float:
    found = []
    for one in seen:
        map_ = one.map
        if judge:
            map_ = map_ * kept(map_[None], one.deep[None], one.prototype, judge)[0]
        mask = map_[0].numpy() > 0.5
        found.append((mask & one.mask).sum() / (mask | one.mask).sum())
    return float(np.mean(found))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="the package's default weights by default")
    parser.add_argument("--dry-run", action="store_true", help="print, and leave the weights file as it is")
    args = parser.parse_args()
    path = args.weights or registry.weights_file("gconet_plus_mobile")
    detector = cosod.load(path, device="cpu", keep_regions=True)
    every = sorted(folder.name for folder in (args.duts / "images").iterdir())
    trained = [name for name in every if name not in held_out()]
    rng = np.random.default_rng(0)

    def play(names: list[str]) -> list[Seen]:
        groups = [load(args.duts, name, detector.size) for name in names]
        kinds = (("alone", groups), ("with strangers beside", joined(groups, rng)))
        return [one for kind, them in kinds for group in them for one in situations(detector, group, kind, rng)]

    judge = fit(play(trained[:: len(trained) // GROUPS][:GROUPS]))
    print("| situation | IoU before | after |\n|---|---|---|")
    seen = play(held_out())
    for situation in dict.fromkeys(one.situation for one in seen):
        of = [one for one in seen if one.situation == situation]
        print(f"| {situation} | {100 * iou(of, None):.1f} | {100 * iou(of, judge):.1f} |")
    print(judge.as_dict())
    if not args.dry_run:
        safetensors_file.annotate(path, regions=judge.as_dict())
        if "check" in detector.network.extra:  # what `cosod doctor` expects
            safetensors_file.annotate(path, check=doctor.fingerprint(models.load(path)))


if __name__ == "__main__":
    main()
