"""Clips into an output folder: a map for each frame, masks, and a video of overlays."""

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2

from cosod.apps.preflight import check_places
from cosod.apps.segment import RESERVED, VERB, Job, Summary
from cosod.apps.stale import earlier_of, real_path
from cosod.apps.video.clips import SUFFIXES, Clip, even, writer
from cosod.apps.video.segment import learn, maps
from cosod.apps.video.smoothing import Smoothing
from cosod.errors import InputError
from cosod.inference.detector import Detector
from cosod.io.atomic_write import write_text
from cosod.io.file_names import shortened
from cosod.io.photo_groups import Group, unique_names
from cosod.io.run_records import begin, file_states, fingerprint, read_record, refuse_foreign
from cosod.postprocess.render import overlay, save_image, to_8bit


def split(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The video files among ``paths``, and all other paths. Folders are not searched for video."""
    clips = [p for p in paths if p.suffix.lower() in SUFFIXES and not p.is_dir()]
    once = {str(p.resolve()): p for p in reversed(clips)}
    return list(reversed(once.values())), [p for p in paths if p not in clips]


def clip_names(clips: Sequence[Path], groups: Sequence[Group]) -> list[str]:
    """Of each clip the name that its results have; none is a group's."""
    return unique_names([shortened(clip.stem) for clip in clips], (*RESERVED, *(group.name for group in groups)))


def clip_targets(job: Job, clips: Sequence[Path], groups: Sequence[Group]) -> list[Path]:
    """Files that are written for clips, as far as they are known: of the many frames the first."""
    return [path for name in clip_names(clips, groups) for path in (job.record(name), *_results(job, name))]


def run_clips(
    detector: Detector,
    model: str,
    clips: Sequence[Path],
    job: Job,
    report: Callable[[dict], None] = lambda event: None,
    groups: Sequence[Group] = (),
) -> Summary:
    """Segment every clip: ``<output>/<clip>/000001.png``..., masks likewise, ``<output>/overlays/<clip>.mp4``.

    A clip that cannot be read is reported and the others go on; of one that breaks off, the readable part is done and
    the loss reported. Finished clips are skipped unless ``job.overwrite``.

    Args:
        detector, model, job: as for :func:`cosod.apps.segment.run`.
        clips: from :func:`split`.
        report: as there; a frame is an ``image`` event.
        groups: that have results in the same folder.
    """
    summary, start = Summary(), time.monotonic()
    check_places(clip_targets(job, clips, groups), groups, clips)
    for name, path in zip(clip_names(clips, groups), clips, strict=True):
        try:
            clip = Clip(path, detector.max_pixels)
            refuse_foreign(job.output, name, VERB, () if job.overwrite else _results(job, name))
            print_ = fingerprint(model, *detector.views.values(), *job.facts.values(), file_states([path]))
            earlier = None if job.overwrite else _finished(job, name, print_)
            if earlier is not None:
                summary.skipped_groups += 1
                summary.failed += earlier["failed"]
                report({"event": "skipped", "group": name, "images": 0})
                continue
            before = earlier_of(read_record(job.record(name)))
            frames, missing = _segment_clip(detector, clip, name, job, report, before)
        except InputError as error:
            _fail(summary.failed, name, path, str(error), report)
            continue
        failed: list[dict[str, str]] = []
        if missing > 0:
            message = f"{path}: breaks off after {frames} frames, {missing} are missing; the readable part is done"
            _fail(failed, name, path, message, report)
        facts = {"verb": VERB, "fingerprint": print_, "frames": frames, "failed": failed}
        facts |= {"photos": _photos(job, name, path, frames), "earlier": before}
        write_text(job.record(name), json.dumps(facts))
        summary.groups += 1
        summary.images += frames
        summary.failed += failed
        report({"event": "group", "group": name, "images": frames, "failed": len(failed)})
    summary.seconds = time.monotonic() - start
    return summary


def _photos(job: Job, name: str, path: Path, frames: int) -> dict[str, dict]:
    """What the record says of frames, as of photos: see :mod:`cosod.apps.stale`."""
    ((_, size, version),) = file_states([path])
    entry = {"image": real_path(path), "size": size, "version": version}
    found = {}
    for number in range(1, frames + 1):
        stem = f"{number:06d}"
        files = [job.target(kind, name, stem) for kind in job.save if kind != "overlays"]
        found[stem] = entry | {"files": [str(file.relative_to(job.output)) for file in files]}
    if "overlays" in job.save:
        found["overlays"] = entry | {"files": [str(_overlays(job, name).relative_to(job.output))]}
    return found


def _segment_clip(detector: Detector, clip: Clip, name: str, job: Job, report, before) -> tuple[int, int]:
    """Frames done, and frames that the file promised beyond them."""
    learned = learn(clip, detector)
    report({"event": "clip", "group": name, "images": learned.frames})
    begin(job.record(name), VERB, earlier=before)  # not finished any more
    done = 0
    with contextlib.ExitStack() as stack:
        video = None
        for done, (frame, saliency) in enumerate(maps(clip, detector, learned.consensus, Smoothing()), start=1):
            event = {"event": "image", "group": name, "image": f"{clip.path}#{done}"}
            stem = f"{done:06d}"
            if "maps" in job.save:
                save_image(to_8bit(saliency), job.target("maps", name, stem))
                event["maps"] = str(job.target("maps", name, stem))
            mask = job.mask(saliency, frame) if {"masks", "overlays"} & set(job.save) else None
            if "masks" in job.save:
                save_image(mask, job.target("masks", name, stem))
                event["masks"] = str(job.target("masks", name, stem))
            if "overlays" in job.save:
                if video is None:
                    video = stack.enter_context(writer(_overlays(job, name), clip.rate, frame.shape[:2]))
                video.write(cv2.cvtColor(even(overlay(frame, mask)), cv2.COLOR_RGB2BGR))
            report(event | {"share": round(float((saliency > 0.5).mean()), 4)})
    return done, clip.promised - done if clip.promised > done * 1.02 + 1 else 0


def _results(job: Job, name: str) -> list[Path]:
    return [_overlays(job, name) if kind == "overlays" else job.target(kind, name, "000001") for kind in job.save]


def _overlays(job: Job, name: str) -> Path:
    return job.output / "overlays" / f"{name}.mp4"


def _fail(failed: list[dict[str, str]], name: str, path: Path, message: str, report) -> None:
    failed.append({"group": name, "image": str(path), "error": message})
    report({"event": "failed", **failed[-1]})


def _finished(job: Job, name: str, print_: str) -> dict | None:
    """The record of the earlier run that finished this clip; None if it has to be done."""
    stored = read_record(job.record(name))
    if stored.get("fingerprint") != print_:
        return None
    stems = [f"{n:06d}" for n in range(1, stored["frames"] + 1)]
    wanted = [job.target(kind, name, stem) for kind in job.save if kind != "overlays" for stem in stems]
    if "overlays" in job.save:
        wanted.append(_overlays(job, name))
    return stored if all(path.exists() for path in wanted) else None
