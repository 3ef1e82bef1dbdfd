"""One worker thread that finds the object in one group after the other."""

import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from cosod.apps.serve.store import Full, Photo, Unknown, UploadedGroup
from cosod.errors import CosodError, ImageError, SingleImageWarning, UniformImageWarning
from cosod.inference.detector import Detector, OnError
from cosod.inference.pipeline import Result
from cosod.io.atomic_write import write_bytes
from cosod.postprocess.render import encode, to_8bit

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class Cancelled(Exception):
    """Ends the work on a job from within."""


@dataclass(eq=False)
class Job:
    """One run over a group's photos.

    Attributes:
        group: whose photos.
        photos: those that the group had when the job was made.
        run: counts the jobs of the group.
        read: photos read so far, the first half of the work.
        done: ids of the photos whose map is written, in order.
        failed: id -> what is wrong, for photos that could not be read.
        message: why the job failed, or what a person should know about its result.
    """

    group: UploadedGroup
    photos: list[Photo]
    run: int
    state: State = "waiting"
    read: int = 0
    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    message: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def active(self) -> bool:
        return self.state in ("waiting", "running")

    def cancel(self) -> None:
        """End it before its next photo; a job that has ended stays as it is."""
        self._stop.set()
        if self.state == "waiting":
            self.state = "cancelled"

    def check(self) -> None:
        """Raises Cancelled once :meth:`cancel` was called."""
        if self._stop.is_set():
            raise Cancelled


class Worker:
    """The one thread that uses the detector, and the jobs that wait for it.

    Args:
        detector: used by this thread alone.
        waiting: jobs that may wait; one more is refused.
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
        """Submits a job over all photos of the group, in place of the group's earlier one.

        Raises:
            Full: too many jobs wait already; the earlier one goes on.
        """
        with self._changed:
            self._waiting = deque(job for job in self._waiting if job.active)
            if len(self._waiting) - (group.job in self._waiting) >= self._most:
                raise Full(f"{self._most} jobs are waiting already; try again later")
            with group.lock:
                if group.deleted:
                    raise Unknown("the group was deleted")
                if group.job:
                    group.job.cancel()
                group.runs += 1
                group.job = Job(group, list(group.photos.values()), group.runs)
                for photo in group.photos.values():
                    photo.found, photo.presence = False, None
            self._waiting.append(group.job)
            self._changed.notify()
            return group.job

    def ahead_of(self, job: Job) -> int:
        """Returns how many jobs come before this one."""
        with self._changed:
            waiting = [other for other in self._waiting if other.active]
            if job not in waiting:
                return 0
            return waiting.index(job) + (self._running is not None)

    @property
    def retry_after(self) -> int:
        """Seconds after which a refused job may find a place, judged by the last job."""
        return max(1, round(self._last_seconds))

    def close(self) -> None:
        """Cancel everything and wait for the thread to end."""
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
                warnings.simplefilter("ignore", SingleImageWarning)  # told in the job's message
                warnings.simplefilter("ignore", UniformImageWarning)  # shown as photos without the object
                state, job.message = _run(self.detector, job)
            with self._changed:
                job.state, self._running = state, None
                self._last_seconds = time.monotonic() - start


def _run(detector: Detector, job: Job) -> tuple[State, str]:
    def on_error(index: int, error: ImageError) -> None:
        job.failed[job.photos[index].id] = job.photos[index].told(str(error))

    try:
        for result in _find(detector, job, on_error):
            job.check()
            _keep(job, job.photos[result.index], result)
    except Cancelled:
        return "cancelled", ""
    except CosodError as error:
        return "failed", _told(error, job)
    except Exception as error:  # out of memory, no space left: this job ends, the server goes on
        return "failed", f"the work stopped: {type(error).__name__}: {_told(error, job)}"
    if len(job.done) == 1 and not any(photo.marked for photo in job.photos):
        return "done", "One photo has nothing to share: what is shown stands out in it. Add more photos."
    return "done", ""


def _find(detector: Detector, job: Job, on_error: OnError) -> Iterator[Result]:
    """Yields the results of the job's photos; where photos are marked, the object is what the marks show."""
    photos = _Watched(job)
    marked = [photo for photo in job.photos if photo.marked]
    if not marked:
        return detector.results(photos, on_error)
    consensus = detector.learn([photo.path for photo in marked], _Marks(marked))
    return detector.results(photos, on_error, [consensus])


def _keep(job: Job, photo: Photo, result: Result) -> None:
    """Write the map, unless group, photo or job are gone by now.

    In a marked photo the object is what a person painted, whatever the network sees there.
    """
    data = None if photo.marked else encode(to_8bit(result.map))
    with job.group.lock:
        job.check()
        if photo.id in job.group.photos:
            if photo.marked:
                write_bytes(photo.map, photo.mark.read_bytes())
                photo.presence = 1.0
            else:
                write_bytes(photo.map, data or encode(to_8bit(result.map)))  # unmarked meanwhile
                photo.presence = result.presence
            photo.found = True
        job.done.append(photo.id)


def _told(error: Exception, job: Job) -> str:
    text = str(error)
    for photo in job.photos:
        text = photo.told(text)
    return text


class _Watched(Sequence[Path]):
    """The paths of a job's photos; counts what is read, and ends the reading when the job is cancelled."""

    def __init__(self, job: Job):
        self._job = job
        self._seen: set[int] = set()

    def __len__(self) -> int:
        return len(self._job.photos)

    def __getitem__(self, index: int) -> Path:
        self._job.check()
        path = self._job.photos[index].path
        self._seen.add(index)
        self._job.read = len(self._seen)
        return path


class _Marks(Sequence[np.ndarray]):
    """The masks that photos were marked with, each read when it is its turn: together they might be too large."""

    def __init__(self, photos: Sequence[Photo]):
        self._photos = photos

    def __len__(self) -> int:
        return len(self._photos)

    def __getitem__(self, index: int) -> np.ndarray:
        with Image.open(self._photos[index].mark) as mark:
            return np.asarray(mark) > 127
