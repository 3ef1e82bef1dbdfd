"""COCO's instance annotations: reading them from JSON, checking them, and drawing them as masks.

An image belongs to the groups of all its categories. The categories that a mask shows are chosen when the mask is
drawn, because the images of a group may share more categories than the one for which the group was formed.
"""

import io
import json
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from cosod.errors import InputError


@dataclass(frozen=True)
class Shape:
    """The annotation of one instance.

    Attributes:
        category: the name of the category.
        area: the area of the instance in pixels, as the file states it.
        crowd: whether the annotation covers a crowd of objects instead of a single one.
        outline: polygons, float32, ``(k, 2)`` each, of x and y coordinates for which the corners of pixels are whole
            numbers; or run lengths, int32, ``(k,)``, of background and object in turn, column by column.
    """

    category: str
    area: float
    crowd: bool
    outline: tuple[np.ndarray, ...] | np.ndarray


@dataclass(frozen=True)
class Picture:
    """An image with its instances.

    Attributes:
        file: the path of the image, relative to the folder of the images.
        height: the height of the image in pixels.
        width: the width of the image in pixels.
        shapes: all instances in the image.

    Example:
        >>> square = Shape("mug", 4.0, False, (np.array([[1, 1], [3, 1], [3, 3], [1, 3]], np.float32),))
        >>> picture = Picture("1.jpg", 4, 4, (square,))
        >>> picture.large(2), int(picture.mask(["mug"]).sum())
        (frozenset({'mug'}), 4)
    """

    file: str
    height: int
    width: int
    shapes: tuple[Shape, ...]

    def large(self, area: float) -> frozenset[str]:
        """Returns the categories that have an instance of more than ``area`` pixels, crowds not counted."""
        return frozenset(shape.category for shape in self.shapes if shape.area > area and not shape.crowd)

    def mask(self, categories: Collection[str]) -> np.ndarray:
        """Draws all instances of some categories, crowds included, as a mask.

        Args:
            categories: the names of the categories; names that the image does not have are ignored.

        Returns:
            bool, ``(H, W)``.
        """
        canvas = np.zeros((self.height, self.width), bool)
        for shape in self.shapes:
            if shape.category not in categories:
                continue
            if isinstance(shape.outline, np.ndarray):
                canvas |= _filled_runs(shape.outline, canvas.shape)
            else:
                for polygon in shape.outline:
                    _fill(canvas, polygon)
        return canvas

    def drawn(self, categories: Collection[str]) -> io.BytesIO:
        """Returns the result of :meth:`mask` as a PNG file in memory, which Pillow can open any number of times."""
        file = io.BytesIO()
        Image.fromarray(self.mask(categories)).save(file, "PNG", compress_level=1)
        return file


@dataclass
class Instances:
    """The contents of a file of annotations.

    Attributes:
        categories: the names of the categories, sorted by id. Classifiers of published weights have this order.
        pictures: the images, sorted by id, including those without instances.
        left_out: the number of annotations that cannot be used, for each reason.
    """

    categories: list[str]
    pictures: list[Picture]
    left_out: dict[str, int] = field(default_factory=dict)


def read_instances(path: str | os.PathLike) -> Instances:
    """Reads the annotations of a JSON file in COCO's format (``images``, ``annotations``, ``categories``).

    Outlines can be polygons or run lengths, plain or compressed. An annotation that cannot be used is left out and
    counted: its image or category is unknown, its outline is missing or does not fit the image, or an entry is damaged.

    Args:
        path: the JSON file.

    Raises:
        InputError: the file cannot be read or does not have this format.

    Example:
        >>> instances = read_instances("annotations/instances_train2017.json")  # doctest: +SKIP
    """
    file = Path(path)
    table = _load(file)
    found = Instances([], [])
    names: dict[int, str] = {}
    for entry in sorted(_rows(table, "categories", file), key=lambda entry: _id(entry, "categories", file)):
        names[entry["id"]] = _name(entry.get("name"), names, file)
    found.categories = list(names.values())
    shapes: dict[int, list[Shape]] = {_id(entry, "images", file): [] for entry in _rows(table, "images", file)}
    sizes = {entry["id"]: _size(entry, file) for entry in table["images"]}
    for entry in _rows(table, "annotations", file):
        try:
            image, name = entry["image_id"], names[entry["category_id"]]
            outline = _outline(entry["segmentation"], sizes[image])
            area = float(entry["area"])
        except _Unusable as error:
            why = str(error)
        except (KeyError, TypeError, ValueError) as error:
            why = f"unknown or missing {error}" if isinstance(error, KeyError) else "damaged entry"
        else:
            shapes[image].append(Shape(name, area, bool(entry.get("iscrowd")), outline))
            continue
        found.left_out[why] = found.left_out.get(why, 0) + 1
    for entry in sorted(table["images"], key=lambda entry: entry["id"]):
        found.pictures.append(Picture(_file(entry, file), *sizes[entry["id"]], tuple(shapes[entry["id"]])))
    return found


