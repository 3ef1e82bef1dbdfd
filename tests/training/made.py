"""Small generated training sets."""

import json
from pathlib import Path

import cv2
import numpy as np

from cosod.training import TrainingJob, load_recipe

#: Color of each group's object.
COLORS = [(220, 40, 40), (40, 200, 60), (60, 80, 230), (230, 210, 40), (200, 60, 200)]
#: A run of seconds: the light network at 64 pixels on one set, everything random switched on.
TINY = {
    "size": 64,
    "sampling.shares": [],
    "sampling.images": 3,
    "steps": 6,
    "pretrained": False,
    "optimizer.precision": "float32",
    "optimizer.warmup": 0.2,
    "validation.held_out": 0,
    "options": {"decoder": [8, 8, 8, 8], "gate": [12, 8, 8]},
    "augment.rotation": 20.0,
    "augment.sharpness": [0.0, 3.0],
}


def make_set(folder: Path, sizes=(4, 3, 5, 4), side=40, names=None) -> Path:
    """Groups ``0``, ``1``, ... of the given sizes: a rectangle of the group's color on noise in each image."""
    rng = np.random.default_rng(0)
    for group, (n, color) in enumerate(zip(sizes, COLORS, strict=False)):
        name = names[group] if names else str(group)
        for kind in ("images", "gts"):
            (folder / kind / name).mkdir(parents=True)
        for i in range(n):
            image = rng.integers(90, 130, (side, side + 8, 3), dtype=np.uint8)
            mask = np.zeros(image.shape[:2], np.uint8)
            y, x = rng.integers(2, side // 2, 2)
            mask[y : y + side // 2, x : x + side // 2] = 255
            image[mask > 0] = color
            cv2.imwrite(str(folder / "images" / name / f"photo {i}.png"), image[:, :, ::-1])
            cv2.imwrite(str(folder / "gts" / name / f"photo {i}.png"), mask)
    return folder


def tiny_job(data: Path, output: Path, **changes) -> TrainingJob:
    """A job of :data:`TINY`; fields of ``TrainingJob`` and keys of recipes (``sampling__images``) may be changed."""
    own = {k: changes.pop(k) for k in list(changes) if k in TrainingJob.__dataclass_fields__}
    name = own.pop("recipe", "gconet_plus_mobile")
    recipe = load_recipe(name, TINY | {k.replace("__", "."): v for k, v in changes.items()})
    defaults = {"workers": 0, "device": "cpu", "progress": False, "log_every": 1}
    return TrainingJob(recipe, (str(data),), output, **(defaults | own))


def losses(folder: Path) -> list[float]:
    """The total of every step of a run."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row["total"] for row in rows if "total" in row]
