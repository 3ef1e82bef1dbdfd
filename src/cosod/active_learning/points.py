"""Clicks, i.e. the labels of single pixels of the images of a pool, given by a person or by masks."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cosod.errors import InputError
from cosod.io.atomic_write import write_text

#: Version of the file format; increased if earlier versions of this code could not read the files.
FORMAT = 1


class Point(NamedTuple):
    """Click with its label.

    Attributes:
        x, y: column and row of the pixel in the original, upright image; (0, 0) is the top left pixel.
        label: 1 if the pixel is salient, 0 if it is background.
    """

    x: int
    y: int
    label: int


class PointSet:
    """Set of the clicks of a pool, by the names of the images (paths relative to the folder of the pool, with ``/``).

    Clicks are stored as pixel coordinates of the original images, and not in masks of another size, in which two clicks
    could be in the same cell. The number of clicks is the part of the budget that was spent.

    Args:
        pool: fingerprint of the pool of the clicks, see :class:`cosod.active_learning.pool.Pool`.

    Example:
        >>> points = PointSet()
        >>> points.add("cat.jpg", [Point(10, 20, 1)])
        1
        >>> points.points("cat.jpg")
        [Point(x=10, y=20, label=1)]
    """

    def __init__(self, pool: str = ""):
        self.pool = pool
        self._points: dict[str, dict[tuple[int, int], int]] = {}

    def points(self, image: str) -> list[Point]:
        """Returns the clicks of an image, in the order in which they were added; an empty list if there are none."""
        return [Point(x, y, label) for (x, y), label in self._points.get(image, {}).items()]

    def placed(self, image: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the K clicks of an image as coordinates and labels.

        Args:
            image: name of the image.
            size: height and width of the image.

        Returns:
            The coordinates in the image from -1 to 1, ``(K, 2)`` float32 (see :func:`place`), and the labels, ``(K,)``
            int8.
        """
        clicked = self.points(image)
        xy = np.array([(p.x, p.y) for p in clicked], np.float32)
        return place(xy, (0, 0, size[1], size[0])), np.array([p.label for p in clicked], np.int8)

    def images(self) -> list[str]:
        """Returns the names of the images that have clicks, sorted."""
        return sorted(self._points)

    def __len__(self) -> int:
        """Returns the number of clicks."""
        return sum(map(len, self._points.values()))

    def __iter__(self) -> Iterator[tuple[str, list[Point]]]:
        return ((image, self.points(image)) for image in self.images())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PointSet) and (self.pool, self._points) == (other.pool, other._points)

    def add(self, image: str, points: Iterable[Point]) -> int:
        """Adds clicks to an image; after an error, none of them is added.

        Args:
            image: name of the image.
            points: the clicks; a click that is in the set already is ignored.

        Returns:
            The number of new clicks.

        Raises:
            InputError: a label is neither 0 nor 1, a coordinate is negative, or a label contradicts that of an earlier
                click on the same pixel.
        """
        known = self._points.get(image, {})
        added: dict[tuple[int, int], int] = {}
        for x, y, label in points:
            if label not in (0, 1):
                raise InputError(f"{image}: the label of point ({x}, {y}) is {label!r}; give 1 (salient) or 0")
            if x < 0 or y < 0:
                raise InputError(f"{image}: point ({x}, {y}) lies outside the image; coordinates begin with 0")
            if (earlier := added.get((x, y), known.get((x, y), label))) != label:
                raise InputError(
                    f"{image}: point ({x}, {y}) is answered {label} here and {earlier} before; keep one of the two"
                )
            if (x, y) not in known:
                added[int(x), int(y)] = int(label)
        if added:
            self._points[image] = known | added
        return len(added)

    def remove(self, image: str, x: int, y: int) -> None:
        """Removes the click on a pixel, if there is one."""
        known = self._points.get(image, {})
        known.pop((x, y), None)
        if not known:
            self._points.pop(image, None)

    def save(self, path: str | os.PathLike) -> None:
        """Writes the clicks to a JSON file, atomically, with a line ``"<image>": [[x, y, label], ...]`` for each image.

        Raises:
            OutputError: the file cannot be written.
        """
        write_text(path, _dump(self.pool, self._as_lists()))

    @classmethod
    def load(cls, path: str | os.PathLike) -> "PointSet":
        """Loads clicks from a file that :meth:`save` has written.

        Raises:
            InputError: the file is missing, damaged, of another version, or contains contradictory labels.
        """
        pool, rows = read_rows(path, 3)
        result = cls(pool)
        for image, points in rows.items():
            result.add(image, (Point(*point) for point in points))
        return result

    def _as_lists(self) -> dict[str, list]:
        return {image: [[x, y, label] for (x, y), label in self._points[image].items()] for image in self.images()}


