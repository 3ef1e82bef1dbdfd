"""Photos made for the tests: an object of one color on a ground of others, with its exact mask and a coarse map."""

import cv2
import numpy as np
from PIL import Image

OBJECT = np.array((210, 40, 40), np.float32)
GROUND = np.array((40, 90, 160), np.float32)


def scene(height=120, width=160, center=(80, 60), radius=30, seed=0):
    """Photo ``(H, W, 3)`` uint8 with an antialiased disc, its coverage ``(H, W)`` in [0, 1], and a map of it."""
    y, x = np.mgrid[:height, :width]
    coverage = np.clip(radius + 0.5 - np.hypot(x - center[0], y - center[1]), 0, 1).astype(np.float32)
    ground = GROUND + np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    photo = OBJECT * coverage[..., None] + ground * (1 - coverage[..., None])
    small = cv2.resize(coverage, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    saliency = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return photo.clip(0, 255).round().astype(np.uint8), coverage, saliency


def photo(path, seed=0):
    """Writes a photo of 60 x 80 pixels with the object at a place that the seed gives, and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene(60, 80, (36 + 4 * (seed % 4), 30), 15, seed)[0]).save(path)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


def write_groups(folder):
    """Two groups of two photos in ``folder/photos``, which is returned, and their maps in ``folder/maps``."""
    for group in ("red balls", "ü"):
        for i in range(2):
            photo, _, saliency = scene(60, 80, (36 + 6 * i, 30), 15, seed=i)
            for kind, array in (("photos", photo), ("maps", (255 * saliency).round().astype(np.uint8))):
                (folder / kind / group).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(folder / kind / group / f"{i}.png")
    return folder / "photos"
