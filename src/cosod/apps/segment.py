"""Segmenting folders into an output folder: results, what is done already, and what could not be read."""

import contextlib
import functools
import json
import time
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from cosod.apps.absence import ABSENT_KINDS, check_calibrated
from cosod.apps.blame import blame
from cosod.apps.preflight import check_places
from cosod.apps.stale import earlier_of, photos_of
from cosod.errors import CosodError, ImageError, InputError, SingleImageWarning, UniformImageWarning
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.detector import Detector
from cosod.inference.pipeline import Result
from cosod.inference.presence import ABSENT
from cosod.io.atomic_write import write_text
from cosod.io.background_writer import Writer
from cosod.io.images import read_image
from cosod.io.photo_groups import Group
from cosod.io.run_records import RECORDS, begin, file_states, fingerprint, read_record, record_of, refuse_foreign
from cosod.io.storage import all_there, is_remote, remove
from cosod.postprocess.render import fitting_jpeg, overlay, save_image, to_8bit
from cosod.postprocess.threshold import binarize, check_threshold

KINDS = ("maps", "masks", "overlays")
#: Names in the output folder that no group may take.
RESERVED = ("masks", "overlays", "manifest.json")
#: The verb in their records.
VERB = "segment"
#: Where masks have their outlines from.
OUTLINES = ("map", "grabcut")
#: Images that are finished together where each is segmented by itself, so that a killed run need not start again.
PART = 500


@dataclass(frozen=True)
class SegmentJob:
    """What to write for every group.

    Attributes:
        output: folder of the results.
        save: any of ``maps`` (``<output>/<group>/<stem>.png``), ``masks`` (``<output>/masks/<group>/<stem>.png``)
            and ``overlays`` (``<output>/overlays/<group>/<stem>.jpg``).
        threshold: threshold of masks and overlays, see :func:`cosod.postprocess.threshold.binarize`.
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

    def targets(self, groups: Iterable[Group]) -> Iterator[Path]:
        """Returns every file that is written for the groups."""
        for group in groups:
            yield self.record(group.name)
            yield from self.results(group)

    def results(self, group: Group) -> Iterator[Path]:
        """Returns every result that is written for a group."""
        for stem in group.stems:
            for kind in self.save:
                yield self.target(kind, group.name, stem)

    def photos(self, group: Group) -> dict[str, dict]:
        """Returns what a group's record says of its photos; see :mod:`cosod.apps.stale`."""
        return photos_of(
            group, self.output, lambda index: [self.target(k, group.name, group.stems[index]) for k in self.save]
        )

    def mask(self, saliency: np.ndarray, image: np.ndarray | None) -> np.ndarray:
        """Computes the mask of a map; its image ``(H, W, 3)`` is needed where ``outline`` says so."""
        if self.outline == "map":
            return binarize(saliency, self.threshold)
        from cosod.apps.cutout.cutout import cut_mask

        return cut_mask(image, saliency, self.threshold)

    def record(self, group: str) -> Path:
        """Returns the file that says that a group is finished."""
        return record_of(self.output, group)


@dataclass
class Summary:
    """Of one run: counts, the images that could not be read, with the reason, those without the object, and results
    whose photos are gone.
    """

    groups: int = 0
    skipped_groups: int = 0
    images: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    absent: list[dict] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def as_dict(self) -> dict:
        rate = self.images / self.seconds if self.seconds else 0.0
        return asdict(self) | {"seconds": round(self.seconds, 3), "images_per_second": round(rate, 2)}


def check_output(folder: Path) -> None:
    """Raises OutputError if results cannot be written to ``folder``, before any work is done."""
    probe = folder / RECORDS / "writable"
    write_text(probe, "")
    with contextlib.suppress(OSError):  # a store may let objects be written and not removed
        remove(probe)


@dataclass(frozen=True)
class _Task:
    """What is to be done with a group: a job, and the consensus to apply, or None for the group's own."""

    job: SegmentJob
    name: str | None = None
    consensus: GroupConsensus | None = None


