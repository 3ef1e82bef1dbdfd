"""The worker thread that finds the object in one group after the other."""

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, overload

import numpy as np
from PIL import Image

from cosod.apps.serve.store import Full, Photo, Unknown, UploadedGroup
from cosod.errors import CosodError, ImageError, InputError, SingleImageWarning, UniformImageWarning
from cosod.inference.detector import Detector
from cosod.inference.results import Result
from cosod.io.atomic_write import write_bytes
from cosod.io.prefetch import OnError
from cosod.postprocess.render import encode, to_8bit

T = TypeVar("T")
State = Literal["waiting", "running", "done", "failed", "cancelled"]


class Cancelled(Exception):
    """Raised within a job that was cancelled."""


@dataclass(eq=False)
class Job:
    """One run over the photos of a group.

    Attributes:
        group: the group.
        photos: photos of the group when the job was created.
        negatives: ids of the photos that were negative at that time.
        run: number of the job within the group.
        read: number of photos read so far, which is the first half of the work.
        done: ids of the photos with a result: first the negative ones, which have no map, then the others in order.
        failed: error messages of photos that could not be read, by id.
        message: why the job failed, or a note for the user about the result.
    """

    group: UploadedGroup
    photos: list[Photo]
    negatives: frozenset[str]
    run: int
    state: State = "waiting"
    read: int = 0
    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    message: str = ""
    _seen: set[str] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def note_read(self, photo: Photo) -> None:
        """Counts a photo as read; further calls for the same photo have no effect."""
        self._seen.add(photo.id)
        self.read = len(self._seen)

    @property
    def active(self) -> bool:
        return self.state in ("waiting", "running")

    def cancel(self) -> None:
        """Ends the job before its next photo; does nothing if it has ended."""
        self._stop.set()
        if self.state == "waiting":
            self.state = "cancelled"

    def check(self) -> None:
        """Raises Cancelled once :meth:`cancel` was called."""
        if self._stop.is_set():
            raise Cancelled


class Worker:
    """The thread that uses the detector, and the queue of jobs.

    Args:
        detector: the detector, which only this thread uses.
        waiting: maximum number of waiting jobs.
    """

    def __init__(self, detector: Detector, waiting: int):
        self.detector, self._most = detector, waiting
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._running: Job | None = None
        self._last_seconds = 2.0
        self._thread = threading.Thread(target=self._work, name="cosod-serve", daemon=True)
        self._thread.start()

    def submit(self, group: UploadedGroup) -> Job:
        """Submits a job over all photos of the group, which replaces an earlier job of the group.

        Raises:
            Full: too many jobs are waiting; the earlier job continues.
            InputError: all photos are negative; the earlier job continues.
        """
        with self._changed:
            self._waiting = deque(job for job in self._waiting if job.active)
            if len(self._waiting) - (group.job in self._waiting) >= self._most:
                raise Full(f"{self._most} jobs are waiting already; try again later")
            with group.lock:
                if group.deleted:
                    raise Unknown("the group was deleted")
                photos = list(group.photos.values())
                negatives = frozenset(photo.id for photo in photos if photo.negative)
                if photos and len(negatives) == len(photos):
                    raise InputError(
                        "every photo is set to show what the object is not; add photos that show the object, or take "
                        "that back for some of these"
                    )
                if group.job:
                    group.job.cancel()
                group.runs += 1
                group.job = Job(group, photos, negatives, group.runs)
                for photo in photos:
                    photo.found, photo.presence = False, None
            self._waiting.append(group.job)
            self._changed.notify()
            return group.job

    def ahead_of(self, job: Job) -> int:
        """Returns the number of jobs before this one."""
        with self._changed:
            waiting = [other for other in self._waiting if other.active]
            if job not in waiting:
                return 0
            return waiting.index(job) + (self._running is not None)

    @property
    def retry_after(self) -> int:
        """Number of seconds after which a refused job should be submitted again, estimated from the last job."""
        return max(1, round(self._last_seconds))

    def close(self) -> None:
        """Cancels all jobs and waits for the thread to end."""
        with self._changed:
            self._closed = True
            for job in (*self._waiting, *([self._running] if self._running else [])):
                job.cancel()
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._waiting.popleft()
                if not job.active:
                    continue
                job.state, self._running = "running", job
            start = time.monotonic()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SingleImageWarning)  # reported by the message of the job
                warnings.simplefilter("ignore", UniformImageWarning)  # reported as photos without the object
                state, job.message = _run(self.detector, job)
            with self._changed:
                job.state, self._running = state, None
                self._last_seconds = time.monotonic() - start


