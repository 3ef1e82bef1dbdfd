"""Bounding boxes and masks in the formats of labeling tools: COCO (run-length encoding and polygons) and YOLO."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from types import ModuleType

import cv2
import numpy as np

from cosod.errors import import_extra
from cosod.postprocess.object_mask import Box, object_box

#: How masks are stored beside the boxes: not at all, in COCO's compressed run-length encoding, or as polygons.
MASKS = ("none", "rle", "polygons")
#: Maximum distance in pixels between a polygon and the outline of its mask.
TOLERANCE = 0.75

Polygon = list[float]


@dataclass(frozen=True)
class Annotation:
    """One object in one image.

    Attributes:
        box: ``(x, y, width, height)`` in pixels.
        area: number of pixels of the mask.
        rle: the mask in COCO's compressed run-length encoding, ``{"size": [height, width], "counts": text}``; or None.
        polygons: one polygon ``[x1, y1, x2, y2, ...]`` for each connected part of the mask, or None. Coordinates are in
            pixels, and the upper left corner of the image is (0, 0). Holes are joined to their outline by a seam.
    """

    box: Box
    area: int
    rle: dict | None = None
    polygons: list[Polygon] | None = None


@dataclass(frozen=True)
class Labeled:
    """An image with its annotations, which all have the same category: the group of the image.

    Attributes:
        file: path of the image as it is written into label files, with ``/`` between folders.
        size: height and width of the image in pixels.
        category: name of the group.
        annotations: the annotations; an empty list if the object was not found.

    Example:
        >>> image = Labeled("mugs/1.jpg", (48, 64), "mugs", [Annotation((8, 8, 16, 16), 256)])
        >>> Labeled.from_dict(image.as_dict()) == image
        True
    """

    file: str
    size: tuple[int, int]
    category: str
    annotations: list[Annotation] = field(default_factory=list)

    def as_dict(self) -> dict:
        """Returns the image as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict) -> "Labeled":
        """Returns the image from the result of :meth:`as_dict`."""
        annotations = [Annotation(**a) for a in stored["annotations"]]
        return cls(stored["file"], tuple(stored["size"]), stored["category"], annotations)


def annotate(mask: np.ndarray, masks: str = "none", each_part: bool = False) -> list[Annotation]:
    """Computes the annotations of the pixels that a mask marks.

    Args:
        mask: bool ``(H, W)``.
        masks: one of :data:`MASKS`.
        each_part: whether each connected part of the mask gets an annotation of its own; the largest part comes first.

    Returns:
        The annotations; an empty list if the mask is empty.

    Example:
        >>> mask = np.zeros((48, 64), bool)
        >>> mask[8:24, 8:24] = True
        >>> annotate(mask)[0].box
        (8, 8, 16, 16)
    """
    parts = [mask]
    if each_part:
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        order = sorted(range(1, count), key=lambda i: (-stats[i, cv2.CC_STAT_AREA], i))
        parts = [labels == number for number in order]
    return [
        Annotation(
            box,
            int(part.sum()),
            encode_rle(part) if masks == "rle" else None,
            polygons(part) if masks == "polygons" else None,
        )
        for part in parts
        if (box := object_box(part)) is not None
    ]


def encode_rle(mask: np.ndarray) -> dict:
    """Encodes a mask in COCO's compressed run-length encoding.

    Args:
        mask: bool ``(H, W)``.

    Returns:
        ``{"size": [H, W], "counts": text}``.

    Raises:
        ExtraError: pycocotools is missing.

    Example:
        >>> encode_rle(np.array([[1, 0], [1, 1]], bool))
        {'size': [2, 2], 'counts': '021O'}
    """
    encoded = import_pycocotools().encode(np.asfortranarray(mask, np.uint8))
    return encoded | {"counts": encoded["counts"].decode()}


def import_pycocotools() -> ModuleType:
    """Imports ``pycocotools.mask``.

    Raises:
        ExtraError: the package is missing.
    """
    return import_extra("pycocotools.mask", "masks in run-length encoding", "coco")


