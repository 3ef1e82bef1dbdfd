"""Reading of people's answers from JSON files, Label Studio exports or CVAT XML, and their validation."""

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from cosod.active_learning.points import Point, PointSet, Queries, read_rows
from cosod.active_learning.pool import Pool
from cosod.active_learning.queries import ASKED, LABELS
from cosod.errors import InputError

#: Maximum size of a file of answers in bytes; a point takes some hundred bytes.
MAX_BYTES = 500_000_000


class Answer(NamedTuple):
    """Answer to one point in a file.

    Attributes:
        image: name of the image.
        x, y: column and row of the pixel.
        label: 1 if the pixel is salient, 0 if it is background, None if the point has no answer in the file.
    """

    image: str
    x: int
    y: int
    label: int | None


@dataclass
class Merged:
    """Result of :func:`merge`.

    Attributes:
        points: the clicks so far and the new ones.
        new: number of new clicks.
        known: number of answers that are equal to earlier ones.
        unanswered: number of points without an answer.
        problems: error message of each answer that was rejected.
    """

    points: PointSet
    new: int = 0
    known: int = 0
    unanswered: int = 0
    problems: list[str] = field(default_factory=list)


def read_answers(path: str | os.PathLike, pool: Pool) -> list[Answer]:
    """Reads the answers of a file, whose format is recognized by its content.

    Args:
        path: a JSON file of ``cosod active label`` (the format of :class:`PointSet`), a JSON export of Label Studio, or
            an XML file in the format "CVAT for images 1.1".
        pool: the pool that the answers are for.

    Returns:
        One answer for each point in the file.

    Raises:
        InputError: the file is missing, too large, damaged, of an unknown format, or of another pool; or an XML file
            declares a document type or entities, which is not safe.

    Example:
        >>> answers = read_answers("points.json", pool)  # doctest: +SKIP
    """
    path = Path(path)
    text = _read(path)
    if text.startswith("<"):
        answers = list(_from_cvat(path, text, pool))
    elif text.startswith("["):
        answers = list(_from_label_studio(path, text, pool))
    else:
        fingerprint, rows = read_rows(path, 3)
        _check_pool(path, fingerprint, pool)
        answers = [Answer(image, *point) for image, points in rows.items() for point in points]
    if answers and not any(answer.image in pool.sizes for answer in answers):
        raise InputError(
            f"{path}: belongs to another pool: none of its images, as {answers[0].image}, is under {pool.root}"
        )
    return answers


def merge(answers: Iterable[Answer], points: PointSet, asked: Iterable[Queries], pool: Pool) -> Merged:
    """Merges answers with the clicks so far.

    An answer is rejected if it lies outside of its image, if its point was not asked for, or if it contradicts another
    answer. Rejected answers are left out, with an error message for each.

    Args:
        answers: answers of :func:`read_answers`.
        points: the clicks so far, which are not changed.
        asked: the pixels asked for in this round and in earlier ones.
        pool: the images.

    Example:
        >>> answers = read_answers("points.json", pool)  # doctest: +SKIP
        >>> merged = merge(answers, PointSet(pool.fingerprint), [queries], pool)  # doctest: +SKIP
    """
    allowed = {(image, x, y) for queries in asked for image, pixels in queries.items() for x, y in pixels}
    merged = Merged(PointSet(points.pool))
    for image, clicks in points:
        merged.points.add(image, clicks)
    given: dict[tuple[str, int, int], set[int]] = {}
    for image, x, y, label in answers:
        given.setdefault((image, x, y), set()).update(() if label is None else (label,))
    for (image, x, y), labels in given.items():
        if not labels:
            merged.unanswered += 1
            continue
        try:
            pool.check(image, [(x, y)])
            if len(labels) > 1:
                raise InputError(f"{image}: point ({x}, {y}) has contradictory answers in the file; keep one of them")
            if (image, x, y) not in allowed:
                raise InputError(f"{image}: point ({x}, {y}) was not asked for; answer the points as they stand")
            count = merged.points.add(image, [Point(x, y, *labels)])
        except InputError as error:
            merged.problems.append(str(error))
            continue
        merged.new += count
        merged.known += 1 - count
    return merged


def _read(path: Path) -> str:
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise InputError(f"{path}: {size:,} bytes are too many for answers; check that it is the right file")
        return path.read_text(encoding="utf-8-sig").lstrip()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is neither JSON nor XML in UTF-8; give the exported file, unzipped") from error


def _check_pool(path: Path, fingerprint: object, pool: Pool) -> None:
    if fingerprint != pool.fingerprint:
        raise InputError(
            f"{path}: belongs to another pool ({fingerprint}) than that of {pool.root} ({pool.fingerprint}); "
            "give the answers of this run"
        )


def _from_label_studio(path: Path, text: str, pool: Pool) -> Iterator[Answer]:
    try:
        tasks = json.loads(text)
        for task in tasks:
            data = task["data"]
            _check_pool(path, data["cosod_pool"], pool)
            for annotation in task["annotations"]:
                if annotation.get("was_cancelled"):
                    continue
                for region in annotation["result"]:
                    if region["type"] == "keypointlabels":
                        yield _from_region(path, str(data["cosod_image"]), region)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: is no export of the tasks that cosod active query wrote ({type(error).__name__}: {error}); "
            "export as JSON, not as JSON-MIN"
        ) from error


def _from_region(path: Path, image: str, region: dict) -> Answer:
    value = region["value"]
    sides = region["original_width"], region["original_height"]
    place = [float(value[axis]) / 100 * side for axis, side in zip("xy", sides, strict=True)]
    names = value["keypointlabels"]
    return Answer(image, *_pixel(path, image, place), _label(path, image, names[0] if len(names) == 1 else names))


def _from_cvat(path: Path, text: str, pool: Pool) -> Iterator[Answer]:
    # Entities, which can expand to huge texts, can only be defined in a document type, which CVAT never writes. The
    # text is decoded as UTF-8 already, so that an encoding that the document declares has no effect.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InputError(f"{path}: defines a document type or entities, which CVAT never does; export it again")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path}: is damaged XML ({error}); export it again") from error
    if root.tag != "annotations":
        raise InputError(f"{path}: is not of CVAT ({root.tag}); export as CVAT for images 1.1")
    for node in root.iter("image"):
        image = node.get("name", "")
        size = (node.get("height"), node.get("width"))
        if image in pool.sizes and size != tuple(map(str, pool.sizes[image])):
            height, width = pool.sizes[image]
            raise InputError(
                f"{path}: belongs to another pool: {image} is {size[1]} x {size[0]} there, {width} x {height} here"
            )
        for shape in node.iter("points"):
            label = _label(path, image, shape.get("label"))
            for place in (shape.get("points") or "").split(";"):
                yield Answer(image, *_pixel(path, image, place.split(",")), label)


def _pixel(path: Path, image: str, place: list) -> tuple[int, int]:
    """Returns the column and row of the pixel that contains a point; points outside of the image remain outside."""
    try:
        x, y = (math.floor(float(value) + 1e-6) for value in place)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: {image}: {place} is no place in an image; export the file again") from error
    return x, y


def _label(path: Path, image: str, name: object) -> int | None:
    if name == ASKED:
        return None
    if not isinstance(name, str) or name not in LABELS:
        raise InputError(f"{path}: {image}: label {name!r}; choose among {', '.join(LABELS)} (or leave {ASKED!r})")
    return LABELS[name]
