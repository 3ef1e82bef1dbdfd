"""Processing clips into an output folder: a map for each frame, masks, and a video of overlays."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from cosod.apps.absence import is_absent
from cosod.apps.applications import MEMORY, PIXEL_BYTES
from cosod.apps.preflight import check_places
from cosod.apps.resumable import EventListener, Unit, UnitRecord
from cosod.apps.segment.job import RESERVED, VERB, SegmentJob
from cosod.apps.stale import real_path
from cosod.apps.summary import CLIP, PART, Summary
from cosod.apps.video.clips import Animation, Clip, open_clip
from cosod.apps.video.encoding import even, even_times, shortcomings, writer
from cosod.apps.video.opencv_probe import damaged_frames
from cosod.apps.video.segment import FrameMap, learn, maps
from cosod.apps.video.smoothing import Smoothing
from cosod.errors import InputError
from cosod.inference.detector import Detector
from cosod.io.background_writer import Writer
from cosod.io.file_names import shortened
from cosod.io.photo_groups import Group, unique_names
from cosod.io.run_records import file_states, fingerprint, record_of, refuse_foreign
from cosod.postprocess.render import overlay, save_image, to_8bit


class FrameSteps(NamedTuple):
    """What is done with each frame of a clip.

    Attributes:
        make: function of the number of a frame (from 1) and its map, which runs in threads, for several frames at the
            same time.
        then: function of the number of a frame and of what ``make`` returned, which runs in the order of the frames,
            and returns values for the event of the frame.
    """

    make: Callable[[int, FrameMap], Any]
    then: Callable[[int, Any], dict]


#: Number of damaged frames that a message lists.
_SHOWN = 5


class ClipTask(Protocol):
    """A task that makes results of the frames and maps of a clip.

    Attributes:
        output: folder of the results.
        overwrite: whether finished clips are processed again.
        absent: what is done with frames that do not show the object, see :data:`cosod.apps.absence.ABSENT_KINDS`.
    """

    @property
    def output(self) -> Path: ...

    @property
    def overwrite(self) -> bool: ...

    @property
    def absent(self) -> str: ...

    @property
    def verb(self) -> str:
        """The command that performs the task."""

    def facts(self) -> object:
        """Returns the options that the results depend on, as values for JSON."""

    def files(self, name: str, frames: int) -> list[Path]:
        """Returns all files of a clip with this number of frames."""

    def opened(self, clip: Clip, name: str, report: EventListener) -> AbstractContextManager[FrameSteps]:
        """Yields what is done with each frame."""


@dataclass(frozen=True)
class SegmentTask:
    """Maps, masks and overlays of clips, with the options of `cosod segment`."""

    job: SegmentJob
    verb = VERB

    @property
    def output(self) -> Path:
        return self.job.output

    @property
    def overwrite(self) -> bool:
        return self.job.overwrite

    @property
    def absent(self) -> str:
        return self.job.absent

    def facts(self) -> object:
        return list(self.job.facts.values())

    def files(self, name: str, frames: int) -> list[Path]:
        stems = [_stem(number) for number in range(1, frames + 1)]
        wanted = [self.job.target(kind, name, stem) for kind in self.job.save if kind != "overlays" for stem in stems]
        return [*wanted, self._video(name)] if "overlays" in self.job.save else wanted

    @contextlib.contextmanager
    def opened(self, clip: Clip, name: str, report: EventListener) -> Iterator[FrameSteps]:
        copies, rate = even_times(clip.times, clip.rate)
        with contextlib.ExitStack() as stack:
            video = None

            def then(number: int, made: tuple[dict, np.ndarray | None]) -> dict:
                nonlocal video
                told, shown = made
                if shown is not None:
                    if video is None:
                        sound = None if isinstance(clip, Animation) else clip.path
                        size = (shown.shape[0], shown.shape[1])
                        video = stack.enter_context(writer(self._video(name), rate, size, sound))
                    for _ in range(copies[number - 1] if number <= len(copies) else 1):
                        video.write(shown)
                return told

            if "overlays" in self.job.save:
                for message in shortcomings(clip.path):
                    report({"event": "warning", "group": name, "message": message})
            yield FrameSteps(functools.partial(self._make, name), then)

    def _make(self, name: str, number: int, found: FrameMap) -> tuple[dict, np.ndarray | None]:
        """Writes the map and the mask of a frame; returns their paths, and the frame of the overlay in BGR."""
        save, shown = self.job.save, None
        frame, saliency, _ = found
        pictures = {"maps": to_8bit(saliency)} if "maps" in save else {}
        if "masks" in save or "overlays" in save:
            mask = self.job.mask(saliency, frame)
            if "masks" in save:
                pictures["masks"] = mask
            if "overlays" in save:
                shown = cv2.cvtColor(even(overlay(frame, mask)), cv2.COLOR_RGB2BGR)
        told = {kind: self.job.target(kind, name, _stem(number)) for kind in pictures}
        for kind, picture in pictures.items():
            save_image(picture, told[kind])
        return {kind: str(path) for kind, path in told.items()}, shown

    def _video(self, name: str) -> Path:
        return self.job.output / "overlays" / f"{name}.mp4"


def clip_names(clips: Sequence[Path], groups: Sequence[Group]) -> list[str]:
    """Returns the names of the results of clips, which differ from the names of the groups."""
    return unique_names([shortened(clip.stem) for clip in clips], (*RESERVED, *(group.name for group in groups)))


def clip_targets(job: SegmentJob | ClipTask, clips: Sequence[Path], groups: Sequence[Group]) -> list[Path]:
    """Returns files that are written for clips; of the files for the frames, only the first."""
    task = _task(job)
    names = clip_names(clips, groups)
    return [path for name in names for path in (record_of(task.output, name), *task.files(name, 1))]


def run_clips(
    detector: Detector,
    model: str,
    clips: Sequence[Path],
    job: SegmentJob | ClipTask,
    report: EventListener = lambda event: None,
    groups: Sequence[Group] = (),
) -> Summary:
    """Segments clips: maps ``<output>/<clip>/000001.png``..., masks likewise, ``<output>/overlays/<clip>.mp4``.

    A clip that cannot be read is reported and skipped. Of a truncated clip, the readable part is processed, and the
    loss is reported; damaged frames are counted. Finished clips are skipped unless ``job.overwrite`` is set.

    Args:
        detector, model: as for :func:`cosod.apps.segment.run`.
        clips: clips from :func:`split`.
        job: options of the maps, or another :class:`ClipTask`.
        report: as for :func:`cosod.apps.segment.run`; each frame is an ``image`` event with its ``time`` in seconds.
        groups: groups with results in the same folder.
    """
    summary, start = Summary(), time.monotonic()
    task = _task(job)
    check_places(clip_targets(task, clips, groups), groups, clips)
    for name, path in zip(clip_names(clips, groups), clips, strict=True):
        unit = Unit(name, report, clip=True)
        try:
            _do_clip(detector, model, path, task, unit)
        except InputError as error:
            unit.fail(path, error, kind=CLIP)
        summary += unit.summary
    summary.seconds = time.monotonic() - start
    return summary


def _do_clip(detector: Detector, model: str, path: Path, task: ClipTask, unit: Unit) -> None:
    """Processes a clip, unless it is finished already."""
    name, output = unit.name, task.output
    clip = open_clip(path, detector.max_pixels)
    refuse_foreign(output, name, task.verb, () if task.overwrite else task.files(name, 1))
    print_ = fingerprint(model, *detector.options.views.values(), task.facts(), file_states([path]))
    record = UnitRecord(
        record_of(output, name),
        task.verb,
        print_,
        results=lambda stored: task.files(name, stored["frames"]),
        overwrite=task.overwrite,
    )
    if not unit.pending([record], images=0):
        return
    made = _make_clip(detector, clip, task, unit)
    for fault in made.faults:
        unit.fail(path, f"{path}: {fault}", kind=PART)
    photos = _photos(task, name, path, made.frames)
    facts = {"frames": made.frames, "detector": detector.options.plain(), "photos": photos, "absent": made.absent}
    unit.finish(made.frames, [facts])


def _task(job: SegmentJob | ClipTask) -> ClipTask:
    return SegmentTask(job) if isinstance(job, SegmentJob) else job


def _photos(task: ClipTask, name: str, path: Path, frames: int) -> dict[str, dict]:
    """Returns the entries of the frames in the record, in the form of photos: see :mod:`cosod.apps.stale`."""
    ((_, size, version),) = file_states([path])
    entry = {"image": real_path(path), "size": size, "version": version}
    found: dict[str, dict] = {}
    for file in task.files(name, frames):
        key = file.stem if file.parent.name == Path(name).name else "overlays"
        found.setdefault(key, entry | {"files": []})["files"].append(str(file.relative_to(task.output)))
    return found


class _Made(NamedTuple):
    """What was made of a clip.

    Attributes:
        frames: how many frames were done.
        faults: what is wrong with the clip: a sentence each.
        absent: the frames without the object, as in a :class:`~cosod.apps.summary.Summary`.
    """

    frames: int
    faults: list[str]
    absent: list[dict]


def _make_clip(detector: Detector, clip: Clip, task: ClipTask, unit: Unit) -> _Made:
    """Processes a clip."""
    # Meanwhile another process looks for damage, which FFmpeg reports on standard error only.
    looking: AbstractContextManager[Callable[[], list[int]]] = (
        contextlib.nullcontext(lambda: []) if isinstance(clip, Animation) else damaged_frames(clip.path)
    )
    with looking as damaged:
        learned = learn(clip, detector)
        unit.tell("clip", images=learned.frames)
        unit.begin()  # not earlier, so that the results of an earlier run remain if the clip cannot be read
        done, absent = 0, []
        with task.opened(clip, unit.name, unit.report) as steps, Writer(most=MEMORY) as background:
            for done, found in enumerate(maps(clip, detector, learned.consensus, Smoothing()), start=1):
                gone = is_absent(found.presence, task.absent)
                if gone and task.absent == "blank":
                    found = found._replace(saliency=np.zeros_like(found.saliency))
                facts: dict = {"image": f"{clip.path}#{done}"}
                if done <= len(clip.times):
                    facts["time"] = round(clip.times[done - 1], 3)
                facts["share"] = round(float((found.saliency > 0.5).mean()), 4)
                if found.presence is not None:
                    facts["presence"] = round(found.presence, 4)
                if gone:
                    where = {"group": unit.name, "image": str(clip.path), "frame": done}
                    absent.append(where | {"presence": facts["presence"]})

                def tell(made: Any, number: int = done, facts: dict = facts) -> None:
                    unit.tell("image", **facts, **steps.then(number, made))

                background.put(functools.partial(steps.make, done, found), tell, PIXEL_BYTES * found.saliency.size)
        faults = []
        if clip.promised > done * 1.02 + 1 or (isinstance(clip, Animation) and clip.promised > done):
            missing = clip.promised - done
            faults.append(f"breaks off after {done} frames, {missing} are missing; the readable part is done")
        broken = [number for number in damaged() if number <= done]
        if broken:
            numbers = ", ".join(map(str, broken[:_SHOWN])) + (", ..." if len(broken) > _SHOWN else "")
            faults.append(
                f"{len(broken)} of {done} frames are damaged (number {numbers}), which may spoil the results of these "
                "and of those that follow; get a whole copy of the file"
            )
    return _Made(done, faults, absent)


def _stem(number: int) -> str:
    return f"{number:06d}"
