"""The slow check: every image and mask of a set opened and compared."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from cosod.datasets.folder import Dataset, Problem


def read_all(dataset: Dataset) -> Iterator[list[Problem]]:
    """Yields, for each pair of ``dataset`` in order, the problems of its files: an empty list where there are none.

    Unreadable or cut files and a mask of another size than its image are errors; a mask with levels between black and
    white, or with no object at all, is a warning.
    """
    pairs = [pair for group in dataset.groups.values() for pair in group]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda pair: _check(*pair), pairs)


def _check(image: Path, mask: Path) -> list[Problem]:
    try:
        with Image.open(image) as picture:
            picture.load()
            size = picture.size
    except Exception as error:  # Pillow's decoders raise many kinds; each means that the file is no good
        return [_unreadable(image, error)]
    try:
        with Image.open(mask) as picture:
            levels = np.asarray(picture.convert("L"))
    except Exception as error:
        return [_unreadable(mask, error)]
    found = []
    if levels.shape != size[::-1]:
        height, width = levels.shape
        message = f"{mask} is {width} x {height}, its image {size[0]} x {size[1]}"
        found.append(Problem("size", mask, message))
    gray = float(np.mean((levels != 0) & (levels != 255)))
    if not levels.any():
        found.append(Problem("black mask", mask, f"{mask} marks no object"))
    elif gray:
        message = f"{mask} is not binary: {gray:.1%} of its pixels are neither 0 nor 255, the highest is {levels.max()}"
        found.append(Problem("gray mask", mask, message))
    return found


def _unreadable(path: Path, error: Exception) -> Problem:
    return Problem("unreadable", path, f"cannot read {path}: {error or type(error).__name__}")