#: Pixels to ask for, as columns and rows ``(x, y)``, by the name of the image.
Queries = dict[str, list[tuple[int, int]]]


def save_queries(path: str | os.PathLike, pool: str, queries: Queries) -> None:
    """Writes pixels to ask for to a file in the format of :meth:`PointSet.save`, but without labels.

    Args:
        path: file to write.
        pool: fingerprint of the pool.
        queries: pixels to ask for, by image.

    Raises:
        OutputError: the file cannot be written.

    Example:
        >>> save_queries("queries.json", pool.fingerprint, {"cat.jpg": [(10, 20)]})  # doctest: +SKIP
    """
    write_text(path, _dump(pool, {image: [list(point) for point in queries[image]] for image in sorted(queries)}))


def load_queries(path: str | os.PathLike) -> tuple[str, Queries]:
    """Loads the fingerprint of the pool and the pixels to ask for from a file that :func:`save_queries` has written.

    Raises:
        InputError: the file is missing, damaged, or of another version.

    Example:
        >>> fingerprint, queries = load_queries("queries.json")  # doctest: +SKIP
    """
    pool, rows = read_rows(path, 2)
    return pool, {image: [(x, y) for x, y in points] for image, points in rows.items()}


def unanswered(queries: Queries, answers: PointSet) -> Queries:
    """Returns the pixels of ``queries`` without an answer in ``answers``, without images that are completely answered.

    Example:
        >>> answers = PointSet()
        >>> answers.add("cat.jpg", [Point(10, 20, 1)])
        1
        >>> unanswered({"cat.jpg": [(10, 20), (30, 40)]}, answers)
        {'cat.jpg': [(30, 40)]}
    """
    left = {}
    for image, asked in queries.items():
        known = {(x, y) for x, y, _ in answers.points(image)}
        if missing := [point for point in asked if tuple(point) not in known]:
            left[image] = missing
    return left


def read_rows(path: str | os.PathLike, width: int) -> tuple[str, dict[str, list[list[int]]]]:
    """Reads the fingerprint of the pool and the points of each image from a file.

    Args:
        path: file of :meth:`PointSet.save` or of :func:`save_queries`.
        width: number of integers per point: 3 with labels, 2 without.

    Raises:
        InputError: the file is missing, damaged, of another version, or its points have another number of values.

    Example:
        >>> fingerprint, rows = read_rows("points.json", 3)  # doctest: +SKIP
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, pool, rows = content["format"], content["pool"], content["points"]
        whole = all(
            len(point) == width and all(type(value) is int for value in point)
            for points in rows.values()
            for point in points
        )
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: is no file of points ({error}); give one that cosod active wrote") from error
    if version != FORMAT:
        raise InputError(f"{path}: has format {version!r}, this version reads {FORMAT}; update cosod")
    if not whole or not isinstance(pool, str):
        raise InputError(f"{path}: a point there is not {width} whole numbers; give a file that cosod active wrote")
    return pool, rows


def place(xy: np.ndarray, window: tuple[int, int, int, int], flip: bool = False) -> np.ndarray:
    """Converts pixels of an image to normalized coordinates in a window of the image.

    Args:
        xy: columns and rows of the pixels, ``(K, 2)``.
        window: left, top, right and bottom of the window in pixels; the last two are exclusive.
        flip: whether the window is flipped horizontally.

    Returns:
        The centers of the pixels, ``(K, 2)`` float32. -1 and 1 are the outer edges of the window, as for
        ``grid_sample`` with ``align_corners=False``. Different pixels have different coordinates.

    Example:
        >>> place(np.array([[0, 0]]), (0, 0, 4, 4)).tolist()
        [[-0.75, -0.75]]
    """
    left, top, right, bottom = window
    origin, extent = np.array([left, top], np.float32), np.array([right - left, bottom - top], np.float32)
    placed = (np.asarray(xy, np.float32).reshape(-1, 2) + 0.5 - origin) / extent * 2 - 1
    if flip:
        placed[:, 0] *= -1
    return placed


def _dump(pool: str, rows: dict[str, list]) -> str:
    lines = ",\n".join(
        f"{json.dumps(image, ensure_ascii=False)}: {json.dumps(points)}" for image, points in rows.items()
    )
    return f'{{"format": {FORMAT}, "pool": {json.dumps(pool)}, "points": {{\n{lines}\n}}}}\n'
