"""Cut-outs on folders: writing the files of a group."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from cosod.apps.applications import Reading
from cosod.apps.cutout.backgrounds import background
from cosod.apps.cutout.cutout import CutoutOptions, cut_out_noted
from cosod.apps.map_sources import FoundMap
from cosod.errors import ImageError, InputError
from cosod.io.atomic_write import whole
from cosod.io.images import read_image
from cosod.io.photo_groups import Group
from cosod.io.run_records import file_states
from cosod.io.storage import as_path, is_remote
from cosod.postprocess.render import JPEG_LIMIT, save_image

FORMATS = ("png", "webp", "jpg")
#: Suffix of a file -> its format.
ENDINGS = {".png": "png", ".webp": "webp", ".jpg": "jpg", ".jpeg": "jpg"}
#: Maximum side of a WebP image in pixels.
WEBP_LIMIT = 16383
#: Format -> maximum side of its images in pixels, for formats that have one.
LIMITS = {"webp": WEBP_LIMIT, "jpg": JPEG_LIMIT}


@dataclass(frozen=True)
class CutoutJob:
    """An application that writes cut-outs to ``<output>/<group>/<stem>.<format>``.

    Attributes:
        output: folder of the results.
        options: options of the cut-outs.
        format: one of :data:`FORMATS`; ``jpg`` needs a background.
        overwrite: whether groups that are finished already are processed again.
        file: path of the result if the run has only one photo and the user named the file; by default results get their
            names in ``output``.

    Raises:
        InputError: the format is unknown, or is ``jpg`` and there is no background.

    Example:
        >>> summary = run(CutoutJob(Path("out")), source, find_groups(["photos"]))  # doctest: +SKIP
    """

    output: Path
    options: CutoutOptions = field(default_factory=CutoutOptions)
    format: str = "png"
    overwrite: bool = False
    file: Path | None = None

    def __post_init__(self):
        if self.format not in FORMATS:
            raise InputError(f"format {self.format!r}: give one of {', '.join(FORMATS)}")
        if self.format == "jpg" and self.options.background is None:
            raise InputError("JPEG has no transparency; give a background, or png or webp as format")

    @property
    def verb(self) -> str:
        """The verb of the command that makes the results."""
        return "cutout"

    def facts(self) -> object:
        """Returns the options, and the state of the file of the background, as values that JSON can hold."""
        given = self.options.background
        state = None
        if isinstance(given, str | Path):
            path = as_path(given)
            if is_remote(path) or path.is_file():
                ((_, *state),) = file_states([path])
        return [str(self.options), state, self.format]

    def files(self, group: Group, index: int) -> list[Path]:
        """Returns a list with the file of the cut-out of an image."""
        if self.file is not None:
            return [self.file]
        return [self.output / group.name / f"{group.stems[index]}.{self.format}"]

    def files_beside(self, group: Group, index: int) -> list[Path]:
        """Returns an empty list, because cut-outs have no further files."""
        return []

    def make(self, group: Group, maps: Iterator[FoundMap], reading: Reading) -> dict:
        """Cuts the object out of each photo of a group, and writes the results; returns an empty dictionary."""
        options = self.options
        if options.background is not None:
            options = replace(options, background=background(options.background))  # so that it is read only once
        for index, saliency, presence in maps:
            work = functools.partial(self._cut, group, index, saliency, presence, options, reading.max_pixels)
            reading.put(index, work, functools.partial(self._done, group, index, presence, reading), saliency.size)
        return {}

    def _cut(
        self,
        group: Group,
        index: int,
        saliency: np.ndarray,
        presence: float | None,
        options: CutoutOptions,
        max_pixels: int,
    ) -> tuple[tuple[str, ...], bool]:
        """Cuts the object out of a photo, and writes the result; returns notes, and whether the object is absent."""
        photo = group.images[index]
        result = cut_out_noted(read_image(photo, max_pixels), saliency, options, presence)
        most = LIMITS.get(self.format)
        if most is not None and max(result.pixels.shape) > most:
            raise ImageError(f"{photo}: over the {most} pixels a side of {self.format} files; give --format png")
        save_cutout(result.pixels, self.files(group, index)[0])
        return result.notes, result.absent

    def _done(
        self, group: Group, index: int, presence: float | None, reading: Reading, made: tuple[tuple[str, ...], bool]
    ) -> None:
        """Reports a cut-out that is written."""
        notes, absent = made
        if absent and presence is not None:
            reading.without(index, presence)
        reading.done(index, notes, presence, file=str(self.files(group, index)[0]))


def save_cutout(pixels: np.ndarray, file: Path) -> None:
    """Writes a cut-out to a file, whole or not at all.

    Args:
        pixels: uint8 ``(H, W, 4)`` RGBA, or ``(H, W, 3)`` RGB for a cut-out on a background.
        file: path of the file; its suffix, one of :data:`ENDINGS`, determines the format.

    Raises:
        OutputError: the file cannot be written.

    Example:
        >>> save_cutout(cut_out(image, saliency), Path("out.png"))  # doctest: +SKIP
    """
    if file.suffix.lower() != ".webp":
        return save_image(pixels, file, quality=92)
    with whole(file) as temporary:
        # "exact" keeps the colors of transparent pixels. Programs need them to enlarge the edge in true colors.
        Image.fromarray(pixels).save(temporary, "WEBP", quality=90, method=3, exact=True)
