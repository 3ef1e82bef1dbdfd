"""A folder that fills while the program runs: each photo is done once it is there whole, by consensuses kept before."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosod.apps.group_job import refuse_others
from cosod.apps.segment.job import RESERVED, SegmentJob, jobs_of
from cosod.apps.segment.runner import run
from cosod.apps.segment.task import options_of
from cosod.apps.stale import find_stale, real_path
from cosod.apps.summary import Summary
from cosod.errors import InputError
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.detector import Detector
from cosod.io.file_names import shortened
from cosod.io.image_formats import LeftOut
from cosod.io.photo_groups import Group, find_groups, unique_names
from cosod.io.run_records import RECORDS, file_states, read_record
from cosod.io.storage import all_there, is_remote, kind

#: Size and version of a file.
State = tuple[int | None, int | str | None]


class Watch:
    """Looks into a folder again and again, and finds in new photos what consensuses stand for.

    A photo is done when its file was the same in two looks, so that one that is still being copied is left alone; a
    photo that is changed later is done again. Results lie as those of ``cosod apply``, and their records make a watch
    that is started again go on. Names of results stay what they were when photos of the same name come in.

    Args:
        detector: the predictor.
        model: identity of network and weights.
        folder: what is looked into, at any depth.
        job: what to write.
        consensuses: name -> consensus.
        report: called with a dictionary for each ``event``, as by :func:`cosod.apps.segment.run`.

    Attributes:
        failed: real path -> failure, of photos that could not be read.
        left_out: the files of the last look that are not read.

    Raises:
        InputError: the folder does not exist, or results would overwrite what this command has not made.

    Example:
        >>> job = SegmentJob(Path("out"))  # doctest: +SKIP
        >>> watch = Watch(detector, model, Path("incoming"), job, {"mug": consensus})  # doctest: +SKIP
        >>> summary = watch.look()  # doctest: +SKIP
    """

    def __init__(
        self,
        detector: Detector,
        model: str,
        folder: Any,
        job: SegmentJob,
        consensuses: Mapping[str, GroupConsensus],
        report: Callable[[dict], None] = lambda event: None,
    ):
        if kind(folder) != "folder":
            raise InputError(f"{folder}: no such folder; give the folder that photos come into")
        self.detector, self.model, self.folder, self.job = detector, model, folder, job
        self.consensuses, self.report = consensuses, report
        self.failed: dict[str, dict[str, str]] = {}
        self.left_out: list[LeftOut] = []
        self._jobs = jobs_of(job, consensuses)
        self._stems: dict[str, dict[str, str]] = {}  # group -> real path -> stem
        self._names: dict[str, str] = {}  # real folder -> group
        self._parts: dict[str, int] = {}
        self._done: dict[str, State] = {}
        self._seen: dict[str, State] = {}
        self._read_records()
        refuse_others(self._jobs, self.groups())

    def look(self) -> Summary:
        """Do the photos that are new or changed, and whole; what is new to this look waits for the next."""
        summary = Summary()
        for group in self.groups():
            states = [(size, version) for _, size, version in file_states(group.images)]
            real = [real_path(image) for image in group.images]
            ready = [
                index
                for index, (path, state) in enumerate(zip(real, states, strict=True))
                if self._done.get(path) != state and self._seen.get(path) == state and state[0] is not None
            ]
            self._seen |= dict(zip(real, states, strict=True))
            if ready:
                summary += self._do(group, ready, {real[index]: states[index] for index in ready})
        return summary

    def waiting(self) -> bool:
        """Whether a photo of the last look is not done, and has to be looked at again."""
        return any(self._done.get(path) != state for path, state in self._seen.items())

    def stale(self) -> list[Path]:
        """Returns the results of photos that are not in the folder any more."""
        groups = self.groups()
        return [file for job in self._jobs for file in find_stale(job.output, groups)]

    def groups(self) -> list[Group]:
        """Returns the photos that are there, under the names that their results have or will have."""
        left_out: list[LeftOut] = []
        try:
            found = find_groups([self.folder], [self.job.output], RESERVED, on_left_out=left_out.append)
        except InputError:
            if kind(self.folder) != "folder":
                raise
            found = []  # no photos yet
        self.left_out = left_out
        return [self._named(group) for group in found]

    def _named(self, group: Group) -> Group:
        """Returns the group with names that do not depend on what comes in later."""
        folder = real_path(group.images[0].parent)
        if folder not in self._names:
            self._names[folder] = unique_names([group.name], [*RESERVED, RECORDS, *self._names.values()])[0]
        name = self._names[folder]
        stems = self._stems.setdefault(name, {})
        for image in group.images:
            if (real := real_path(image)) not in stems:
                plain, ending = shortened(image.stem), image.suffix[1:]
                taken = {stem.casefold() for stem in stems.values()}
                wanted = plain if plain.casefold() not in taken else shortened(f"{image.stem}_{ending}")
                stems[real] = unique_names([wanted], list(stems.values()))[0]
        return Group(name, group.images, tuple(stems[real_path(image)] for image in group.images))

    def _do(self, group: Group, indices: Sequence[int], states: Mapping[str, State]) -> Summary:
        number = self._parts[group.name] = self._parts.get(group.name, -1) + 1
        images, stems = (tuple(group.images[i] for i in indices), tuple(group.stems[i] for i in indices))
        part = Group(group.name, images, stems, number)
        summary = run(self.detector, self.model, [part], self.job, self.report, self.consensuses)
        self._done |= states  # what could not be read is tried again when it changes
        for real in states:
            self.failed.pop(real, None)
        self.failed |= {real_path(Path(entry["image"])): entry for entry in summary.failed}
        return summary

    def _read_records(self) -> None:
        """Take over what earlier watches did, and the names that it has."""
        finished: list[dict[str, State]] = []
        for number, job in enumerate(self._jobs):
            consensus = list(self.consensuses.values())[number]
            options = options_of(self.detector, self.model, job, consensus)
            done: dict[str, State] = {}
            for name, part, record in _records(job.output):
                self._parts[name] = max(self._parts.get(name, -1), part)
                failed = {real_path(Path(entry["image"])) for entry in record.get("failed", [])}
                for stem, entry in record.get("photos", {}).items():
                    image = entry["image"]
                    self._names.setdefault(str(Path(image).parent), name)
                    self._stems.setdefault(name, {})[image] = stem
                    same = record.get("options") == options and image not in failed and not job.overwrite
                    if same and all_there(job.output / file for file in entry["files"]):
                        done[image] = (entry["size"], entry["version"])
                    else:
                        done.pop(image, None)
            finished.append(done)
        first, *others = finished
        self._done = {image: state for image, state in first.items() if all(o.get(image) == state for o in others)}


def watch(
    watched: Watch,
    every: float,
    idle: float | None = None,
    once: bool = False,
    looked: Callable[[Summary], None] = lambda summary: None,
    stop: threading.Event | None = None,
) -> None:
    """Looks into the folder again and again, until no photo has arrived for some time, or without end.

    Args:
        watched: the folder.
        every: seconds between two looks.
        idle: end after so many seconds without a new photo; by default never.
        once: whether to end when the photos that are there are processed.
        looked: called after each look with its summary.
        stop: when this is set, the look that goes on is the last.
    """
    stop = stop or threading.Event()
    last = time.monotonic()
    while not stop.is_set():
        summary = watched.look()
        looked(summary)
        if summary.images or summary.failed or watched.waiting():
            last = time.monotonic()
        elif once or (idle is not None and time.monotonic() - last >= idle):
            return
        stop.wait(every)


def _records(output: Any) -> list[tuple[str, int, dict]]:
    """Returns the group, number and record of each part in a folder, in their order."""
    if is_remote(output):
        return []
    found = []
    for folder in (output / RECORDS).glob("part *"):
        number = folder.name.removeprefix("part ")
        if number.isdecimal():
            for path in folder.rglob("*.json"):
                name = path.relative_to(folder).with_suffix("").as_posix()
                found.append((name, int(number), read_record(path)))
    return sorted(found, key=lambda entry: entry[:2])
