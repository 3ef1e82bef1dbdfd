"""A small run in which points were asked for and none is answered."""

from pathlib import Path

import numpy as np
from PIL import Image

from cosod.active_learning.points import Queries
from cosod.active_learning.pool import Pool
from cosod.active_learning.state import State

#: Pixels asked for, corners and edges among them.
ASKED: Queries = {"a/one.png": [(0, 0), (47, 31)], 'b/tú "&".png': [(5, 7), (20, 3)], "c.png": [(12, 39)]}
SIZES = {"a/one.png": (32, 48), 'b/tú "&".png': (24, 40), "c.png": (40, 30)}


def make_images(root: Path) -> Path:
    """Three images of different sizes with a bright square on noise."""
    rng = np.random.default_rng(3)
    for name, (height, width) in SIZES.items():
        image = rng.integers(30, 90, (height, width, 3), dtype=np.uint8)
        image[8:20, 8:20] = (230, 60, 40)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / name)
    return root


def make_run(folder: Path, queries: Queries = ASKED) -> tuple[State, Pool]:
    """Images in ``folder/images``, the run in ``folder/run``; ``queries`` are its first round."""
    pool = Pool.scan(make_images(folder / "images"))
    state = State(folder / "run")
    pool.save(state.pool_file)
    state.save_queries(0, pool, queries)
    return state, pool
