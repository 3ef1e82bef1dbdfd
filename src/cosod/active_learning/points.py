"""Clicks: what a person, or a mask in place of one, has said about single pixels of the images of a pool."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cosod.errors import InputError
from cosod.io.atomic_write import write_text

#: Raised when files of this version could not be read by the code before it.
FORMAT = 1


class Point(NamedTuple):
    """One answered click.

    Attributes:
        x, y: column and row in pixels of the original, upright image; (0, 0) is its top left pixel.
        label: 1 where the pixel is salient, 0 where it is background.
    """

    x: int
    y: int
    label: int


class PointSet:
    """The clicks of a pool by image, an image being named by its path relative to the pool's root (``/`` between).

    Clicks are kept as coordinates and are never drawn into a mask of another size: two that would fall into one
    cell there both count. Their number is the budget that was spent.

    Args:
        pool: fingerprint of the pool they belong to, see :class:`cosod.active_learning.pool.Pool`.
    """

    def __init__(self, pool: str = ""):
        self.pool = pool
        self._points: dict[str, dict[tuple[int, int], int]] = {}

    def points(self, image: str) -> list[Point]:
        """Returns the clicks of an image in the order of :meth:`add`; none for an image without."""
        return [Point(x, y, label) for (x, y), label in self._points.get(image, {}).items()]

    def placed(self, image: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the clicks of an image of ``size`` (height, width) as :func:`place` gives them, and their labels.

        Returns:
            float32 ``(K, 2)``, the image spanning -1 to 1, and int8 ``(K,)``.
        """
        clicked = self.points(image)
        xy = np.array([(p.x, p.y) for p in clicked], np.float32)
        return place(xy, (0, 0, size[1], size[0])), np.array([p.label for p in clicked], np.int8)

    def images(self) -> list[str]:
        """Returns the images that have clicks, sorted."""
        return sorted(self._points)

    def __len__(self) -> int:
        """Returns the number of clicks."""
        return sum(map(len, self._points.values()))

    def __iter__(self) -> Iterator[tuple[str, list[Point]]]:
        return ((image, self.points(image)) for image in self.images())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PointSet) and (self.pool, self._points) == (other.pool, other._points)

    def add(self, image: str, points: Iterable[Point]) -> int:
        """Add clicks; all of them or, after an error, none. The same answer given again counts once.

        Returns:
            How many were new.

        Raises:
            InputError: a label that is neither 0 nor 1, a negative coordinate, or an answer that contradicts an
                earlier one of the same pixel.
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
        """Take a click back; nothing happens where there is none."""
        known = self._points.get(image, {})
        known.pop((x, y), None)
        if not known:
            self._points.pop(image, None)

    def save(self, path: str | os.PathLike) -> None:
        """Write to a JSON file, whole or not at all, a line an image: ``"<image>": [[x, y, label], ...]``.

        Raises:
            OutputError: it cannot be written.
        """
        write_text(path, _dump(self.pool, self._as_lists()))

    @classmethod
    def load(cls, path: str | os.PathLike) -> "PointSet":
        """Loads the clicks of a file that :meth:`save` wrote.

        Raises:
            InputError: there is no such file, it is damaged, of a newer version, or holds contradictions.
        """
        pool, rows = read_rows(path, 3)
        result = cls(pool)
        for image, points in rows.items():
            result.add(image, (Point(*point) for point in points))
        return result

    def _as_lists(self) -> dict[str, list]:
        return {image: [[x, y, label] for (x, y), label in self._points[image].items()] for image in self.images()}


#: Pixels that are asked for, by image: ``(x, y)`` each.
Queries = dict[str, list[tuple[int, int]]]


def save_queries(path: str | os.PathLike, pool: str, queries: Queries) -> None:
    """Write the pixels asked for as :meth:`PointSet.save` does, without labels.

    Example:
        >>> save_queries("queries.json", pool.fingerprint(), {"cat.jpg": [(10, 20)]})  # doctest: +SKIP
    """
    write_text(path, _dump(pool, {image: [list(point) for point in queries[image]] for image in sorted(queries)}))


def load_queries(path: str | os.PathLike) -> tuple[str, Queries]:
    """Loads the fingerprint of the pool, and the pixels asked for, of a file that :func:`save_queries` wrote.

    Raises:
        InputError: as for :meth:`PointSet.load`.

    Example:
        >>> fingerprint, queries = load_queries("queries.json")  # doctest: +SKIP
    """
    pool, rows = read_rows(path, 2)
    return pool, {image: [(x, y) for x, y in points] for image, points in rows.items()}


def unanswered(queries: Queries, answers: PointSet) -> Queries:
    """Returns those of ``queries`` that ``answers`` has no answer for, images without any left out.

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
    """Reads a file of points: the fingerprint of the pool, and ``width`` whole numbers a point by image.

    Raises:
        InputError: there is no such file, or it is no file of points with so many numbers.

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
    """Returns where pixels of an image come to lie when a window of it is cut out, resized to any size, and mirrored.

    Args:
        xy: columns and rows, ``(K, 2)``.
        window: left, top, right, bottom in pixels, the last two exclusive.
        flip: left and right exchanged after cutting.

    Returns:
        float32 ``(K, 2)``: the pixels' centers, where -1 and 1 are the outer edges of the result, as
        ``grid_sample`` (``align_corners=False``) counts. Distinct pixels stay distinct.

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
