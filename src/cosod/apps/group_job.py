"""What verbs that write results for groups of photos have in common: which files, and when a group is finished."""

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

#: What is said of a group of one image.
ONE_IMAGE = "one image only, which has nothing to share: its map is plain saliency"


class GroupJob(Protocol):
    """What is written for each group, and where.

    Attributes:
        output: folder of the results.
        overwrite: redo groups that are finished already.
    """

    @property
    def output(self) -> Any: ...

    @property
    def overwrite(self) -> bool: ...

    @property
    def verb(self) -> str:
        """The command that makes it."""

    def files(self, group: Group, index: int) -> list[Path]:
        """Returns the files that are written for an image."""


def results_of(job: GroupJob, group: Group) -> Iterator[Path]:
    """Returns every result that is written for a group."""
    for index in range(len(group.images)):
        yield from job.files(group, index)


def targets(job: GroupJob, groups: Iterable[Group]) -> Iterator[Path]:
    """Returns every file that is written for groups: results and records.

    Example:
        >>> job = SegmentJob(Path("out"))  # doctest: +SKIP
        >>> check_places(targets(job, groups), groups)  # doctest: +SKIP
    """
    for group in groups:
        yield record_of(job.output, group.name)
        yield from results_of(job, group)


def refuse_others(jobs: Iterable[GroupJob], groups: Sequence[Group]) -> None:
    """Raises InputError where results of another command, or other files, would be overwritten.

    A store takes long to tell of all groups, and is asked when their turn comes.
    """
    for job in jobs:
        if not is_remote(job.output):
            for group in groups:
                refuse_foreign(job.output, group.name, job.verb, () if job.overwrite else results_of(job, group))


def unit_record(job: GroupJob, group: Group, fingerprint: str) -> UnitRecord:
    """Returns the record of a group, or of a part of one, that is finished with all results of images that can be read.

    Args:
        job: what is written.
        group: the photos.
        fingerprint: a hash that changes whenever the results might.
    """
    name = group.name if group.part is None else f"part {group.part}/{group.name}"
    left = functools.partial(_results_left, job, group)
    return UnitRecord(record_of(job.output, name), job.verb, fingerprint, left, job.overwrite)


def _results_left(job: GroupJob, group: Group, stored: dict) -> Iterator[Path]:
    """Returns the results of all images but those that failed, which are known by name: folders may be moved."""
    failed = {Path(entry["image"]).name for entry in stored["failed"]}
    for index, image in enumerate(group.images):
        if image.name not in failed:
            yield from job.files(group, index)


@contextlib.contextmanager
def reading(group: Group, failed: Sized) -> Iterator[None]:
    """Ends quietly for a group none of whose images could be read: each has been reported, the other groups go on.

    Warnings on single images and on images of one color are silent inside, since they are reported as events.

    Args:
        group: the photos.
        failed: those that could not be read so far; it grows inside.

    Raises:
        CosodError: an image could be read at first, and not any more.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingleImageWarning)
            warnings.simplefilter("ignore", UniformImageWarning)
            yield
    except ImageError as error:
        if len(failed) < len(group.images):
            raise CosodError(f"{error}: it changed while it was being processed; run again") from error