def run(
    detector: Detector,
    model: str,
    groups: list[Group],
    job: SegmentJob,
    report: Callable[[dict], None] = lambda event: None,
    consensuses: Mapping[str, GroupConsensus] | None = None,
    finished: Callable[[Group, Summary], None] = lambda group, summary: None,
) -> Summary:
    """Segment every group and write its results.

    Finished groups (same images, model and options) are skipped unless ``job.overwrite``. An image that cannot
    be read is left out and reported; an output that cannot be written ends the run. Results are written in threads
    while the network goes on; a group's record is written once all its results are.

    Args:
        detector: the predictor.
        model: identity of network and weights, part of what makes a group finished.
        groups: from :func:`cosod.io.find_groups`.
        job: what to write.
        report: called with a dictionary for each ``event``: image, failed, warning, group, skipped.
        consensuses: name -> consensus to apply to each image by itself, in place of what each group shares. Of
            several, each writes to a folder of its name in the output.
        finished: called with each group and its own summary, once its results and its record are written.

    Raises:
        InputError: ``job.absent`` needs presence scores, and the network has none.
    """
    check_absent(detector, job)
    tasks = [_Task(job)]
    if consensuses is not None:
        jobs = jobs_of(job, consensuses)
        tasks = [_Task(of, name, kept) for of, (name, kept) in zip(jobs, consensuses.items(), strict=True)]
    for task in tasks:
        check_places(task.job.targets(groups), groups, named=task.job.file is not None)
    summary, start = Summary(), time.monotonic()
    with Writer() as writer:
        work = _Run(detector, model, tasks, writer, report)
        refuse_others([task.job for task in tasks], groups)
        parts = []
        for group in groups:
            parts.append(work.group(group))
            writer.then(functools.partial(finished, group, parts[-1]))
    summary = sum(parts, summary)  # not before: an image may turn out bad while its results are written
    summary.seconds = time.monotonic() - start
    return summary


def jobs_of(job: SegmentJob, names: Collection[str]) -> list[SegmentJob]:
    """Returns the job of each consensus; of several, each writes to a folder of its name in the output."""
    return [replace(job, output=job.output / name) for name in names] if len(names) > 1 else [job]


def refuse_others(jobs: Sequence[SegmentJob], groups: Sequence[Group]) -> None:
    """Raises InputError where results of another command, or other files, would be overwritten.

    A store takes long to tell of all groups, and is asked when their turn comes.
    """
    for job in jobs:
        if not is_remote(job.output):
            for group in groups:
                refuse_foreign(job.output, group.name, VERB, () if job.overwrite else job.results(group))


def check_absent(detector: Detector, job: SegmentJob) -> None:
    """Raises InputError where ``job.absent`` needs presence scores, and the network has none."""
    check_calibrated(detector.calibration, job.absent)


def in_parts(group: Group) -> list[Group]:
    """Splits a group whose images are processed each by itself into parts."""
    if group.part is not None:
        return [group]
    cuts = [slice(first, first + PART) for first in range(0, len(group.images), PART)]
    return [Group(group.name, group.images[cut], group.stems[cut], number) for number, cut in enumerate(cuts)]


@dataclass(frozen=True)
class _Found:
    """What is found in the images of a group, each known by its index.

    Attributes:
        failed: those that could not be read, or not any more when their results were written.
        absent: for each task those without the object.
        presence: for each task, by stem.
    """

    failed: dict[int, dict[str, str]]
    absent: list[dict[int, dict]]
    presence: list[dict[str, float]]


