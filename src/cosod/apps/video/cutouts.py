"""Cut-outs of clips: a picture with transparency of the object in each frame."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cosod.apps.cutout.backgrounds import background
from cosod.apps.cutout.cutout import cut_out_noted
from cosod.apps.cutout.job import WEBP_LIMIT, CutoutJob, save_cutout
from cosod.apps.resumable import EventListener
from cosod.apps.video.clips import Clip
from cosod.apps.video.job import FrameSteps
from cosod.apps.video.segment import FrameMap
from cosod.errors import InputError


@dataclass(frozen=True)
class CutoutTask:
    """Cut-outs of a clip's frames: ``<output>/<clip>/000001.<format>`` and so on.

    Attributes:
        job: options and output folder of the cut-outs.

    Example:
        >>> run_clips(detector, model, [Path("clip.mp4")], CutoutTask(CutoutJob(Path("out"))))  # doctest: +SKIP
    """

    job: CutoutJob

    @property
    def output(self) -> Path:
        return self.job.output

    @property
    def overwrite(self) -> bool:
        return self.job.overwrite

    @property
    def absent(self) -> str:
        return self.job.options.absent

    @property
    def verb(self) -> str:
        return self.job.verb

    def facts(self) -> object:
        return self.job.facts()

    def files(self, name: str, frames: int) -> list[Path]:
        return [self.output / name / f"{number:06d}.{self.job.format}" for number in range(1, frames + 1)]

    @contextlib.contextmanager
    def opened(self, clip: Clip, name: str, report: EventListener) -> Iterator[FrameSteps]:
        options = self.job.options
        if options.background is not None:
            options = replace(options, background=background(options.background))  # read once
        notes: Counter[str] = Counter()
        done = 0

        def make(number: int, found: FrameMap) -> tuple[Path, tuple[str, ...]]:
            result = cut_out_noted(found.frame, found.saliency, options, found.presence)
            if self.job.format == "webp" and max(result.pixels.shape) > WEBP_LIMIT:
                raise InputError(f"{clip.path}: over WebP's {WEBP_LIMIT} pixels a side; give --format png")
            file = self.output / name / f"{number:06d}.{self.job.format}"
            save_cutout(result.pixels, file)
            return file, () if result.absent else result.notes  # the summary names absent ones

        def then(number: int, made: tuple[Path, tuple[str, ...]]) -> dict:
            nonlocal done
            file, of_frame = made
            notes.update(of_frame)
            done = number
            return {"file": str(file)}

        yield FrameSteps(make, then)
        for note, count in notes.items():  # reported once for a clip, because most frames have the same notes
            report({"event": "warning", "group": name, "message": f"in {count} of {done} frames, {note}"})
