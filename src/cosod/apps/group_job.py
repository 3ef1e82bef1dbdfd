"""The common part of the commands that write results for groups of photos: their files, and their records."""

import contextlib
import functools
import warnings
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import Path
from typing import Any, Protocol

from cosod.apps.resumable import UnitRecord
from cosod.errors import CosodError, ImageError, SingleImageWarning, UniformImageWarning
from cosod.io.photo_groups import Group
from cosod.io.run_records import record_of, refuse_foreign
from cosod.io.storage import is_remote

#: Warning about a group of one image.
ONE_IMAGE = "one image only, which has nothing to share: its map is plain saliency"


class GroupJob(Protocol):
    """The interface of a job: what is written for each group, and where.

    Attributes:
        output: folder of the results.
        overwrite: whether groups that are finished already are processed again.
    """

    @property
    def output(self) -> Any: ...

    @property
    def overwrite(self) -> bool: ...

    @property
    def verb(self) -> str:
        """The verb of the command that makes the results."""

    def files(self, group: Group, index: int) -> list[Path]:
        """Returns the files that are written for an image."""


def results_of(job: GroupJob, group: Group) -> Iterator[Path]:
    """Yields every result file that is written for a group.

    Example:
        >>> files = list(results_of(SegmentJob(Path("out")), group))  # doctest: +SKIP
    """
    for index in range(len(group.images)):
        yield from job.files(group, index)


def targets(job: GroupJob, groups: Iterable[Group]) -> Iterator[Path]:
    """Yields every file that is written for the groups: results and records.

    Example:
        >>> job = SegmentJob(Path("out"))  # doctest: +SKIP
        >>> check_places(targets(job, groups), groups)  # doctest: +SKIP
    """
    for group in groups:
        yield record_of(job.output, group.name)
        yield from results_of(job, group)


def refuse_others(jobs: Iterable[GroupJob], groups: Sequence[Group]) -> None:
    """Refuses to overwrite results of another command, and other files.

    Outputs in an object store are not checked here, because a request for each group takes long.

    Args:
        jobs: the jobs that write results.
        groups: the groups.

    Raises:
        InputError: results of another command, or files that no command of this package has written, would be
            overwritten.

    Example:
        >>> refuse_others([SegmentJob(Path("out"))], groups)  # doctest: +SKIP
    """
    for job in jobs:
        if not is_remote(job.output):
            for group in groups:
                refuse_foreign(job.output, group.name, job.verb, () if job.overwrite else results_of(job, group))


def unit_record(job: GroupJob, group: Group, fingerprint: str) -> UnitRecord:
    """Returns the record of a group or of a part of a group.

    The group counts as finished when the result files of all images that could be read exist.

    Args:
        job: what is written.
        group: the photos.
        fingerprint: a hash that changes whenever the results might change.

    Example:
        >>> record = unit_record(SegmentJob(Path("out")), group, fingerprint("gconet", 256))  # doctest: +SKIP
        >>> finished = record.finished() is not None  # doctest: +SKIP
    """
    name = group.name if group.part is None else f"part {group.part}/{group.name}"
    left = functools.partial(_results_left, job, group)
    return UnitRecord(record_of(job.output, name), job.verb, fingerprint, left, job.overwrite)


def _results_left(job: GroupJob, group: Group, stored: dict) -> Iterator[Path]:
    """Yields the result files of all images that did not fail according to the record ``stored``.

    Failed images are compared by file name, not by path, because folders may have been moved.
    """
    failed = {Path(entry["image"]).name for entry in stored["failed"]}
    for index, image in enumerate(group.images):
        if image.name not in failed:
            yield from job.files(group, index)


@contextlib.contextmanager
def reading(group: Group, failed: Sized) -> Iterator[None]:
    """Suppresses, as a context manager, the error that none of the images of a group can be read.

    Each of these images has been reported by then, and the other groups are processed. In the block, warnings about
    single images and about images of a single color are suppressed, because they are reported as events.

    Args:
        group: the photos.
        failed: collection to which the block adds the photos that it cannot read.

    Raises:
        CosodError: an image could be read at first, but not later.

    Example:
        >>> with reading(group, failed):  # doctest: +SKIP
        ...     results = list(detector.results(group.images, on_error))
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingleImageWarning)
            warnings.simplefilter("ignore", UniformImageWarning)
            yield
    except ImageError as error:
        if len(failed) < len(group.images):
            raise CosodError(f"{error}: it changed while it was being processed; run again") from error
