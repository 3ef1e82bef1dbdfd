"""Boxes and masks as labeling tools read them: COCO (run-length encoding and polygons) and YOLO."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

import cv2
import numpy as np

from cosod.postprocess.object_mask import Box, object_box

#: Masks beside the boxes: none, COCO's compressed run-length encoding, or polygons.
MASKS = ("none", "rle", "polygons")
#: How far, in pixels, a polygon may leave the mask's outline.
TOLERANCE = 0.75

Polygon = list[float]


@dataclass(frozen=True)
class Annotation:
    """One object in one image.

    Attributes:
        box: ``(x, y, width, height)`` in pixels.
        area: pixels of its mask.
        rle: COCO's ``{"size": [height, width], "counts": text}``.
        polygons: ``[x1, y1, x2, y2, ...]`` in pixels, the corner of the image being (0, 0); one for each connected
            part, holes joined to their outline by a seam.
    """

    box: Box
    area: int
    rle: dict | None = None
    polygons: list[Polygon] | None = None


@dataclass(frozen=True)
class Labeled:
    """An image's annotations, all of one category: the group's.

    Attributes:
        file: path of the image as it shall stand in the labels, with ``/``.
        size: height and width.
        category: name of the group.
        annotations: none where the object was not found.
    """

    file: str
    size: tuple[int, int]
    category: str
    annotations: list[Annotation] = field(default_factory=list)

    def as_dict(self) -> dict:
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict) -> "Labeled":
        annotations = [Annotation(**a) for a in stored["annotations"]]
        return cls(stored["file"], tuple(stored["size"]), stored["category"], annotations)


def annotate(mask: np.ndarray, masks: str = "none", each_part: bool = False) -> list[Annotation]:
    """Computes the boxes and masks of what a bool mask ``(H, W)`` marks.

    Args:
        mask: mask of the image.
        masks: one of :data:`MASKS`.
        each_part: an annotation for each connected part, the largest first, in place of one for all.
    """
    if object_box(mask) is None:
        return []
    parts = [mask]
    if each_part:
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        order = sorted(range(1, count), key=lambda i: (-stats[i, cv2.CC_STAT_AREA], i))
        parts = [labels == number for number in order]
    return [
        Annotation(
            object_box(part),
            int(part.sum()),
            encode_rle(part) if masks == "rle" else None,
            polygons(part) if masks == "polygons" else None,
        )
        for part in parts
    ]


def run_lengths(mask: np.ndarray) -> list[int]:
    """Returns the lengths of the runs of a bool mask ``(H, W)`` read column by column, beginning with zeros (COCO)."""
    flat = np.asarray(mask, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = np.concatenate([[0], changes, [flat.size]])
    lengths = np.diff(ends).tolist()
    return [0, *lengths] if flat[0] else lengths


def encode_rle(mask: np.ndarray) -> dict:
    """Encodes a bool mask ``(H, W)`` in COCO's compressed run-length encoding, ``{"size": [H, W], "counts": text}``.

    From the fourth on, each length is given as its difference from the last but one. Numbers are written in groups
    of 5 bits, the lowest first; a sixth bit says that another group follows, and 48 makes it a printable character.
    """
    lengths = run_lengths(mask)
    text = []
    for i, length in enumerate(lengths):
        value = length - lengths[i - 2] if i > 2 else length
        more = True
        while more:
            group = value & 31
            value >>= 5
            # The highest bit of the last group is the sign.
            more = value != (-1 if group & 16 else 0)
            text.append(chr(48 + (group | 32 if more else group)))
    return {"size": [int(n) for n in mask.shape], "counts": "".join(text)}


def polygons(mask: np.ndarray) -> list[Polygon]:
    """Returns the outlines of a bool mask ``(H, W)``: one polygon for each connected part, the largest first.

    Neither format has holes, so each hole is joined to its outline by a seam of no width. Parts of a pixel or two
    have no outline and are left out.
    """
    x, y, width, height = object_box(mask)
    # Twice as large, outlines run a quarter of a pixel inside the pixels' edges, not half of one.
    large = np.repeat(np.repeat(mask[y : y + height, x : x + width].astype(np.uint8), 2, 0), 2, 1)
    outlines, tree = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outlines = [cv2.approxPolyDP(o, 2 * TOLERANCE, True)[:, 0].astype(float) for o in outlines]
    found = []
    for number, outline in enumerate(outlines):
        if tree[0, number, 3] >= 0 or len(outline) < 3:
            continue  # a hole, or nothing
        holes = [o for o, links in zip(outlines, tree[0], strict=True) if links[3] == number and len(o) >= 3]
        points = (joined([outline, *holes]) + 0.5) / 2 + (x, y)
        found.append((cv2.contourArea(outline.astype(np.float32)), points.round(2).ravel().tolist()))
    return [polygon for _, polygon in sorted(found, key=lambda item: -item[0])]


def joined(outlines: Sequence[np.ndarray]) -> np.ndarray:
    """Joins several outlines ``(n, 2)`` into one, each at the pair of points that lie closest."""
    whole = outlines[0]
    for other in outlines[1:]:
        distances = ((whole[:, None] - other[None]) ** 2).sum(-1)
        here, there = np.unravel_index(distances.argmin(), distances.shape)
        turn = np.roll(other, -there, axis=0)
        whole = np.concatenate([whole[: here + 1], turn, turn[:1], whole[here:]])
    return whole


def coco(images: Iterable[Labeled]) -> str:
    """Returns a COCO file (JSON) of the images and their annotations; categories are the groups, in order of their
    names.
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
    """Returns a YOLO file: a line for each object, with its polygon where there is one, else its box.

    Boxes are ``class x y width height`` with x, y their center, polygons ``class x1 y1 x2 y2 ...``, all as shares of
    the image's width and height. The parts of one object are joined into one polygon.
    """
    height, width = image.size
    lines = []
    for found in image.annotations:
        if found.polygons:
            outline = joined([np.reshape(p, (-1, 2)) for p in found.polygons])
            values = (outline / (width, height)).clip(0, 1).ravel()
        else:
            x, y, across, down = found.box
            values = ((x + across / 2) / width, (y + down / 2) / height, across / width, down / height)
        lines.append(" ".join([str(category), *(f"{v:.6f}" for v in values)]) + "\n")
    return "".join(lines)