def _run(detector: Detector, job: Job) -> tuple[State, str]:
    try:
        negatives = [photo for photo in job.photos if photo.id in job.negatives]
        positives = [photo for photo in job.photos if photo.id not in job.negatives]
        for result in _find(detector, job, positives, negatives):
            job.check()
            _keep(job, positives[result.index], result)
    except Cancelled:
        return "cancelled", ""
    except CosodError as error:
        return "failed", _told(error, job)
    except Exception as error:  # for instance no memory or disk space: the job ends, and the server continues
        return "failed", f"the work stopped: {type(error).__name__}: {_told(error, job)}"
    found = sum(photo.id in job.done for photo in positives)
    if found == 1 and not any(photo.marked for photo in positives):
        return "done", "One photo has nothing to share: what is shown stands out in it. Add more photos."
    return "done", ""


def _find(detector: Detector, job: Job, positives: list[Photo], negatives: list[Photo]) -> Iterator[Result]:
    """Yields the results of the photos that may show the object, with their indices in ``positives``.

    If photos are marked, the object is what the marks show; otherwise it is what all positives share. Negatives show
    what the object is not.
    """
    marked = [photo for photo in positives if photo.marked]
    if not marked and not negatives:
        return detector.results(_watched(job, positives), _noting(job, positives))
    shown = marked or positives
    # Masks are read when they are accessed, since together they might exceed the memory.
    masks = _Lazy(marked, _mask) if marked else None
    others = _watched(job, negatives)
    consensus = detector.learn(_watched(job, shown), masks, _noting(job, [*shown, *negatives]), others)
    job.done += [photo.id for photo in negatives if photo.id not in job.failed]
    return detector.results(_watched(job, positives), _noting(job, positives), [consensus])


def _noting(job: Job, photos: Sequence[Photo]) -> OnError:
    """Returns the function that records in the job that a photo could not be read."""

    def note(index: int, error: ImageError) -> None:
        job.failed[photos[index].id] = photos[index].told(str(error))

    return note


def _keep(job: Job, photo: Photo, result: Result) -> None:
    """Writes the map, unless the group, the photo or the job was deleted in the meantime.

    The map of a marked photo is the painted mark, and not the map of the network.
    """
    data = None if photo.marked else encode(to_8bit(result.map))
    with job.group.lock:
        job.check()
        if photo.id in job.group.photos:
            if photo.marked:
                write_bytes(photo.map, photo.mark.read_bytes())
                photo.presence = 1.0
            else:
                write_bytes(photo.map, data or encode(to_8bit(result.map)))  # the mark was removed in the meantime
                photo.presence = result.presence
            photo.found = True
        job.done.append(photo.id)


def _told(error: Exception, job: Job) -> str:
    text = str(error)
    for photo in job.photos:
        text = photo.told(text)
    return text


class _Lazy(Sequence[T]):
    """A sequence with a value for each photo, which is made whenever it is accessed."""

    def __init__(self, photos: Sequence[Photo], make: Callable[[Photo], T]):
        self._photos, self._make = photos, make

    def __len__(self) -> int:
        return len(self._photos)

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> "_Lazy[T]": ...

    def __getitem__(self, index):
        if isinstance(index, slice):
            return _Lazy(self._photos[index], self._make)
        return self._make(self._photos[index])


def _watched(job: Job, photos: Sequence[Photo]) -> Sequence[Path]:
    """Returns the paths of photos; each access counts a photo as read, or raises Cancelled in a cancelled job."""

    def path(photo: Photo) -> Path:
        job.check()
        job.note_read(photo)
        return photo.path

    return _Lazy(photos, path)


def _mask(photo: Photo) -> np.ndarray:
    """Returns the mask of a marked photo."""
    with Image.open(photo.mark) as mark:
        return np.asarray(mark) > 127
