"""Where the attack of active learning turns a network's answers, by its strength: at outlines, or anywhere.

    python benchmarks/attack.py WEIGHTS --data DUTS_class

WEIGHTS is a network for single images, such as a run of ``cosod active`` leaves. For each size of a step, the share of
positions (of 4 x 4 pixels) whose answer is turned after five steps, of those within two positions of the true outline
and of the others; and, of the 5 per cent that are then most uncertain by the margin of both answers, how many are near
an outline. An attack that turns as much far from outlines as near them says nothing of doubt.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from torch import Tensor
from torch.nn import functional as F

from cosod import models
from cosod.active_learning.attack import Attack, attacked
from cosod.active_learning.ensemble import mean_probability
from cosod.active_learning.images import load_images, load_masks
from cosod.active_learning.pool import Pool
from cosod.models.saliency_base import SaliencyNetwork

STEPS = (0.0, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01)
#: Positions from the outline that count as near it, and the share of candidates (``PointSelection.share``).
NEAR, SHARE = 2, 0.05
#: Of a position, in pixels of the square.
STRIDE = 4


def near_outline(mask: np.ndarray) -> np.ndarray:
    """Where a mask ``(H, W)`` of bool has its outline within :data:`NEAR` positions."""
    inside = mask.astype(np.uint8)
    inner, outer = (cv2.distanceTransform(part, cv2.DIST_L2, 3) for part in (inside, 1 - inside))
    return np.where(mask, inner, outer) < NEAR


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder of images and masks")
    parser.add_argument("--images", type=int, default=64, help="how many of them, by chance")
    parser.add_argument("--seed", type=int, default=1, help="of that choice")
    parser.add_argument("--side", type=int, default=96, help="of the square that images are queried as")
    args = parser.parse_args()
    pool = Pool.scan(args.data, args.images, args.seed)
    network = models.load(args.weights).eval()
    if not isinstance(network, SaliencyNetwork):
        raise SystemExit(f"{args.weights}: a network for groups; give one for single images, as cosod active leaves")
    images = load_images(pool, args.side).permute(0, 3, 1, 2).float() / 255
    side = args.side // STRIDE
    truth = load_masks(pool, side).numpy() > 127
    near = np.stack([near_outline(mask) for mask in truth])
    clean = answers(network, images, side)
    print("| step | turned near | turned elsewhere | candidates near |\n| --- | --- | --- | --- |")
    for alpha in STEPS:
        changed = answers(network, attacked(network, images, Attack(alpha=alpha)), side)
        turned = (clean > 0.5) != (changed > 0.5)
        doubt = 1 - np.abs(clean + changed - 1)
        most = doubt >= np.quantile(doubt, 1 - SHARE, axis=(1, 2), keepdims=True)
        print(f"| {alpha:g} | {turned[near].mean():.1%} | {turned[~near].mean():.1%} | {near[most].mean():.1%} |")


def answers(network: SaliencyNetwork, images: Tensor, side: int) -> np.ndarray:
    """The network's probabilities ``(N, side, side)``."""
    return F.adaptive_avg_pool2d(mean_probability([network], images), side)[:, 0].numpy()


if __name__ == "__main__":
    main()