def find_images(path: Path, pictures: list[Picture]) -> Path:
    """Finds the folder with the images of a file of annotations.

    The usual places are searched. For ``coco/annotations/instances_train2017.json``, these are the folders
    ``train2017``, ``images/train2017``, ``images`` and ``.`` in ``coco/annotations`` and in ``coco``.

    Args:
        path: the file of annotations.
        pictures: the images of the file. A folder is accepted if it contains one of the first 100 images.

    Raises:
        InputError: none of these folders contains the images.

    Example:
        >>> folder = find_images(Path("annotations/instances_train2017.json"), instances.pictures)  # doctest: +SKIP
    """
    split = path.stem.rpartition("_")[2]
    above = path.absolute().parent
    places = [up / name for up in (above, above.parent) for name in (split, f"images/{split}", "images", "")]
    for place in places:
        if any((place / picture.file).is_file() for picture in pictures[:100]):
            return place
    tried = ", ".join(map(str, dict.fromkeys(places)))
    raise InputError(f"the images of {path} are in none of {tried}; give their folder with --images")


class _Unusable(Exception):
    """Raised for an annotation that cannot be used; the message is the reason."""


def _load(path: Path) -> dict:
    try:
        table = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InputError(f"{path} is no JSON ({error}); give a COCO file of instances") from error
    wanted = ("images", "annotations", "categories")
    if not isinstance(table, dict) or not all(isinstance(table.get(key), list) for key in wanted):
        raise InputError(f"{path} has no lists {', '.join(wanted)}; give a COCO file of instances")
    return table


def _rows(table: dict, key: str, path: Path) -> list[dict]:
    rows = table[key]
    if not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path}: {key} holds something that is no entry; give a COCO file of instances")
    return rows


def _id(entry: dict, key: str, path: Path) -> int:
    if not isinstance(entry.get("id"), int):
        raise InputError(f"{path}: an entry of {key} has no whole number as its id; give a COCO file of instances")
    return entry["id"]


def _name(name: object, known: dict[int, str], path: Path) -> str:
    if not isinstance(name, str) or not name or name in known.values():
        raise InputError(f"{path}: {name!r} is no name of a category, or that of two; correct the file")
    return name


def _size(entry: dict, path: Path) -> tuple[int, int]:
    size = entry.get("height", 0), entry.get("width", 0)
    if not all(isinstance(side, int) and 0 < side < 1 << 16 for side in size):
        raise InputError(f"{path}: image {entry['id']} has no height and width in pixels; correct the file")
    return size


def _file(entry: dict, path: Path) -> str:
    name = entry.get("file_name")
    if not isinstance(name, str) or not name or "\\" in name:
        raise InputError(f"{path}: image {entry['id']} has no file_name; correct the file")
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts:
        raise InputError(f"{path}: image {entry['id']} lies outside of the folder of images ({name}); correct the file")
    return name


def _outline(segmentation: list | dict, size: tuple[int, int]) -> tuple[np.ndarray, ...] | np.ndarray:
    if isinstance(segmentation, list):
        polygons = [np.asarray(flat, np.float32) for flat in segmentation]
        if not polygons or any(p.ndim != 1 or len(p) < 6 or len(p) % 2 for p in polygons):
            raise _Unusable("no outline")
        if not all(np.isfinite(p).all() and np.abs(p).max() < 1 << 17 for p in polygons):
            raise _Unusable("outline far out of the image")
        return tuple(p.reshape(-1, 2) for p in polygons)
    counts = segmentation["counts"]
    runs = np.asarray(run_lengths(counts) if isinstance(counts, str) else counts, np.int64)
    height, width = segmentation["size"]
    if (height, width) != size or runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise _Unusable("run lengths of another size than the image")
    return runs.astype(np.int32)


def run_lengths(text: str) -> list[int]:
    """Decodes the run lengths of a compressed COCO mask.

    Each number is written in digits of five bits, the lowest first, where a digit d is the character with the code
    48 + d. A digit has 32 added to it if another digit of the same number follows. The sign is in the last digit, as in
    two's complement. From the fourth number on, what is written is the difference to the number two places before.

    pycocotools accepts texts that end too soon, and returns memory that was never written for the rest of the mask.

    Args:
        text: the field ``counts`` of a compressed mask.

    Example:
        >>> run_lengths("04")
        [0, 4]
    """
    numbers: list[int] = []
    number = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64:
            raise _Unusable("damaged run lengths")
        number |= (digit & 31) << shift
        shift += 5
        if digit < 32:
            if digit & 16:
                number -= 1 << shift
            numbers.append(number + (numbers[-2] if len(numbers) > 2 else 0))
            number = shift = 0
    if shift:
        raise _Unusable("damaged run lengths")
    return numbers


def _filled_runs(runs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(shape[::-1]).T


def _fill(canvas: np.ndarray, polygon: np.ndarray) -> None:
    """Sets the pixels whose centers are inside a polygon ``(k, 2)``.

    OpenCV and Pillow also set the pixels under the edges of the polygon, which makes an object half a pixel larger on
    every side.
    """
    height, width = canvas.shape
    start = polygon.astype(np.float64)
    end = np.roll(start, -1, axis=0)
    rows = np.ceil(np.stack([start[:, 1], end[:, 1]]) - 0.5).clip(0, height).astype(int)
    first, count = rows.min(axis=0), np.ptp(rows, axis=0)
    # Each edge is repeated once for every row of pixels whose center line it crosses.
    edge = np.repeat(np.arange(len(start)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    share = (row + 0.5 - start[edge, 1]) / (end - start)[edge, 1]
    column = np.ceil(start[edge, 0] + share * (end - start)[edge, 0] - 0.5).clip(0, width).astype(int)
    top, bottom = rows.min(), rows.max()
    crossings = np.zeros((bottom - top, width + 1), bool)
    np.logical_xor.at(crossings, (row - top, column), True)
    canvas[top:bottom] |= np.logical_xor.accumulate(crossings[:, :width], axis=1)
