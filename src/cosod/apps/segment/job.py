"""The results that ``cosod segment`` and ``cosod apply`` write for every group, and their places."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cosod.apps.absence import ABSENT_KINDS
from cosod.errors import InputError
from cosod.io.photo_groups import Group
from cosod.postprocess.object_mask import binary_mask
from cosod.postprocess.threshold import check_threshold

KINDS = ("maps", "masks", "overlays")
#: Names in the output folder that no group may take.
RESERVED = ("masks", "overlays", "manifest.json")
#: The verb in the records of both commands.
VERB = "segment"
#: How the outlines of masks are found: from the map alone, or corrected by GrabCut.
OUTLINES = ("map", "grabcut")


@dataclass(frozen=True)
class SegmentJob:
    """The results to write for every group, and their options.

    Attributes:
        output: folder of the results.
        save: any of ``maps`` (``<output>/<group>/<stem>.png``), ``masks`` (``<output>/masks/<group>/<stem>.png``)
            and ``overlays`` (``<output>/overlays/<group>/<stem>.jpg``).
        threshold: threshold of masks and overlays, see :func:`cosod.postprocess.object_mask.binary_mask`.
        overwrite: whether groups that are finished already are processed again.
        absent: treatment of images whose presence is below one half, one of
            :data:`~cosod.apps.absence.ABSENT_KINDS`: ``keep`` treats them as any other image, ``report`` lists them in
            the summary, ``blank`` also writes empty maps for them.
        outline: outline of masks and overlays, one of :data:`OUTLINES`: ``map`` follows the map, and ``grabcut`` moves
            the outline to where the colors of the photo change (:func:`cosod.apps.cutout.cutout.cut_mask`).
        file: path of the result, if the run has only one photo and the user named the file; ``save`` then has one
            entry. By default results get their names in ``output``.

    Raises:
        InputError: an option has an unknown value, or ``file`` is given and ``save`` has several entries.

    Example:
        >>> SegmentJob(Path("out"), save=("masks",)).target("masks", "mugs", "1").as_posix()
        'out/masks/mugs/1.png'
    """

    output: Path
    save: tuple[str, ...] = ("maps",)
    threshold: float | str = 0.5
    overwrite: bool = False
    absent: str = "keep"
    outline: str = "map"
    file: Path | None = None
    verb = VERB

    def __post_init__(self):
        unknown = [k for k in self.save if k not in KINDS]
        if unknown or not self.save:
            raise InputError(f"--save {','.join(self.save) or '(nothing)'}: give any of {', '.join(KINDS)}")
        check_threshold(self.threshold)
        if self.absent not in ABSENT_KINDS:
            raise InputError(f"--absent {self.absent}: give one of {', '.join(ABSENT_KINDS)}")
        if self.file is not None and len(self.save) > 1:
            raise InputError(f"--save {','.join(self.save)} makes several files of a photo; give a folder with -o")
        if self.outline not in OUTLINES:
            raise InputError(f"--outline {self.outline}: give one of {', '.join(OUTLINES)}")

    @property
    def facts(self) -> dict:
        """The options that the results depend on, as values that JSON can hold."""
        return {
            "save": sorted(self.save),
            "threshold": self.threshold,
            "outline": self.outline,
            "absent": self.absent,
        }

    def target(self, kind: str, group: str, stem: str) -> Path:
        """Returns the path of a result.

        Args:
            kind: ``maps``, ``masks`` or ``overlays``.
            group: name of the group.
            stem: stem of the image.
        """
        if self.file is not None:
            return self.file
        folder = self.output / group if kind == "maps" else self.output / kind / group
        return folder / (f"{stem}.jpg" if kind == "overlays" else f"{stem}.png")

    def files(self, group: Group, index: int) -> list[Path]:
        """Returns the files that are written for an image."""
        return [self.target(kind, group.name, group.stems[index]) for kind in self.save]

    def mask(self, saliency: np.ndarray, image: np.ndarray | None) -> np.ndarray:
        """Computes the mask of a map.

        Args:
            saliency: ``(H, W)`` in [0, 1].
            image: ``(H, W, 3)`` uint8 RGB; it may be None if ``outline`` is ``map``.

        Returns:
            The mask ``(H, W)`` as bool.
        """
        if self.outline == "map":
            return binary_mask(saliency, self.threshold)
        from cosod.apps.cutout.cutout import cut_mask

        assert image is not None
        return cut_mask(image, saliency, self.threshold)


def jobs_of(job: SegmentJob, names: Collection[str]) -> list[SegmentJob]:
    """Returns a job for each consensus.

    If there are several, each job writes to a folder in the output that has the name of the consensus.

    Args:
        job: the job of the run.
        names: names of the consensuses.

    Example:
        >>> [each.output.as_posix() for each in jobs_of(SegmentJob(Path("out")), ["mug", "cup"])]
        ['out/mug', 'out/cup']
    """
    return [replace(job, output=job.output / name) for name in names] if len(names) > 1 else [job]