class _Run:
    """What all groups of a run have in common."""

    def __init__(self, detector: Detector, model: str, tasks: list[_Task], writer: Writer, report):
        self.detector, self.model, self.tasks, self.writer, self._report = detector, model, tasks, writer, report

    def report(self, event: dict) -> None:
        """Reports an event in its place among those of results that are being written."""
        self.writer.then(functools.partial(self._report, event))

    def group(self, group: Group) -> Summary:
        """Segment one group; its results are in the writer's hands when this returns, and its summary once they are
        written.
        """
        summary, start = Summary(), time.monotonic()
        for task in self.tasks:
            refuse_foreign(task.job.output, group.name, VERB)
        own = self.tasks[0].consensus is None
        skipped = [self._part(part, summary) for part in ([group] if own else in_parts(group))]
        summary.skipped_groups += all(skipped)

        def count() -> None:
            summary.groups += summary.images > 0

        self.writer.then(count)
        summary.seconds = time.monotonic() - start
        return summary

    def _part(self, group: Group, summary: Summary) -> bool:
        """Segment a part of a group, or a whole one; whether it was finished already."""
        record = group.name if group.part is None else f"part {group.part}/{group.name}"
        prints = [_fingerprint(self.detector, self.model, group, task) for task in self.tasks]
        pending, earlier = [], None
        for task, print_ in zip(self.tasks, prints, strict=True):
            stored = None if task.job.overwrite else _finished(task.job.record(record), print_, group, task.job)
            if stored is None:
                pending.append((task, print_))
                continue
            earlier = stored
            summary.absent += stored["absent"]
        if not pending:
            summary.failed += earlier["failed"]
            self.report({"event": "skipped", "group": group.name, "images": len(group.images)})
            return True
        earlier_photos = []
        for task, _ in pending:
            earlier_photos.append(earlier_of(read_record(task.job.record(record))))
            if not is_remote(task.job.output) or task.job.record(record).exists():
                begin(task.job.record(record), VERB, earlier=earlier_photos[-1])  # not finished any more
        found = self._segment(group, [task for task, _ in pending])

        def finish() -> None:
            failed = list(found.failed.values())
            summary.failed += failed
            done = len(group.images) - len(failed)
            if not done:
                return
            summary.images += done
            for number, (task, print_) in enumerate(pending):
                absent = [facts for index, facts in found.absent[number].items() if index not in found.failed]
                summary.absent += absent
                facts = {"verb": VERB, "fingerprint": print_, "failed": failed, "absent": absent}
                # For the verbs that start from these maps: where the object is, and what masks of them show.
                facts |= {"presence": found.presence[number], "threshold": task.job.threshold}
                facts |= {"photos": task.job.photos(group), "earlier": earlier_photos[number]}
                facts["detector"] = self.detector.options.plain()
                facts["options"] = options_of(self.detector, self.model, task.job, task.consensus)
                write_text(task.job.record(record), json.dumps(facts))
            self._report({"event": "group", "group": group.name, "images": done, "failed": len(failed)})

        self.writer.then(finish)
        return False

    def _segment(self, group: Group, tasks: list[_Task]) -> _Found:
        """Segments a group; its results are complete once the writer has written all of them."""
        found = _Found({}, [{} for _ in tasks], [{} for _ in tasks])
        own = tasks[0].consensus is None

        unread: set[int] = set()

        def on_error(index: int, error: ImageError) -> None:
            unread.add(index)
            self._fail(found, group, index, error, self.report)

        try:
            with warnings.catch_warnings():
                for told in (SingleImageWarning, UniformImageWarning):  # as events
                    warnings.simplefilter("ignore", told)
                uniform: set[int] = set()
                consensuses = None if own else [task.consensus for task in tasks]
                for result in self.detector.results(group.images, on_error, consensuses):
                    task = tasks[result.consensus]
                    facts = _facts(group, task, result)
                    uniform |= {result.index} if result.uniform else set()
                    if result.presence is not None:
                        found.presence[result.consensus][group.stems[result.index]] = facts["presence"]
                    blank = False
                    if task.job.absent != "keep" and result.presence is not None and result.presence < ABSENT:
                        found.absent[result.consensus][result.index] = facts
                        blank = task.job.absent == "blank"
                    self._write(result, blank, group, task.job, facts, found)
            if own and len(group.images) - len(unread) - len(uniform) == 1:
                message = "one image only, which has nothing to share: its map is plain saliency"
                self.report({"event": "warning", "group": group.name, "message": message})
        except ImageError as error:
            # None of the group's images could be read: each has been reported, the other groups go on.
            if len(unread) < len(group.images):
                raise CosodError(f"{error}: it changed while it was being processed; run again") from error
        return found

    def _fail(self, found: _Found, group: Group, index: int, error: ImageError, report) -> None:
        """Leaves out an image, once for all tasks, and reports it."""
        if index not in found.failed:
            found.failed[index] = {"group": group.name, "image": str(group.images[index]), "error": str(error)}
            report({"event": "failed", **found.failed[index]})

    def _write(self, result: Result, blank: bool, group: Group, job: SegmentJob, facts: dict, found: _Found) -> None:
        """Hand a map over to be written, or an empty one, and its event to be reported when it is."""
        height, width = result.size
        write = functools.partial(_write, result, blank, group, job, self.detector.max_pixels)

        def then(told: dict | ImageError) -> None:
            if isinstance(told, ImageError):
                self._fail(found, group, result.index, told, self._report)
            else:
                self._report({"event": "image", **facts, **told})

        self.writer.put(write, then, 4 * height * width)


