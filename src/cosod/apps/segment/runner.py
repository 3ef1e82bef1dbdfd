"""Segmenting folders into an output folder: what is done already is skipped, and records say what is done."""

import functools
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from cosod.apps.absence import check_calibrated
from cosod.apps.preflight import check_places
from cosod.apps.segment.finding import EventListener, Finder
from cosod.apps.segment.job import VERB, SegmentJob, jobs_of, refuse_others
from cosod.apps.segment.task import GroupTask, options_of
from cosod.apps.stale import earlier_of
from cosod.apps.summary import Summary
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.detector import Detector
from cosod.io.atomic_write import write_text
from cosod.io.background_writer import Writer
from cosod.io.photo_groups import Group
from cosod.io.run_records import begin, read_record, refuse_foreign
from cosod.io.storage import all_there, is_remote

#: Images that are finished together where each is segmented by itself, so that a killed run need not start again.
PART = 500


def run(
    detector: Detector,
    model: str,
    groups: list[Group],
    job: SegmentJob,
    report: EventListener = lambda event: None,
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
    check_calibrated(detector.calibration, job.absent)
    tasks = [GroupTask(job)]
    if consensuses is not None:
        jobs = jobs_of(job, consensuses)
        tasks = [GroupTask(of, name, kept) for of, (name, kept) in zip(jobs, consensuses.items(), strict=True)]
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


def in_parts(group: Group) -> list[Group]:
    """Splits a group whose images are processed each by itself into parts."""
    if group.part is not None:
        return [group]
    cuts = [slice(first, first + PART) for first in range(0, len(group.images), PART)]
    return [Group(group.name, group.images[cut], group.stems[cut], number) for number, cut in enumerate(cuts)]


class _Run:
    """What all groups of a run have in common."""

    def __init__(self, detector: Detector, model: str, tasks: list[GroupTask], writer: Writer, report: EventListener):
        self.detector, self.model, self.tasks, self.writer, self._report = detector, model, tasks, writer, report
        self.finder = Finder(detector, writer, report)

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
        prints = [task.fingerprint(self.detector, self.model, group) for task in self.tasks]
        pending, earlier = [], {}
        for task, print_ in zip(self.tasks, prints, strict=True):
            stored = None if task.job.overwrite else _finished(task.job.record(record), print_, group, task.job)
            if stored is None:
                pending.append((task, print_))
                continue
            earlier = stored
            summary.absent += stored["absent"]
        if not pending:
            summary.failed += earlier["failed"]
            self.finder.report({"event": "skipped", "group": group.name, "images": len(group.images)})
            return True
        earlier_photos = []
        for task, _ in pending:
            earlier_photos.append(earlier_of(read_record(task.job.record(record))))
            if not is_remote(task.job.output) or task.job.record(record).exists():
                begin(task.job.record(record), VERB, earlier=earlier_photos[-1])  # not finished any more
        found = self.finder.find(group, [task for task, _ in pending])

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
                facts: dict[str, object] = {"verb": VERB, "fingerprint": print_, "failed": failed, "absent": absent}
                # For the verbs that start from these maps: where the object is, and what masks of them show.
                facts |= {"presence": found.presence[number], "threshold": task.job.threshold}
                facts |= {"photos": task.job.photos(group), "earlier": earlier_photos[number]}
                facts["detector"] = self.detector.options.plain()
                facts["options"] = options_of(self.detector, self.model, task.job, task.consensus)
                write_text(task.job.record(record), json.dumps(facts))
            self._report({"event": "group", "group": group.name, "images": done, "failed": len(failed)})

        self.writer.then(finish)
        return False


def _finished(record: Path, print_: str, group: Group, job: SegmentJob) -> dict | None:
    """Returns the record of the earlier run that finished this group; None if it has to be done."""
    stored = read_record(record)
    if stored.get("fingerprint") != print_:
        return None
    failed = {Path(entry["image"]).name for entry in stored["failed"]}
    stems = [s for path, s in zip(group.images, group.stems, strict=True) if path.name not in failed]
    return stored if all_there(job.target(k, group.name, stem) for k in job.save for stem in stems) else None
