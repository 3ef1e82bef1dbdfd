"""Runs on a Ray cluster: a pool of actors, each with a detector of its own, processes one group after the other."""

import contextlib
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple, TextIO

import torch

from cosod.apps.absence import check_calibrated
from cosod.apps.group_job import refuse_others, targets
from cosod.apps.preflight import check_places
from cosod.apps.segment.job import SegmentJob
from cosod.apps.segment.runner import run
from cosod.apps.summary import Summary
from cosod.errors import CosodError, ExtraError, InputError
from cosod.inference.detector import Detector
from cosod.inference.threads import FIXED
from cosod.io.photo_groups import Group

#: How many times a group is tried again if a worker dies while it processes the group.
RETRIES = 3
#: Size in bytes of Ray's object store on this machine, which holds only file names and events.
STORE = 256 << 20
_SHORT = "if the machine is short of memory, give fewer --workers or a smaller --batch, and run again"

Opener = Callable[[], tuple[Detector, str]]
#: Number of a group, its events and summary, and the error that ends the run, if any.
_Result = tuple[int, list[dict], Summary, CosodError | None]


class Share(NamedTuple):
    """The share of a cluster that each worker gets.

    Attributes:
        workers: number of workers.
        cpus: processors of each worker.
        gpus: GPUs of each worker; a fraction if several workers share a GPU, and 0 if none is used.
    """

    workers: int
    cpus: int
    gpus: float


class Threads(NamedTuple):
    """Threads of PyTorch in each worker.

    Attributes:
        number: number of threads.
        fixed: whether it is that of the environment of the command, so that a detector must not take fewer.
    """

    number: int
    fixed: bool


