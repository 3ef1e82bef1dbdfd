"""What ``cosod segment`` and ``cosod apply`` write for every group, and where."""

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
#: The verb in their records.
VERB = "segment"
#: Where masks have their outlines from.
OUTLINES = ("map", "grabcut")


@dataclass(frozen=True)
class SegmentJob:
    """What to write for every group.

    Attributes:
        output: folder of the results.
        save: any of ``maps`` (``<output>/<group>/<stem>.png``), ``masks`` (``<output>/masks/<group>/<stem>.png``)
            and ``overlays`` (``<output>/overlays/<group>/<stem>.jpg``).
        threshold: threshold of masks and overlays, see :func:`cosod.postprocess.object_mask.binary_mask`.
        outline: outline of masks and overlays, one of :data:`OUTLINES`: where the map has it, or moved to where the
            photo's colors change (:func:`cosod.apps.cutout.cutout.cut_mask`).
        overwrite: redo groups that are finished already.
        file: the one result of the one photo of a run, in place of its name in ``output``; with one of ``save``.
        absent: one of :data:`ABSENT_KINDS`, for images whose presence is below one half; ``blank`` names them in the
            summary too.
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
        """What the results depend on, as plain values."""
        return {
            "save": sorted(self.save),
            "threshold": self.threshold,
            "outline": self.outline,
            "absent": self.absent,
        }

    def target(self, kind: str, group: str, stem: str) -> Path:
        """Returns the file that a result is written to."""
        if self.file is not None:
            return self.file
        folder = self.output / group if kind == "maps" else self.output / kind / group
        return folder / (f"{stem}.jpg" if kind == "overlays" else f"{stem}.png")

    def files(self, group: Group, index: int) -> list[Path]:
        """Returns the files that are written for an image."""
        return [self.target(kind, group.name, group.stems[index]) for kind in self.save]

    def mask(self, saliency: np.ndarray, image: np.ndarray | None) -> np.ndarray:
        """Computes the mask of a map; its image ``(H, W, 3)`` is needed where ``outline`` says so."""
        if self.outline == "map":
            return binary_mask(saliency, self.threshold)
        from cosod.apps.cutout.cutout import cut_mask

        assert image is not None
        return cut_mask(image, saliency, self.threshold)


def jobs_of(job: SegmentJob, names: Collection[str]) -> list[SegmentJob]:
    """Returns the job of each consensus; of several, each writes to a folder of its name in the output."""
    return [replace(job, output=job.output / name) for name in names] if len(names) > 1 else [job]
