"""The slow check of a data set, which opens every image and mask and compares them."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from cosod.datasets.folder import Dataset, Problem


def read_all(dataset: Dataset) -> Iterator[list[Problem]]:
    """Opens all files of a data set, and yields the problems of each pair of image and mask in order.

    An unreadable or truncated file is an error, and so is a mask whose size differs from that of its image. A mask with
    gray levels between black and white, or without an object, is a warning.

    Args:
        dataset: the data set, from :func:`cosod.datasets.open`.

    Yields:
        The problems of one pair; the list is empty if there are none.

    Example:
        >>> problems = [p for found in read_all(cosod.datasets.open("sets/CoCA")) for p in found]  # doctest: +SKIP
    """
    pairs = [pair for group in dataset.groups.values() for pair in group]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        yield from pool.map(lambda pair: _check(*pair), pairs)


def _check(image: Path, mask: Path) -> list[Problem]:
    try:
        with Image.open(image) as picture:
            picture.load()
            size = picture.size
    except Exception as error:  # Pillow's decoders raise many kinds of errors on damaged files
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