def polygons(mask: np.ndarray) -> list[Polygon]:
    """Computes the outlines of a mask as polygons, one for each connected part, the largest first.

    Neither COCO nor YOLO polygons have holes, so each hole is joined to its outline by a seam of no width.

    Args:
        mask: bool ``(H, W)``.

    Returns:
        Polygons ``[x1, y1, x2, y2, ...]`` in pixels, where (0, 0) is the upper left corner of the image; an empty list
        if the mask is empty.

    Example:
        >>> mask = np.zeros((48, 64), bool)
        >>> mask[8:24, 8:24] = True
        >>> polygons(mask)
        [[8.25, 8.25, 8.25, 23.75, 23.75, 23.75, 23.75, 8.25]]
    """
    box = object_box(mask)
    if box is None:
        return []
    x, y, width, height = box
    # OpenCV's outlines run through the centers of pixels. At twice the size, they run a quarter of an original pixel
    # inside the edges of the mask, instead of half a pixel.
    large = np.repeat(np.repeat(mask[y : y + height, x : x + width].astype(np.uint8), 2, 0), 2, 1)
    outlines, tree = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outlines = [cv2.approxPolyDP(o, 2 * TOLERANCE, True)[:, 0].astype(float) for o in outlines]
    found = []
    for number, outline in enumerate(outlines):
        if tree[0, number, 3] >= 0 or len(outline) < 3:
            continue  # the outline is that of a hole, or has too few points for a polygon
        holes = [o for o, links in zip(outlines, tree[0], strict=True) if links[3] == number and len(o) >= 3]
        points = (joined([outline, *holes]) + 0.5) / 2 + (x, y)
        found.append((cv2.contourArea(outline.astype(np.float32)), points.round(2).ravel().tolist()))
    return [polygon for _, polygon in sorted(found, key=lambda item: -item[0])]


def joined(outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Joins several outlines into one by seams of no width.

    Args:
        outlines: arrays ``(n, 2)`` of points. Each one after the first is joined to the outline so far, at the pair of
            points that are closest to each other.

    Returns:
        The points of the joined outline ``(m, 2)``.

    Example:
        >>> joined([np.array([[0, 0], [4, 0], [0, 4]]), np.array([[5, 0], [9, 0], [9, 4]])]).shape
        (8, 2)
    """
    whole = outlines[0]
    for other in outlines[1:]:
        distances = ((whole[:, None] - other[None]) ** 2).sum(-1)
        here, there = np.unravel_index(distances.argmin(), distances.shape)
        turn = np.roll(other, -there, axis=0)
        whole = np.concatenate([whole[: here + 1], turn, turn[:1], whole[here:]])
    return whole


def coco(images: Iterable[Labeled]) -> str:
    """Returns the text of a COCO file (JSON) with images and their annotations.

    The categories are the groups, sorted by name. All numbers of images, annotations and categories start at 1.

    Args:
        images: the images.

    Example:
        >>> json.loads(coco([Labeled("mugs/1.jpg", (48, 64), "mugs")]))["categories"]
        [{'id': 1, 'name': 'mugs'}]
    """
    images = list(images)
    names = sorted({image.category for image in images})
    content = {
        "images": [
            {"id": i, "file_name": image.file, "height": image.size[0], "width": image.size[1]}
            for i, image in enumerate(images, 1)
        ],
        "annotations": [],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, 1)],
    }
    for i, image in enumerate(images, 1):
        for found in image.annotations:
            entry = {
                "id": len(content["annotations"]) + 1,
                "image_id": i,
                "category_id": names.index(image.category) + 1,
                "bbox": list(found.box),
                "area": found.area,
                "iscrowd": 0,
            }
            shape = found.rle or found.polygons
            content["annotations"].append(entry | ({"segmentation": shape} if shape else {}))
    return json.dumps(content, ensure_ascii=False)


def yolo(image: Labeled, category: int) -> str:
    """Returns the text of a YOLO file: one line for each object, with its polygon if there is one, or else its box.

    A box is written as ``class x y width height``, where x and y are its center, and a polygon as
    ``class x1 y1 x2 y2 ...``. All coordinates are shares of the width and the height of the image. The parts of one
    object are joined into one polygon.

    Args:
        image: the image.
        category: number of the category, from 0.

    Example:
        >>> yolo(Labeled("mugs/1.jpg", (40, 80), "mugs", [Annotation((10, 10, 20, 20), 400)]), 0)
        '0 0.250000 0.500000 0.250000 0.500000\\n'
    """
    height, width = image.size
    lines = []
    for found in image.annotations:
        if found.polygons:
            outline = joined([np.reshape(p, (-1, 2)) for p in found.polygons])
            values: Iterable[float] = (outline / (width, height)).clip(0, 1).ravel()
        else:
            x, y, across, down = found.box
            values = ((x + across / 2) / width, (y + down / 2) / height, across / width, down / height)
        lines.append(" ".join([str(category), *(f"{v:.6f}" for v in values)]) + "\n")
    return "".join(lines)
