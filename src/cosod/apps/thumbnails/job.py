"""Thumbnails on folders: writing the files of a group, labels for labeling tools, and a contact sheet."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from cosod.apps import absence
from cosod.apps.applications import Reading, kept_of
from cosod.apps.map_sources import FoundMap
from cosod.apps.thumbnails import annotations
from cosod.apps.thumbnails.annotations import Labeled, annotate, coco, yolo
from cosod.apps.thumbnails.thumbnails import Frame, ThumbnailOptions, contact_sheet, crop, plan_crops
from cosod.errors import InputError
from cosod.io.atomic_write import write_text
from cosod.io.images import read_image
from cosod.io.photo_groups import Group
from cosod.postprocess.object_mask import Box, bounded, object_box, object_mask
from cosod.postprocess.render import save_image, save_sheet
from cosod.postprocess.threshold import MASK_THRESHOLD

LABELS = ("coco", "yolo")
#: Name of the folder of YOLO files, and name of the COCO file, in the output folder.
YOLO_FOLDER, COCO_FILE = "labels", "coco.json"
#: Maximum longer side, in pixels, of the masks of a group that are kept in memory while its crops are planned. Reduced
#: masks take little memory even for thousands of photos.
KEPT_SIDE = 512
#: Maximum number of thumbnails of each group in a contact sheet.
SHOWN = 24


class _Found(NamedTuple):
    """What is known about one photo before the crops of its group are planned.

    Attributes:
        box: bounding box of the object; None if no object was found.
        size: height and width of the photo in pixels.
        mask: mask of the object, whose longer side is at most :data:`KEPT_SIDE` pixels.
        presence: probability that the object is in the photo; None if it is not known.
        absent: whether the photo is treated as one without the object.
        labels: a list with the :class:`Labeled` of the photo as a dictionary; empty if no labels are written.
    """

    box: Box | None
    size: tuple[int, int]
    mask: np.ndarray
    presence: float | None
    absent: bool
    labels: list[dict]


@dataclass(frozen=True)
class ThumbnailJob:
    """An application that writes thumbnails to ``<output>/<group>/<stem>.jpg``, and label files.

    Attributes:
        output: folder of the results.
        options: options of the thumbnails.
        labels: any of ``coco`` (``<output>/coco.json``) and ``yolo`` (``<output>/labels/<group>/<stem>.txt``, with the
            names of the groups in ``<output>/labels/classes.txt``). Labels refer to the photos, not to the thumbnails.
        masks: how masks are stored beside the boxes, one of :data:`cosod.apps.thumbnails.annotations.MASKS`.
        each_part: whether each connected part of the object gets a box of its own.
        overwrite: whether groups that are finished already are processed again.
        file: path of the result if the run has only one photo and the user named the file; by default results get their
            names in ``output``.

    Raises:
        InputError: an option has an unknown value, or ``labels``, ``masks`` and ``each_part`` do not fit together.

    Example:
        >>> summary = run(ThumbnailJob(Path("out")), source, find_groups(["photos"]))  # doctest: +SKIP
    """

    output: Path
    options: ThumbnailOptions = field(default_factory=ThumbnailOptions)
    labels: tuple[str, ...] = ()
    masks: str = "none"
    each_part: bool = False
    overwrite: bool = False
    file: Path | None = None

    def __post_init__(self):
        unknown = [label for label in self.labels if label not in LABELS]
        if unknown:
            raise InputError(f"labels {','.join(self.labels)}: give any of {', '.join(LABELS)}")
        if self.masks not in annotations.MASKS:
            raise InputError(f"masks {self.masks!r}: give one of {', '.join(annotations.MASKS)}")
        if not self.labels and (self.masks != "none" or self.each_part):
            raise InputError("masks and parts are written into labels; add --labels coco, yolo or both")
        if self.masks == "rle" and "yolo" in self.labels:
            raise InputError("YOLO has no run-length encoding; give polygons as masks, or only coco as labels")
        if self.masks == "rle":
            annotations.import_pycocotools()  # raises before any work is done

    @property
    def verb(self) -> str:
        """The verb of the command that makes the results."""
        return "thumbnails"

    def facts(self) -> object:
        """Returns the options as values that JSON can hold."""
        return [str(self.options), self.labels, self.masks, self.each_part]

    def files(self, group: Group, index: int) -> list[Path]:
        """Returns a list with the file of the thumbnail of an image."""
        if self.file is not None:
            return [self.file]
        return [self.output / group.name / f"{group.stems[index]}.jpg"]

    def files_beside(self, group: Group, index: int) -> list[Path]:
        """Returns a list with the YOLO file of an image, if YOLO labels are written."""
        return [self.output / YOLO_FOLDER / group.name / f"{group.stems[index]}.txt"] if "yolo" in self.labels else []

    def make(self, group: Group, maps: Iterator[FoundMap], reading: Reading) -> dict:
        """Finds the object in all photos, plans the crops of the group together, and then writes the thumbnails."""
        found: dict[int, _Found] = {}
        for index, saliency, presence in maps:
            find = functools.partial(self._find, group, index, saliency, presence)
            reading.put(index, find, functools.partial(found.__setitem__, index), saliency.size)
        reading.wait()
        boxes, sizes = [f.box for f in found.values()], [f.size for f in found.values()]
        frames = plan_crops(boxes, sizes, self.options, [not f.absent for f in found.values()])
        labeled: list[dict] = []
        for (index, of), frame in zip(found.items(), frames, strict=True):
            cut = functools.partial(self._cropped, group, index, of, frame, reading.max_pixels)
            then = functools.partial(self._done, group, index, of, frame, reading, labeled)
            reading.put(index, cut, then, math.prod(of.size))
        reading.wait()
        return {"labels": labeled}

    def _find(self, group: Group, index: int, saliency: np.ndarray, presence: float | None) -> "_Found":
        mask = object_mask(saliency, self.options.threshold or MASK_THRESHOLD)
        absent = absence.is_absent(presence, self.options.absent)
        if absent and self.options.absent == "blank":
            mask = np.zeros_like(mask)
        labels = []
        if self.labels:
            annotations_ = [] if absent else annotate(mask, self.masks, self.each_part)
            file = f"{group.name}/{group.images[index].name}"
            labels = [Labeled(file, mask.shape, group.name, annotations_).as_dict()]
        small = np.asarray(Image.fromarray(mask).resize(bounded(mask.shape, KEPT_SIDE)))
        return _Found(object_box(mask), mask.shape, small, presence, absent, labels)

    def _cropped(self, group: Group, index: int, of: "_Found", frame: Frame, max_pixels: int) -> None:
        """Crops a photo, and writes the thumbnail."""
        image = read_image(group.images[index], max_pixels)
        save_image(crop(image, frame, self.options.size, of.mask), self.files(group, index)[0])

    def _done(
        self, group: Group, index: int, of: "_Found", frame: Frame, reading: Reading, labeled: list[dict], made: None
    ) -> None:
        """Reports a thumbnail that is written, and adds the labels of its photo to ``labeled``."""
        labeled += of.labels
        notes: tuple[str, ...] = ()
        if of.absent and of.presence is not None:
            notes = (absence.absence_note(of.presence, self.options.absent),)
            reading.without(index, of.presence)
        elif not of.box:
            notes = ("no object was found: the middle of the photo is shown",)
        shown = [round(float(v), 2) for v in frame]
        file = str(self.files(group, index)[0])
        reading.done(index, notes, of.presence, file=file, box=of.box, crop=shown)

    def check_names(self, groups: list[Group]) -> None:
        """Raises InputError if the folder of a group would be the folder of the YOLO files."""
        taken = [group.name for group in groups if group.name.split("/")[0].casefold() == YOLO_FOLDER]
        if taken and "yolo" in self.labels:
            raise InputError(f"a group is called {taken[0]!r}, as the folder of YOLO's files; rename it")

    def label_files(self, groups: list[Group]) -> Iterator[Path]:
        """Yields every file that :meth:`write_labels` may write."""
        if "coco" in self.labels:
            yield self.output / COCO_FILE
        if "yolo" in self.labels:
            yield self.output / YOLO_FOLDER / "classes.txt"
            for group in groups:
                yield from (self.output / YOLO_FOLDER / group.name / f"{stem}.txt" for stem in group.stems)

    def write_labels(self, groups: list[Group]) -> list[Path]:
        """Writes the label files of all finished groups, from the labels in their records.

        Returns:
            The COCO file and ``classes.txt``, as far as they were written.

        Raises:
            OutputError: a file cannot be written.
        """
        written = []
        kept = [(group, kept_of(self.output, group).get("labels", [])) for group in groups]
        labeled = [(group, [Labeled.from_dict(entry) for entry in entries]) for group, entries in kept]
        if "coco" in self.labels:
            written.append(self.output / COCO_FILE)
            write_text(written[-1], coco(image for _, images in labeled for image in images))
        if "yolo" in self.labels:
            names = sorted({group.name for group in groups})
            folder = self.output / YOLO_FOLDER
            for group, images in labeled:
                stems = {f"{group.name}/{p.name}": stem for p, stem in zip(group.images, group.stems, strict=True)}
                for image in images:
                    file = folder / group.name / f"{stems[image.file]}.txt"
                    write_text(file, yolo(image, names.index(group.name)))
            written.append(folder / "classes.txt")
            write_text(written[-1], "".join(f"{name}\n" for name in names))
        return written

    def write_sheet(self, groups: list[Group], path: Path) -> None:
        """Writes a contact sheet with the first :data:`SHOWN` thumbnails of each group.

        Args:
            groups: groups of the run.
            path: file of the contact sheet.

        Raises:
            OutputError: the file cannot be written.
        """
        shown = []
        for group in groups:
            files = [self.files(group, index)[0] for index in range(len(group.images))]
            shown.append((group.name, [read_image(file) for file in files if file.exists()][:SHOWN]))
        save_sheet(contact_sheet([entry for entry in shown if entry[1]]), path)
