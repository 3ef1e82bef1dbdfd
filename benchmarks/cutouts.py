"""What masks and cut-outs are worth: which threshold, which steps, and how exact alpha is.

    python benchmarks/cutouts.py
    python benchmarks/cutouts.py --set DUTS_class/images DUTS_class/gts --only tools/held_out.txt --limit 6 \\
        --set MSRC/images MSRC/gts -o benchmarks/RESULTS.md

Without arguments: the examples, whose masks are exact, and composites of a red object on green, whose alpha is known.
``--set`` adds groups with masks, MASKS/<group>/<image>.png. Each set gives mean IoU with the truth of the map's mask at
several thresholds, and of the steps of a cut-out at the threshold of masks. Sets that a model is tested on are no place
to choose a threshold. Images whose truth is empty are left out, and those of which the network calls the object absent
are counted.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from results import table, write_section

import cosod
from cosod.apps.absence import ABSENT
from cosod.apps.cutout.cutout import CutoutOptions, cut_out
from cosod.io import find_groups, read_image
from cosod.postprocess.object_mask import object_mask
from cosod.postprocess.threshold import MASK_THRESHOLD

THRESHOLDS = ("adaptive", "coseg", 0.2, 0.3, 0.4, 0.5, 0.6)
METHODS = ("threshold", "grabcut")
#: A mask that overlaps with the truth less is said to have lost the object.
LOST = 0.1
#: Pixels on each side of the truth's outline that count as its edge.
EDGE = 4
EXAMPLES = Path(__file__).parent.parent / "examples"


class Photo(NamedTuple):
    """An image ``(H, W, 3)``, the truth and the map ``(H, W)`` in [0, 1], and presence."""

    image: np.ndarray
    truth: np.ndarray
    map: np.ndarray
    presence: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--set", nargs=2, type=Path, action="append", default=[], metavar=("IMAGES", "MASKS"))
    parser.add_argument("--only", type=Path, help="file of group names; of sets that have these, no others are taken")
    parser.add_argument("--limit", type=int, help="images of each group, the first ones")
    parser.add_argument("--model", default="default", help="a network or weights file")
    parser.add_argument("-o", "--output", type=Path, help="write the tables into this file of results")
    options = parser.parse_args()
    detector = cosod.load(options.model)
    only = set(options.only.read_text().split()) if options.only else set()
    text = [f"`python benchmarks/cutouts.py` with the model `{options.model}`; IoU unless said otherwise."]
    for images, masks in [(EXAMPLES / "photos", EXAMPLES / "masks"), *options.set]:
        name = images.parent.name if images.name in ("images", "photos") else images.name
        text.append(f"### {name}\n\n{measured(list(photos(detector, images, masks, only, options.limit)))}")
    text.append(f"### Composites of red on green\n\n{composites()}")
    print("\n\n".join(text))
    if options.output:
        write_section(options.output, "cutouts", "Masks and cut-outs", "\n\n".join(text))


def photos(detector: cosod.Detector, images: Path, masks: Path, only: set[str], limit: int | None) -> Iterator[Photo]:
    """The photos of a set that have a truth, with what the detector finds in their groups."""
    groups = find_groups([images])
    if only & {group.name for group in groups}:
        groups = [group for group in groups if group.name in only]
    for group in groups:
        files = group.images[:limit]
        for result in detector.results(files):
            truth = masks / group.name / f"{group.stems[result.index]}.png"
            if truth.exists() and (exact := read_image(truth)[..., 0] / np.float32(255)).max() > 0.5:
                yield Photo(read_image(files[result.index]), exact, result.map, result.presence)


def measured(found: list[Photo]) -> str:
    """The tables of a set, in Markdown."""
    rows = []
    for threshold in THRESHOLDS:
        scores = np.array([iou(object_mask(photo.map, threshold), photo.truth > 0.5) for photo in found])
        rows.append((str(threshold), f"{scores.mean():.4f}", f"{(scores < LOST).mean():.1%}"))
    steps = []
    for method in METHODS:
        alphas = [alpha(photo.image, photo.map, method) for photo in found]
        overlaps = [iou(a > 0.5, photo.truth > 0.5) for a, photo in zip(alphas, found, strict=True)]
        errors = [np.abs(a - p.truth)[edge(p.truth)].mean() for a, p in zip(alphas, found, strict=True)]
        steps.append((method, f"{np.mean(overlaps):.4f}", f"{np.mean(errors):.4f}"))
    absent = np.mean([photo.presence is not None and photo.presence < ABSENT for photo in found])
    head = f"{len(found)} images, {absent:.1%} of them called absent."
    thresholds = table(("threshold", "mask", f"under {LOST}"), rows)
    return "\n\n".join((head, thresholds, table(("cut-out", "IoU", f"alpha's error within {EDGE} px"), steps)))


def alpha(image: np.ndarray, saliency: np.ndarray, method: str) -> np.ndarray:
    """Alpha of the cut-out in [0, 1], ``(H, W)``."""
    return cut_out(image, saliency, CutoutOptions(method, MASK_THRESHOLD))[..., 3] / np.float32(255)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Overlap of two bool masks."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def edge(truth: np.ndarray) -> np.ndarray:
    """Pixels within :data:`EDGE` of the outline of a truth ``(H, W)``."""
    kernel = np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)
    inside = (truth > 0.5).astype(np.uint8)
    return cv2.dilate(inside, kernel) != cv2.erode(inside, kernel)


def composite(blur: float, side: int) -> tuple[Photo, np.ndarray]:
    """A red object with lobes and a hole on green, its edge blurred by ``blur`` pixels; and the object's color."""
    red, green = np.array((200, 30, 30), np.float32), np.array((40, 160, 50), np.float32)
    height, width, fine = side * 3 // 4, side, 4
    angles = np.linspace(0, 2 * np.pi, 900, endpoint=False)
    radii = height * (0.3 + 0.05 * np.sin(5 * angles))
    points = np.stack([width / 2 + radii * np.cos(angles), height / 2 + radii * np.sin(angles)], 1)
    drawn = np.zeros((height * fine, width * fine), np.uint8)
    cv2.fillPoly(drawn, [(points * fine).round().astype(np.int32)], 255)
    cv2.circle(drawn, (width * fine // 2, height * fine // 2), height * fine // 9, 0, -1)
    truth: np.ndarray = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if blur:
        truth = cv2.GaussianBlur(truth, (0, 0), blur)
    image = red * truth[..., None] + green * (1 - truth[..., None])
    small = cv2.resize(truth, (80, 60), interpolation=cv2.INTER_AREA)
    saliency = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).clip(0, 1)
    return Photo(image.round().astype(np.uint8), truth, saliency, None), red


def composites() -> str:
    """Table of alpha's error and of green that is left, over pixels that the object covers in part."""
    rows = []
    for side in (640, 2560):
        for blur in (0.0, 1.5):
            photo, color = composite(blur, side)
            for method in METHODS:
                found = cut_out(photo.image, photo.map, CutoutOptions(method, MASK_THRESHOLD))
                part = (photo.truth > 0.02) & (photo.truth < 0.98)
                error = np.abs(found[..., 3] / 255 - photo.truth)[part].mean()
                left = np.abs(found[..., 1] - color[1])[part & (found[..., 3] > 25)].mean()
                rows.append((f"{side} px, blur {blur} px", method, f"{error:.4f}", f"{left:.1f}"))
    return table(("composite", "cut-out", "alpha's error", "green's error, of 255"), rows, words=2)


if __name__ == "__main__":
    main()