class RayRunner:
    """A runner that distributes the groups of a run over the workers of a Ray cluster.

    Args:
        opener: function without arguments that returns a detector and the identity of its network and weights. It is
            called on every machine, so it must be picklable.
        workers: number of workers, each with a detector; by default one for each GPU, or one for each machine if the
            cluster has no GPU.
        address: address of a running cluster (``auto`` or ``host:port``). By default, Ray is started on this machine
            for this run, with all its processors and without a dashboard.
        device: device that the opener uses: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ExtraError: Ray is not installed.
        InputError: ``workers`` is below 1, or ``device`` is another device.

    Example:
        >>> runner = RayRunner(opener, workers=4)  # doctest: +SKIP
        >>> summary = runner.run(detector, model, groups, SegmentJob(Path("out")))  # doctest: +SKIP
    """

    def __init__(self, opener: Opener, workers: int | None = None, address: str | None = None, device: str = "auto"):
        try:
            import ray
        except ImportError:
            raise ExtraError("--runner ray", "cluster") from None
        if workers is not None and workers < 1:
            raise InputError(f"--workers {workers}: give at least 1")
        if device not in ("auto", "cpu", "cuda"):
            raise InputError(
                f"--device {device}: a Ray worker sees only the GPU that it is given; use auto, cpu or cuda"
            )
        self._ray = ray
        self._opener, self._workers, self._address, self._device = opener, workers, address, device

    def __str__(self) -> str:
        return "Ray"

    def run(
        self,
        detector: Detector,
        model: str,
        groups: Sequence[Group],
        job: SegmentJob,
        report: Callable[[dict], None] = lambda event: None,
        finished: Callable[[Group, Summary], None] = lambda group, summary: None,
    ) -> Summary:
        """Does the same as :func:`cosod.apps.segment.run` on the workers of the cluster.

        The events of a group are reported together when the group is finished. A worker that dies is started again, and
        its group is processed again, at most :data:`RETRIES` times. Ray is shut down at the end of the run, also after
        an error, unless the calling program had started it before.

        Args:
            detector, model, groups, job, report, finished: as for :func:`cosod.apps.segment.run`.

        Returns:
            The summary of the run.

        Raises:
            InputError: as for :func:`cosod.apps.segment.run`; or the cluster does not answer, is too small for the
                workers, or has another network on one of its machines.
            OutputError: a result cannot be written, which ends the run.
            CosodError: Ray cannot be started, or workers died or failed too often.
        """
        check_calibrated(detector.calibration, job.absent)
        check_places(targets(job, groups), groups)
        refuse_others([job], groups)
        summary, start = Summary(), time.monotonic()
        if groups:
            results = self._results(model, groups, job)
            with (
                self._started(),
                contextlib.redirect_stdout(_MainThreadOnly(sys.stdout)),
                contextlib.closing(results),  # ends the workers, also after an error, before Ray is shut down
            ):
                for number, events, part, error in results:
                    for event in events:
                        report(event)
                    if error is not None:
                        raise error
                    summary += part
                    finished(groups[number], part)
        summary.seconds = time.monotonic() - start
        return summary

    def _results(self, model: str, groups: Sequence[Group], job: SegmentJob) -> Generator[_Result]:
        """Yields the results of :class:`_Worker` for the groups, in the order of completion."""
        ray = self._ray
        share = self._share()
        restarted = {"max_restarts": -1, "max_task_retries": -1}
        attempts_actor = ray.remote(num_cpus=0, **restarted)(_Attempts)
        worker_actor = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, **restarted)(_Worker)
        workers = min(share.workers, len(groups))
        attempts = attempts_actor.remote(workers, RETRIES)
        threads = Threads(torch.get_num_threads(), True) if os.environ.get(FIXED) else Threads(share.cpus, False)
        pool = [worker_actor.remote(self._opener, model, job, threads, attempts) for _ in range(workers)]
        try:
            yield from ray.util.ActorPool(pool).map_unordered(
                lambda worker, numbered: worker.process.remote(*numbered), enumerate(groups)
            )
        except ray.exceptions.RayError as error:
            reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
            raise CosodError(
                f"a Ray worker failed ({reason.strip()[:300]}); run again, finished groups are skipped"
            ) from error
        finally:  # a Ray of the calling program goes on, and so would the groups that have begun
            for actor in (*pool, attempts):
                ray.kill(actor)

    def _share(self) -> Share:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        each = [(int(node.get("CPU", 0)), int(node.get("GPU", 0))) for node in nodes]
        return share_of(each, self._workers, self._device)

    @contextlib.contextmanager
    def _started(self) -> Iterator[None]:
        ray = self._ray
        if ray.is_initialized():  # by the calling program
            yield
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        if self._address:
            _check_reachable(self._address)
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        try:
            if self._address:
                ray.init(address=self._address, **quiet)
            else:
                cpus = os.cpu_count() or 1
                ray.init("local", num_cpus=cpus, include_dashboard=False, object_store_memory=STORE, **quiet)
        except Exception as error:
            where = f"--address {self._address}" if self._address else "--runner ray"
            raise CosodError(f"{where}: Ray cannot be reached or started ({error})") from error
        try:
            yield
        finally:
            ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raises InputError if no program listens at ``host:port``; Ray itself would report that only after minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"--address {address}: no Ray answers there ({error}); see `ray status` on its head"
        ) from error


