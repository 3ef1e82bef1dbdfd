"""Segmenting folders into an output folder, where finished groups are skipped."""

import functools
import time
from collections.abc import Callable, Mapping

from cosod.apps.absence import check_calibrated
from cosod.apps.group_job import refuse_others, targets
from cosod.apps.preflight import check_places
from cosod.apps.resumable import EventListener, Unit
from cosod.apps.segment.finding import Search
from cosod.apps.segment.job import SegmentJob, jobs_of
from cosod.apps.segment.task import GroupTask, options_of
from cosod.apps.stale import photos_of
from cosod.apps.summary import Summary
from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.detector import Detector
from cosod.io.background_writer import Writer
from cosod.io.photo_groups import Group
from cosod.io.run_records import refuse_foreign

Finished = Callable[[Group, Summary], None]
#: Images that are finished together where each is segmented by itself, so that a killed run need not start again.
PART = 500


def run(
    detector: Detector,
    model: str,
    groups: list[Group],
    job: SegmentJob,
    report: EventListener = lambda event: None,
    consensuses: Mapping[str, GroupConsensus] | None = None,
    finished: Finished = lambda group, summary: None,
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
        check_places(targets(task.job, groups), groups, named=task.job.file is not None)
    work, start = _Run(detector, model, tasks, report, finished), time.monotonic()
    refuse_others([task.job for task in tasks], groups)
    with Writer() as writer:
        for group in groups:
            work.group(group, writer)
    summary = sum(work.summaries, Summary())
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

    def __init__(
        self, detector: Detector, model: str, tasks: list[GroupTask], report: EventListener, finished: Finished
    ):
        self.detector, self.model, self.tasks, self.report, self.finished = detector, model, tasks, report, finished
        self.summaries: list[Summary] = []

    def group(self, group: Group, writer: Writer) -> None:
        """Segment one group; its results are in the writer's hands when this returns."""
        for task in self.tasks:
            refuse_foreign(task.job.output, group.name, task.job.verb)
        whole = self.tasks[0].consensus is None
        parts = [self._part(part, writer).summary for part in ([group] if whole else in_parts(group))]

        def close() -> None:  # not before: an image may turn out bad while its results are written
            self.summaries.append(Summary.of_parts(parts))
            self.finished(group, self.summaries[-1])

        writer.then(close)

    def _part(self, group: Group, writer: Writer) -> Unit:
        """Segment a whole group, or a part of one, unless it is finished already."""
        unit = Unit(group.name, self.report, writer.then)
        records = [task.record(self.detector, self.model, group) for task in self.tasks]
        pending = [self.tasks[number] for number in unit.pending(records, len(group.images))]
        if pending:
            unit.begin()
            search = Search(self.detector, group, pending, unit, writer)

            def finish() -> None:
                if done := len(group.images) - len(search.failed):
                    unit.finish(done, [self._kept(search, number) for number in range(len(pending))])

            writer.then(finish)
        return unit

    def _kept(self, search: Search, number: int) -> dict[str, object]:
        """Returns what a record keeps: for the verbs that start from these maps also where the object is, and what
        masks of them show.
        """
        group, task, found = search.group, search.tasks[number], search.found[number]
        return {
            "absent": [facts for index, facts in found.absent.items() if index not in search.failed],
            "presence": found.presence,
            "threshold": task.job.threshold,
            "photos": photos_of(group, task.job.output, functools.partial(task.job.files, group)),
            "detector": self.detector.options.plain(),
            "options": options_of(self.detector, self.model, task.job, task.consensus),
        }
