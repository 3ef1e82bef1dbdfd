"""Segmenting folders into an output folder: results, what is done already, and what could not be read."""

import hashlib
import json
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cosod.data.groups import Group
from cosod.data.images import read_image
from cosod.detector import Detector
from cosod.errors import CosodError, ImageError, InputError, SingleImageWarning
from cosod.files import write_text
from cosod.results import binarise, check_threshold, overlay, save_image, to_8bit

KINDS = ("maps", "masks", "overlays")
#: Names in the output folder that no group may take.
RESERVED = ("masks", "overlays")
#: Folder of a record for each group, written last: its presence says that the group is finished.
RECORDS = ".cosod"


@dataclass(frozen=True)
class Job:
    """What to write for every group.

    Attributes:
        output: folder of the results.
        save: any of ``maps`` (``<output>/<group>/<stem>.png``), ``masks`` (``<output>/masks/<group>/<stem>.png``)
            and ``overlays`` (``<output>/overlays/<group>/<stem>.jpg``).
        threshold: of masks and overlays, see :func:`cosod.results.binarise`.
        overwrite: redo groups that are finished already.
    """

    output: Path
    save: tuple[str, ...] = ("maps",)
    threshold: float | str = 0.5
    overwrite: bool = False

    def __post_init__(self):
        unknown = [k for k in self.save if k not in KINDS]
        if unknown or not self.save:
            raise InputError(f"--save {','.join(self.save) or '(nothing)'}: give any of {', '.join(KINDS)}")
        check_threshold(self.threshold)

    def target(self, kind: str, group: str, stem: str) -> Path:
        """Where a result is written."""
        folder = self.output / group if kind == "maps" else self.output / kind / group
        return folder / (f"{stem}.jpg" if kind == "overlays" else f"{stem}.png")

    def record(self, group: str) -> Path:
        """The file that says that a group is finished."""
        return self.output / RECORDS / f"{group}.json"


@dataclass
class Summary:
    """Of one run: counts, and the images that could not be read, with the reason."""

    groups: int = 0
    skipped_groups: int = 0
    images: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def as_dict(self) -> dict:
        rate = self.images / self.seconds if self.seconds else 0.0
        return asdict(self) | {"seconds": round(self.seconds, 3), "images_per_second": round(rate, 2)}


def check_output(folder: Path) -> None:
    """Raises OutputError if results cannot be written to ``folder``, before any work is done."""
    probe = folder / RECORDS / "writable"
    write_text(probe, "")
    probe.unlink(missing_ok=True)


def run(
    detector: Detector, model: str, groups: list[Group], job: Job, report: Callable[[dict], None] = lambda event: None
) -> Summary:
    """Segment every group and write its results.

    Finished groups (same images, model and options) are skipped unless ``job.overwrite``. An image that cannot
    be read is left out and reported; an output that cannot be written ends the run.

    Args:
        detector: the predictor.
        model: identity of network and weights, part of what makes a group finished.
        groups: from :func:`cosod.data.find_groups`.
        job: what to write.
        report: called with a dictionary for each ``event``: image, failed, warning, group, skipped.
    """
    summary, start = Summary(), time.monotonic()
    for group in groups:
        print_ = _fingerprint(detector, model, group, job)
        record = job.record(group.name)
        earlier = None if job.overwrite else _finished(record, print_, group, job)
        if earlier is not None:
            summary.skipped_groups += 1
            summary.failed += earlier
            report({"event": "skipped", "group": group.name, "images": len(group.images)})
            continue
        if record.exists():
            write_text(record, "{}")  # not finished any more
        failed = _segment_group(detector, group, job, report)
        done = len(group.images) - len(failed)
        summary.images += done
        summary.failed += failed
        if done:
            summary.groups += 1
            write_text(record, json.dumps({"fingerprint": print_, "failed": failed}))
            report({"event": "group", "group": group.name, "images": done, "failed": len(failed)})
    summary.seconds = time.monotonic() - start
    return summary


def _segment_group(detector: Detector, group: Group, job: Job, report) -> list[dict[str, str]]:
    failed: list[dict[str, str]] = []

    def on_error(index: int, error: ImageError) -> None:
        failed.append({"group": group.name, "image": str(group.images[index]), "error": str(error)})
        report({"event": "failed", **failed[-1]})

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingleImageWarning)  # reported as an event below
            for index, saliency in detector.stream(group.images, on_error):
                written = _write(saliency, group, index, job, detector.max_pixels)
                report(
                    {
                        "event": "image",
                        "group": group.name,
                        "image": str(group.images[index]),
                        "share": round(float((saliency > 0.5).mean()), 4),
                        **{kind: str(path) for kind, path in written.items()},
                    }
                )
        if len(group.images) - len(failed) == 1:
            message = "one image only, which has nothing to share: its map is plain saliency"
            report({"event": "warning", "group": group.name, "message": message})
    except ImageError as error:
        # None of the group's images could be read: each has been reported, the other groups go on.
        if len(failed) < len(group.images):
            raise CosodError(f"{error}: it changed while it was being processed; run again") from error
    return failed


def _write(saliency, group: Group, index: int, job: Job, max_pixels: int) -> dict[str, Path]:
    written = {kind: job.target(kind, group.name, group.stems[index]) for kind in job.save}
    if "maps" in written:
        save_image(to_8bit(saliency), written["maps"])
    if "masks" in written or "overlays" in written:
        mask = binarise(saliency, job.threshold)
        if "masks" in written:
            save_image(mask, written["masks"])
        if "overlays" in written:
            save_image(overlay(read_image(group.images[index], max_pixels), mask), written["overlays"])
    return written


def _fingerprint(detector: Detector, model: str, group: Group, job: Job) -> str:
    """Changes whenever the group's results might."""
    files = []
    for path in group.images:
        try:
            state = path.stat()
            files.append((str(path.name), state.st_size, state.st_mtime_ns))
        except OSError:
            files.append((str(path.name), None, None))
    facts = (model, detector.size, sorted(job.save), job.threshold, files, group.stems)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _finished(record: Path, print_: str, group: Group, job: Job) -> list[dict[str, str]] | None:
    """The failures of the earlier run that finished this group; None if it has to be done."""
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        if stored["fingerprint"] != print_:
            return None
        failed = {Path(entry["image"]).name for entry in stored["failed"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for path, stem in zip(group.images, group.stems, strict=True):
        if path.name not in failed and not all(job.target(k, group.name, stem).exists() for k in job.save):
            return None
    return stored["failed"]