def share_of(nodes: Sequence[tuple[int, int]], workers: int | None, device: str) -> Share:
    """Computes the largest share of a cluster that each worker can get so that all workers have a place.

    Args:
        nodes: numbers of processors and GPUs of each machine.
        workers: number of workers; by default one for each GPU, or one for each machine if no GPU is used.
        device: ``auto`` uses GPUs if there are any, ``cpu`` uses none, and ``cuda`` needs at least one.

    Returns:
        The number of workers, with the processors and GPUs of each.

    Raises:
        InputError: there are too few processors for the workers, or ``device`` is ``cuda`` and there is no GPU.

    Example:
        >>> share_of([(16, 2), (8, 0)], workers=None, device="auto")
        Share(workers=2, cpus=8, gpus=1.0)
    """
    cpus, gpus = (sum(node[kind] for node in nodes) for kind in (0, 1))
    if device == "cuda" and not gpus:
        raise InputError("--device cuda: the cluster has no GPU; use --device auto")
    use_gpus = gpus > 0 and device != "cpu"
    workers = workers or (gpus if use_gpus else sum(node[0] > 0 for node in nodes))
    on_each_gpu = -(-workers // gpus) if use_gpus else 0

    def places(size: int) -> int:
        if use_gpus:
            return sum(min(node[0] // size, node[1] * on_each_gpu) for node in nodes)
        return sum(node[0] // size for node in nodes)

    for size in range(max((node[0] for node in nodes), default=0), 0, -1):
        if workers and places(size) >= workers:
            return Share(workers, size, 1 / on_each_gpu if use_gpus else 0.0)
    raise InputError(f"--workers {workers}: the cluster has {cpus} processors and {gpus} GPUs; give fewer workers")


class _Attempts:
    """An actor that counts the attempts at each group, because Ray by itself would restart dying workers without end.

    Args:
        workers: number of workers.
        retries: how many times a group is tried again.
    """

    def __init__(self, workers: int, retries: int):
        self._workers, self._retries, self._starts = workers, retries, 0
        self._begun: dict[int, int] = {}

    def start(self) -> bool:
        """Counts the start of a worker, and returns whether it may go on.

        It may not if more than ``workers`` plus ``retries`` workers have started since one of them last came to a
        group. Workers that die in a group are not counted here but by :meth:`begin`, whose error names the group.
        """
        self._starts += 1
        return self._starts <= self._workers + self._retries

    def begin(self, number: int) -> int:
        """Counts an attempt at a group, and resets the count of starts.

        Returns:
            0 if the group may be tried, otherwise how many times a worker died in it.
        """
        self._starts = 0
        died = self._begun.get(number, 0)
        self._begun[number] = died + 1
        return died if died > self._retries else 0

    def end(self, number: int) -> None:
        """Notes that a group is finished."""
        self._begun.pop(number, None)


class _Worker:
    """An actor that opens a detector once, and then processes one group after the other as a run on one machine does.

    Args:
        opener, model, job: as for :class:`RayRunner` and its method ``run``.
        threads: threads of PyTorch.
        attempts: handle of the actor :class:`_Attempts`.
    """

    def __init__(self, opener: Opener, model: str, job: SegmentJob, threads: Threads, attempts: Any):
        if not threads.fixed:
            # Ray sets it in every worker. It would keep a detector from taking fewer threads beside other programs.
            os.environ.pop(FIXED, None)
        torch.set_num_threads(threads.number)
        self._model, self._job, self._attempts = model, job, attempts
        self._error: CosodError | None = None
        try:
            if not _asked(attempts.start):
                raise CosodError(f"workers died again and again before they came to a group; {_SHORT}")
            self._detector, identity = opener()
            if identity != model:
                raise InputError(
                    f"the network on {socket.gethostname()} is another ({identity}, not {model}); install the same "
                    "version and copy the same weights to every machine"
                )
        except CosodError as error:  # returned with the first group, so that the caller raises it unchanged
            self._error = error

    def process(self, number: int, group: Group) -> _Result:
        """Processes a group."""
        events: list[dict] = []
        summary, error = Summary(), self._error
        try:
            if error is None and (died := _asked(self._attempts.begin, number)):
                raise CosodError(f"{group.name}: a worker died in this group {died} times; {_SHORT}")
            if error is None:
                summary = run(self._detector, self._model, [group], self._job, events.append)
                _asked(self._attempts.end, number)
        except CosodError as raised:
            error = raised
        return number, events, summary, error


def _asked(method: Any, *arguments: Any) -> Any:
    """Calls a method of another actor, and returns its result."""
    import ray

    return ray.get(method.remote(*arguments))


class _MainThreadOnly:
    """A stream that writes to ``stream`` in the thread that created it, and to standard error in all other threads.

    Threads of Ray print messages, which must not mix with the output of a command.

    Args:
        stream: standard output.
    """

    def __init__(self, stream: TextIO):
        self._stream, self._thread = stream, threading.get_ident()

    def write(self, text: str) -> int:
        """Writes a text to the stream for the present thread; returns the number of characters."""
        own = threading.get_ident() == self._thread
        return (self._stream if own else sys.stderr).write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
