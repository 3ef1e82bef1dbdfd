"""A small generated pool, and settings of seconds."""

from pathlib import Path

import cv2
import numpy as np

from cosod.active_learning.loop import Loop
from cosod.active_learning.pool import Pool
from cosod.active_learning.settings import load_preset

TINY = {
    "training.steps": 4,
    "training.final_steps": 2,
    "training.self_steps": 0,
    "training.size": 32,
    "training.side": 48,
    "training.batch": 4,
    "training.precision": "float32",
    "selection.side": 32,
    "attack.steps": 1,
}


def make_pool(folder: Path, count: int = 4, empty: int | None = 1) -> Path:
    """``count`` images of different sizes with a red ellipse each, except in image ``empty``, which has none."""
    rng = np.random.default_rng(0)
    for kind in ("images", "gts"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for i in range(count):
        height, width = 40 + 6 * i, 64 - 4 * i
        image = rng.integers(60, 140, (height, width, 3), dtype=np.uint8)
        mask = np.zeros((height, width), np.uint8)
        if i != empty:
            center = (width // 2 - 3 + i, height // 2)
            cv2.ellipse(mask, center, (width // 4, height // 4), 0, 0, 360, 255, -1)
        image[mask > 0] = (210, 40, 30)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), image[..., ::-1])
        cv2.imwrite(str(folder / "gts" / f"{i}.png"), mask)
    return folder


def tiny_loop(folder: Path, pool: Path, preset: str = "paper10", **changes) -> Loop:
    """A run of :data:`TINY`, from random weights; keys have ``__`` in place of the dot."""
    wanted = TINY | {key.replace("__", "."): value for key, value in changes.items()}
    if preset in ("margin10", "code", "paper10_no_attack"):
        wanted |= {"attack.steps": 0}
    return Loop.open(folder, Pool.scan(pool), load_preset(preset, wanted), "cpu", backbone=Path("none"))
