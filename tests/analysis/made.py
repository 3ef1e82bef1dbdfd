"""Small networks and small groups to inspect."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cosod.inference.detector import Detector
from cosod.io import find_groups
from cosod.models.registry import create

COLORS = [(220, 40, 40), (40, 200, 60), (60, 80, 230), (230, 210, 40)]
TINY = {"decoder": (8, 8, 8, 8), "gate": (12, 8, 8)}
#: Side of the images of the light network, whose deepest feature has stride 32, and of all others.
SIDE, OTHERS = 64, 32


def photo(path: Path, color, seed: int = 0, size=(40, 52)) -> Path:
    """Noise with a square of the color."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 130, (*size, 3), dtype=np.uint8)
    y, x = rng.integers(2, 20, 2)
    image[y : y + 16, x : x + 16] = color
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def make_photos(folder: Path, groups: int = 3, images: int = 4) -> Path:
    """Folders ``group0``, ``group1``, ..., a color each."""
    for group in range(groups):
        for i in range(images):
            photo(folder / f"group{group}" / f"photo {i}.png", COLORS[group % len(COLORS)], 10 * group + i)
    return folder


def groups_of(folder: Path):
    return find_groups([folder])


def detector_of(name: str, batch: int = 3, **options) -> Detector:
    """A network with random weights, the same at every call, for images of 32 x 32 pixels, the light one of 64 x 64."""
    torch.manual_seed(0)
    light = name == "gconet_plus_mobile"
    options = (TINY if light else {"groups": 5}) | options
    return Detector(create(name, **options), device="cpu", size=SIDE if light else OTHERS, batch=batch)


def write_log(folder: Path, rows: list[dict], after: bytes = b"") -> Path:
    """A run's folder with a log."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "log.jsonl").write_bytes(text.encode() + after)
    return folder


def log_rows(steps: int = 6) -> list[dict]:
    """Rows as a run writes them: two terms, the total, and a validation at the end."""
    rows = [
        {"step": s, "epoch": 0, "lr": 1e-4, "seconds": 1.0, "skipped": 0, "iou": 1 / s, "focal": 0.1, "total": 3 / s}
        for s in range(1, steps + 1)
    ]
    scores = {"plain": {"mae": 0.1, "iou": 0.5}, "distractors": {"mae": 0.2, "iou": 0.4}}
    return [*rows, {"step": steps, "validation": scores}]
