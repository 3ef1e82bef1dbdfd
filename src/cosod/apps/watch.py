"""Watching a folder: new photos are processed with saved consensuses as soon as their files are complete."""

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
from cosod.inference.results import GroupDetector
from cosod.io.file_names import shortened
from cosod.io.image_formats import LeftOut
from cosod.io.photo_groups import Group, find_groups, unique_names
from cosod.io.run_records import RECORDS, file_states, read_record
from cosod.io.storage import all_there, is_remote, kind

#: Size in bytes and version of a file.
State = tuple[int | None, int | str | None]


class Watch:
    """A watched folder, in whose new photos the objects of saved consensuses are segmented.

    Each call of :meth:`look` searches the folder once. A photo is processed when its file has not changed between two
    looks, so that a file that is still being copied is left alone. A photo that changes later is processed again. The
    results have the same places as those of ``cosod apply``. Their records allow a new watch to continue an earlier
    one. The names of results do not change when more photos with the same name arrive.

    Args:
        detector: the detector.
        model: identity of its network and weights.
        folder: the folder, which is searched at any depth.
        job: what to write.
        consensuses: name -> consensus.
        report: called with a dictionary for each event, as by :func:`cosod.apps.segment.run`.

    Attributes:
        failed: real path -> failure, of the photos that could not be read.
        left_out: the files in the folder that were not read in the last look.

    Raises:
        InputError: the folder does not exist, or results would overwrite files that this command has not written.

    Example:
        >>> job = SegmentJob(Path("out"))  # doctest: +SKIP
        >>> watch = Watch(detector, model, Path("incoming"), job, {"mug": consensus})  # doctest: +SKIP
        >>> summary = watch.look()  # doctest: +SKIP
    """

    def __init__(
        self,
        detector: GroupDetector,
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
        """Searches the folder once, and processes new and changed photos whose files are the same as in the last look.

        Returns:
            The summary of the photos that were processed.

        Raises:
            InputError: the folder does not exist any more.
            OutputError: a result cannot be written.
        """
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
        """Returns whether a photo that was there in the last look has not been processed yet."""
        return any(self._done.get(path) != state for path, state in self._seen.items())

    def stale(self) -> list[Path]:
        """Returns the result files of photos that are not in the folder any more."""
        groups = self.groups()
        return [file for job in self._jobs for file in find_stale(job.output, groups)]

    def groups(self) -> list[Group]:
        """Returns the photos in the folder as groups, with the names that their results have or will have.

        Raises:
            InputError: the folder does not exist any more.
        """
        left_out: list[LeftOut] = []
        try:
            found = find_groups([self.folder], [self.job.output], RESERVED, on_left_out=left_out.append)
        except InputError:
            if kind(self.folder) != "folder":
                raise
            found = []  # there are no photos yet
        self.left_out = left_out
        return [self._named(group) for group in found]

    def _named(self, group: Group) -> Group:
        """Returns the group with names that do not change when more photos arrive."""
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
        self._done |= states  # a photo that could not be read is tried again when its file changes
        for real in states:
            self.failed.pop(real, None)
        self.failed |= {real_path(Path(entry["image"])): entry for entry in summary.failed}
        return summary

    def _read_records(self) -> None:
        """Reads from the records of earlier watches which photos are finished, and the names of their results."""
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
    """Looks into a folder repeatedly, without end or until no photo has arrived for some time.

    Args:
        watched: the watched folder.
        every: seconds between two looks.
        idle: number of seconds without a new photo after which the function returns; None sets no limit.
        once: whether to return as soon as all photos in the folder are processed.
        looked: called after each look with its summary.
        stop: event that another thread sets to end the watch; the function returns after the present look.

    Raises:
        InputError: the folder does not exist any more.
        OutputError: a result cannot be written.

    Example:
        >>> watch(watched, every=5.0, once=True)  # doctest: +SKIP
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
    """Returns the name of the group, the number and the record of each part in an output folder, sorted."""
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