def _facts(group: Group, task: _Task, result: Result) -> dict:
    facts = {"group": group.name, "image": str(group.images[result.index])}
    if task.name is not None:
        facts["consensus"] = task.name
    if result.presence is not None:
        facts["presence"] = round(result.presence, 4)
    if result.uniform:
        facts["notes"] = ["it is of one color, and nothing is to be found in it"]
    return facts


def _write(result: Result, blank: bool, group: Group, job: SegmentJob, max_pixels: int) -> dict | ImageError:
    """Write an image's results; its share of the map, and where they are, for the event.

    What goes wrong with the image is returned: it was read before, and may be gone or another one by now.
    """
    try:
        with blame(group.images[result.index]):
            return _write_all(result, blank, group, job, max_pixels)
    except ImageError as error:
        return error


def _write_all(result: Result, blank: bool, group: Group, job: SegmentJob, max_pixels: int) -> dict:
    index = result.index
    again = "overlays" in job.save or ("masks" in job.save and job.outline != "map")
    # First, so that an image that cannot be read any more gets no results at all.
    image = _read_again(group.images[index], result.size, max_pixels) if again else None
    saliency = np.zeros(result.size, np.float32) if blank else result.map
    written = {kind: job.target(kind, group.name, group.stems[index]) for kind in job.save}
    if "maps" in written:
        save_image(to_8bit(saliency), written["maps"])
    if "masks" in written or "overlays" in written:
        mask = job.mask(saliency, image)
        if "masks" in written:
            save_image(mask, written["masks"])
        if "overlays" in written:
            save_image(fitting_jpeg(overlay(image, mask)), written["overlays"])
    places = {kind: str(path) for kind, path in written.items()}
    return {"share": round(np.count_nonzero(saliency > 0.5) / saliency.size, 4), **places}


def _read_again(path: Path, size: tuple[int, int], max_pixels: int) -> np.ndarray:
    try:
        image = read_image(path, max_pixels)
    except ImageError as error:
        raise ImageError(f"{error}: it changed while it was being processed; run again") from error
    if image.shape[:2] != size:
        raise ImageError(f"{path}: it was replaced by a picture of another size while it was processed; run again")
    return image


def options_of(detector: Detector, model: str, job: SegmentJob, consensus: GroupConsensus | None) -> str:
    """Returns a fingerprint that changes whenever the results of the same photos might."""
    return fingerprint(*_options(detector, model, job, consensus))


def _options(detector: Detector, model: str, job: SegmentJob, consensus: GroupConsensus | None) -> tuple:
    network = (model, detector.precision, *detector.options.views.values())
    return (*network, *job.facts.values(), consensus and consensus.fingerprint)


def _fingerprint(detector: Detector, model: str, group: Group, task: _Task) -> str:
    """Returns a fingerprint that changes whenever the group's results might."""
    facts = _options(detector, model, task.job, task.consensus)
    if task.consensus is None and detector.options.sampling.applies_to(len(group.images)):
        facts += (detector.options.sampling.references, detector.options.sampling.by, detector.options.sampling.seed)
    return fingerprint(*facts, file_states(group.images), group.stems)


def _finished(record: Path, print_: str, group: Group, job: SegmentJob) -> dict | None:
    """Returns the record of the earlier run that finished this group; None if it has to be done."""
    stored = read_record(record)
    if stored.get("fingerprint") != print_:
        return None
    failed = {Path(entry["image"]).name for entry in stored["failed"]}
    stems = [s for path, s in zip(group.images, group.stems, strict=True) if path.name not in failed]
    return stored if all_there(job.target(k, group.name, stem) for k in job.save for stem in stems) else None
