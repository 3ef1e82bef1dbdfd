"""What outliers in a group cost, and what it brings that they count less in the consensus.

    python benchmarks/outliers.py --duts DUTS_class [--groups 30] [--weights FILE]

Of each held-out group of DUTS_class, 10 images are segmented with 0, 20 and 40 per cent outliers among them (images of
the other held-out groups): with all images counting the same, with presence as weight (what ``Detector`` does), and
with the outliers' weights set to zero by the truth, which is as far as weights can get. S, MAE and J (IoU at one
half) are means over the group's own images; false positives are the share of the outliers' pixels above one half,
and the same once maps of images whose presence is below one half are blanked; the last column is the share of own
images that this blanks.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from large_groups import truth

import cosod
from cosod.apps.absence import ABSENT
from cosod.evaluation.metrics.functional import mae, precision_jaccard, s_measure
from cosod.inference import presence
from cosod.io.images import read_image
from cosod.io.resizing import shrink
from cosod.io.tensors import to_batch
from cosod.models.base import Consensus, Features

HELD_OUT = Path(__file__).parents[1] / "tools" / "held_out.txt"
IMAGES = 10
SHARES = (0.0, 0.2, 0.4)
WAYS = ("all the same", "presence", "truth")


def encode(detector: cosod.Detector, duts: Path, group: str) -> tuple[list[Features], list[np.ndarray]]:
    """Features of each image by itself, and the masks at the working size."""
    network, found, masks = detector.network, [], []
    for path in sorted((duts / "images" / group).iterdir())[:IMAGES]:
        image = shrink(read_image(path), detector.size)
        found.append(network.encode(to_batch([image], network.mean, network.std, detector.device)))
        masks.append(truth(path, detector.size))
    return found, masks


def concatenated(images: list[Features]) -> Features:
    skips = tuple(torch.cat(level) for level in zip(*(i.skips for i in images), strict=True))
    return Features(skips, torch.cat([i.deep for i in images]), images[0].size)


def weighted(detector: cosod.Detector, features: Features, way: str, own: int) -> tuple[Consensus, list[float]]:
    """The consensus of a group by one of :data:`WAYS`, and each image's presence."""
    network = detector.network
    consensus = network.consensus(features._replace(skips=()))
    calibration, attention = detector.calibration, consensus.attention
    assert calibration is not None and attention is not None  # main refuses other networks
    vectors = presence.pooled(features.deep, attention)
    found = presence.group_presence(calibration, vectors)
    present = (torch.arange(len(vectors), device=vectors.device) < own).float()
    weights = {"presence": found.clamp_min(presence.FLOOR), "truth": present}.get(way)
    return network.gather(features, attention, weights), found.tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--duts", type=Path, required=True)
    parser.add_argument("--groups", type=int, default=30)
    parser.add_argument("--weights", default="default")
    args = parser.parse_args()
    detector = cosod.load(args.weights, device="cpu")
    if detector.calibration is None:
        raise SystemExit("these weights are not calibrated: run tools/calibrate_presence.py first")
    with torch.inference_mode():
        groups = [encode(detector, args.duts, name) for name in HELD_OUT.read_text().split()[: args.groups]]
        print("| outliers | weights | S | MAE | J | false positives | after blanking | own blanked |")
        print("|---|---|---|---|---|---|---|---|")
        for share in SHARES:
            for way in WAYS if share else WAYS[:2]:
                rows = [measure(detector, groups, number, share, way) for number in range(len(groups))]
                s, error, j, wrong, blanked, lost = np.mean(rows, axis=0)
                outliers = f"{wrong:.1%} | {blanked:.1%}" if share else " | "
                own = f"{s:.3f} | {error:.4f} | {100 * j:.1f}"
                print(f"| {share:.0%} | {way} | {own} | {outliers} | {lost:.1%} |", flush=True)


def measure(detector: cosod.Detector, groups, number: int, share: float, way: str) -> tuple[float, ...]:
    """The table's columns for one group; NaN where there are no outliers."""
    rng = np.random.default_rng(number)
    images, masks = groups[number]
    own = rng.permutation(len(images))[: max(2, len(images) - round(share * len(images)))]
    others = [image for g, (all_, _) in enumerate(groups) if g != number for image in all_]
    outliers = [others[i] for i in rng.permutation(len(others))[: len(images) - len(own)]]
    features = concatenated([images[i] for i in own] + outliers)
    consensus, found = weighted(detector, features, way, len(own))
    maps = detector.network.decode(features, consensus).maps[:, 0].cpu().numpy()
    rows = [
        (s_measure(m, masks[i]), mae(m, masks[i]), precision_jaccard(m > 0.5, masks[i])[1])
        for m, i in zip(maps, own, strict=False)
    ]
    wrong = [float((m > 0.5).mean()) for m in maps[len(own) :]]
    left = [w if p >= ABSENT else 0.0 for w, p in zip(wrong, found[len(own) :], strict=True)]
    lost = float(np.mean([p < ABSENT for p in found[: len(own)]]))
    return (*np.mean(rows, axis=0), np.mean(wrong or [np.nan]), np.mean(left or [np.nan]), lost)


if __name__ == "__main__":
    main()
