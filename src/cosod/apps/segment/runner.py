"""Segmenting groups of photos into an output folder; groups that are finished already are skipped."""

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
from cosod.inference.results import GroupDetector
from cosod.io.background_writer import Writer
from cosod.io.photo_groups import Group
from cosod.io.run_records import refuse_foreign

Finished = Callable[[Group, Summary], None]
#: Number of images in a part of a group whose images are segmented each by itself. A part has a record of its own, so
#: that a run that was killed need not start the group again.
PART = 500


def run(
    detector: GroupDetector,
    model: str,
    groups: list[Group],
    job: SegmentJob,
    report: EventListener = lambda event: None,
    consensuses: Mapping[str, GroupConsensus] | None = None,
    finished: Finished = lambda group, summary: None,
) -> Summary:
    """Segments every group and writes its results.

    Finished groups (those with the same images, model and options, whose files all exist) are skipped unless
    ``job.overwrite`` is set. An image that cannot be read is left out and reported. Results are written in background
    threads while the network continues; the record of a group is written after all of its results.

    Args:
        detector: the detector.
        model: identity of its network and weights; a group that was finished with another model is processed again.
        groups: from :func:`cosod.io.find_groups`.
        job: what to write.
        report: called with a dictionary for each event; its key ``event`` is ``image``, ``failed``, ``warning``,
            ``group`` or ``skipped``.
        consensuses: name -> consensus. If given, they are applied to each image by itself, in place of the consensus
            of each group. If there are several, the results of each are written to a folder with its name.
        finished: called with each group and its own summary, once its results and its record are written.

    Returns:
        The summary of the run.

    Raises:
        InputError: ``job.absent`` needs presence scores, for which the network is not calibrated; or a result would
            overwrite an input, a file that this command has not written, or results of another command, or would lie
            among the photos.
        OutputError: a result cannot be written, which ends the run.

    Example:
        >>> summary = run(detector, model, find_groups(["photos"]), SegmentJob(Path("out")))  # doctest: +SKIP
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
    """Splits a group whose images are processed each by itself into parts of at most :data:`PART` images.

    Example:
        >>> names = tuple(str(number) for number in range(600))
        >>> parts = in_parts(Group("mugs", names, names))
        >>> [(part.part, len(part.images)) for part in parts]
        [(0, 500), (1, 100)]
    """
    if group.part is not None:
        return [group]
    cuts = [slice(first, first + PART) for first in range(0, len(group.images), PART)]
    return [Group(group.name, group.images[cut], group.stems[cut], number) for number, cut in enumerate(cuts)]


class _Run:
    """The state of a run that its groups share."""

    def __init__(
        self, detector: GroupDetector, model: str, tasks: list[GroupTask], report: EventListener, finished: Finished
    ):
        self.detector, self.model, self.tasks, self.report, self.finished = detector, model, tasks, report, finished
        self.summaries: list[Summary] = []

    def group(self, group: Group, writer: Writer) -> None:
        """Segments one group; when the method returns, the results are submitted to the writer, but not all written."""
        for task in self.tasks:
            refuse_foreign(task.job.output, group.name, task.job.verb)
        whole = self.tasks[0].consensus is None
        parts = [self._part(part, writer).summary for part in ([group] if whole else in_parts(group))]

        def close() -> None:  # called after all results are written, because an image may fail until then
            self.summaries.append(Summary.of_parts(parts))
            self.finished(group, self.summaries[-1])

        writer.then(close)

    def _part(self, group: Group, writer: Writer) -> Unit:
        """Segments a whole group, or a part of one, unless it is finished already."""
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
        """Returns the further values of the record of a task.

        Among them are the presence scores and the threshold, which commands that start from these maps read.
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
