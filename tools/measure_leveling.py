"""Figures for leveling: photos of one scene, and saved consensuses, beside photos each by itself.

    python tools/measure_leveling.py --duts DUTS_class --set MSRC -o runs/leveling [--model NAME] [--leveling 0]

Makes two sets of groups whose photos show one scene. In "views", a group consists of six views of one photo: crops of
60 to 100 per cent of each side that show most of the object, turned a little, mirrored or not, and of other brightness.
In "rows", it consists of four successive photos of a set whose numbers say in which order they were taken (not of
DUTS_class). "Applied" is every set as it is, where a consensus is learned from half of the photos of a group, at most
eight, and applied to as many others. A group must not be worse than its photos by themselves, although they share all.

For each set, the tool prints how well the background matches that of the other photos (see
:mod:`cosod.inference.leveling`), and the mean S and IoU of maps cut at one half. ``--leveling`` sets the leveling of
all groups and of consensuses, instead of what is usual.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from choose_gate import score
from measure_default import held_out, linked, read_truth

import cosod
from cosod.errors import SingleImageWarning
from cosod.evaluation.checkpoint_selection import in_order
from cosod.inference import group_consensus, leveling, pipeline
from cosod.io.images import read_image

VIEWS, ROW = 6, 4
#: Maximum number of photos that a consensus is learned from.
LEARNED = 8
#: Smallest share of the object that a view shows, and the number of tries after which less will do.
SHOWN, TRIES = 0.7, 400
#: Each so many photos of a group, there is one of which views are made.
EVERY = 8


def views(photo: Path, mask: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields views of a photo, and the masks of its object in them."""
    image = read_image(photo)
    (height, width), levels = mask.shape, mask.astype(np.uint8) * 255
    tries = made = 0
    while made < VIEWS:
        tries += 1
        share = rng.uniform(0.65, 1)
        h, w = (int(side * share * rng.uniform(0.93, 1)) for side in (height, width))
        top, left = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        turned = cv2.getRotationMatrix2D((left + w / 2, top + h / 2), rng.uniform(-6, 6), 1 / 0.97)
        turned[:, 2] -= (left, top)
        shown = cv2.warpAffine(levels, turned, (w, h), flags=cv2.INTER_NEAREST) > 0
        if shown.sum() < SHOWN * mask.sum() and tries < TRIES:
            continue
        view = cv2.warpAffine(image, turned, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        light = rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, 3)
        step = -1 if rng.random() < 0.3 else 1
        yield (view * light).clip(0, 255).astype(np.uint8)[:, ::step], shown[:, ::step]
        made += 1


def make_views(data: Path, output: Path) -> Path:
    """Makes groups of views of photos of a set; a set that is there stays."""
    if output.exists():
        return output
    number = 0
    for group in sorted(path.name for path in (data / "images").iterdir()):
        for photo in sorted((data / "images" / group).iterdir())[EVERY // 2 :: EVERY]:
            mask = read_truth(data, group, photo)
            if not mask.any():
                continue
            folders = [output / part / f"{group}_{photo.stem}" for part in ("images", "gts")]
            for folder in folders:
                folder.mkdir(parents=True)
            for view, (image, shown) in enumerate(views(photo, mask, np.random.default_rng(number))):
                cv2.imwrite(str(folders[0] / f"{view}.jpg"), image[..., ::-1])
                cv2.imwrite(str(folders[1] / f"{view}.png"), shown.astype(np.uint8) * 255)
            number += 1
    return output


def make_rows(data: Path, output: Path) -> Path:
    """Makes groups of successive photos of a set, by links; a set that is there stays."""
    if output.exists():
        return output
    for group in sorted(path.name for path in (data / "images").iterdir()):
        photos = sorted((data / "images" / group).iterdir(), key=lambda path: in_order(path.name))
        for first in range(0, len(photos) - ROW + 1, ROW):
            for photo in photos[first : first + ROW]:
                mask = data / "gts" / group / f"{photo.stem}.png"
                for part, path in (("images", photo), ("gts", mask)):
                    link = output / part / f"{group}_{first:02d}" / path.name
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(path.resolve())
    return output


def together(detector: cosod.Detector, photos: Sequence[Path]) -> tuple[Sequence[Path], list[np.ndarray]]:
    """The photos of a group and their maps."""
    return photos, detector.segment(photos)


def applied(detector: cosod.Detector, photos: Sequence[Path]) -> tuple[Sequence[Path], list[np.ndarray]]:
    """Some photos of a group and their maps by a consensus that was learned from as many others."""
    half = min(LEARNED, len(photos) // 2)
    consensus, others = detector.learn(photos[:half]), photos[half : 2 * half]
    return others, [map_ for _, map_ in detector.apply(consensus, others)]


def measured(detector: cosod.Detector, data: Path, segment: Callable) -> np.ndarray:
    """IoU and S of each group, and of its photos each by itself, ``(groups, 2, 2)``."""
    figures = []
    for folder in sorted((data / "images").iterdir()):
        photos, maps = segment(detector, sorted(folder.iterdir()))
        masks = [read_truth(data, folder.name, photo) for photo in photos]
        both = (maps, [detector.segment([photo])[0] for photo in photos])
        scores = [[score(*pair)[::2] for pair in zip(them, masks, strict=True)] for them in both]
        figures.append(np.mean(scores, axis=1))
    return np.array(figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, help="DUTS_class, whose held-out groups are measured")
    parser.add_argument("--set", type=Path, action="append", default=[], help="another set; repeat for more")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--leveling", type=float, help="leveling of all groups and consensuses")
    args = parser.parse_args()
    sources = {data.name: data for data in args.set}
    if args.duts:
        sources["30 groups held out"] = linked(args.duts, held_out(), args.output / "held_out")
    sets = []
    for name, data in sources.items():
        if data in args.set:
            sets.append((f"{name}, rows", make_rows(data, args.output / f"{data.name}-rows"), together))
        sets.append((f"{name}, views", make_views(data, args.output / f"{data.name}-views"), together))
        sets.append((f"{name}, applied", data, applied))
    matches: list[float] = []

    def watched(objectness: np.ndarray, match: np.ndarray) -> float:
        if match.any():  # not for a single photo
            matches.append(leveling.background_match(objectness, match))
        return leveling.scene_leveling(objectness, match) if args.leveling is None else args.leveling

    group_consensus.scene_leveling = watched
    if args.leveling is not None:
        pipeline.KEPT = args.leveling
    warnings.simplefilter("ignore", SingleImageWarning)
    detector = cosod.load(args.model, device="cpu")
    print("| set | groups | background | S, IoU | by themselves | at least as good | worst |")
    print("|---|---|---|---|---|---|---|")
    for name, data, segment in sets:
        matches.clear()
        figures, alone = measured(detector, data, segment).swapaxes(0, 1)
        low, high = np.percentile(matches, (10, 90))
        apart = 100 * (figures - alone)[:, 0]
        cells = [f"{s:.4f}, {100 * iou:.1f}" for iou, s in (figures.mean(axis=0), alone.mean(axis=0))]
        kept = f"{(apart >= 0).mean():.0%} | {apart.min():.1f}"
        print(f"| {name} | {len(figures)} | {low:.2f} to {high:.2f} | {' | '.join(cells)} | {kept} |", flush=True)


if __name__ == "__main__":
    main()
