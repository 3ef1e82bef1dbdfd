"""Number of threads for computations on the CPU, depending on the cores that other processes leave free.

All threads of an operation wait for the slowest one, which is slow if its core also runs another process, and they wait
in a loop that takes the core from it: on two cores, one of which is busy, two threads take up to five times as long as
one (`benchmarks/busy.py`).
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.models.base import Consensus, Features, Output, Steps

#: Environment variable that fixes the number of threads of PyTorch.
FIXED = "OMP_NUM_THREADS"
#: File of Linux's control groups with the CPU time that a container may use, as quota and period.
QUOTA = Path("/sys/fs/cgroup/cpu.max")
#: File of Linux with the time that each core was busy.
STAT = Path("/proc/stat")
#: Columns of that file, after the name of a core: time in which it ran something that does not yield to others.
BUSY = {"user": 0, "system": 2, "irq": 5, "softirq": 6, "steal": 7}
#: Column of the time of processes with a lower priority.
NICE = 1
#: Time over which the work of others, which is counted in hundredths of a second, is measured at first and later.
FIRST, LATER = 0.2, 2.0


class _Times(NamedTuple):
    """Times in seconds: a clock, the busy time of all cores, and the part of it of this process."""

    clock: float
    busy: float
    own: float


class FreeThreads:
    """Sets PyTorch's number of threads to the number of cores that other processes leave free, again and again.

    Nothing is changed if the environment variable ``OMP_NUM_THREADS`` is set, or if the system does not report the time
    of cores.

    Attributes:
        most: the largest number of threads, which is PyTorch's number when the object is created.

    Example:
        >>> threads = FreeThreads()
        >>> 1 <= threads.adapt() <= threads.most
        True
    """

    def __init__(self) -> None:
        self.most = torch.get_num_threads()
        self._last, self._period = _times(), FIRST

    def adapt(self) -> int:
        """Sets the number of threads of the calling thread by the work of others since the last time.

        If that was less than :data:`LATER` seconds ago (:data:`FIRST` after the creation), nothing is changed.

        Returns:
            The number of threads.
        """
        if os.environ.get(FIXED) or time.monotonic() - self._last.clock < self._period:
            return torch.get_num_threads()
        last, self._last, self._period = self._last, _times(), LATER
        others = (self._last.busy - last.busy - (self._last.own - last.own)) / (self._last.clock - last.clock)
        threads = max(1, min(self.most, round(min(_quota(), _cores() - max(0.0, others)))))
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)
        return threads


class AdaptedSteps:
    """The steps of a network with as many threads as there are free cores: see :class:`cosod.models.base.Steps`.

    Args:
        steps: the steps of the network, on the CPU.
    """

    def __init__(self, steps: Steps):
        self.steps, self._threads = steps, FreeThreads()

    def __reduce__(self):
        return type(self), (self.steps,)  # the work of others is measured anew in another process

    def encode(self, images: Tensor) -> Features:
        self._threads.adapt()
        return self.steps.encode(images)

    def decode(self, features: Features, consensus: Consensus) -> Output:
        self._threads.adapt()
        return self.steps.decode(features, consensus)


def set_threads(wanted: int | None = None) -> int:
    """Sets the number of threads of PyTorch, and returns this number.

    Args:
        wanted: number of threads; by default the number of cores that other processes leave free, which takes
            :data:`FIRST` seconds twice to measure.

    Raises:
        InputError: ``wanted`` is less than 1.

    Example:
        >>> before = torch.get_num_threads()
        >>> set_threads(1)
        1
        >>> torch.set_num_threads(before)
    """
    if wanted is None:
        free = FreeThreads()
        if not os.environ.get(FIXED):
            time.sleep(2 * FIRST)
        return free.adapt()
    if wanted < 1:
        raise InputError(f"threads {wanted}: give at least 1")
    torch.set_num_threads(wanted)
    return wanted


def _cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _quota() -> float:
    """Returns the number of cores that the container of this process may use."""
    try:
        quota, period = QUOTA.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # without control groups, or with the quota "max", there is no limit
        return float("inf")


def _times() -> _Times:
    """Returns the present times; the busy times are 0 if the system does not report them."""
    clock = time.monotonic()
    try:
        rows = dict(line.split(maxsplit=1) for line in STAT.read_text().splitlines() if line.startswith("cpu"))
        columns = [*BUSY.values(), *([NICE] if os.nice(0) > 0 else [])]
        cores = [rows[f"cpu{number}"].split() for number in os.sched_getaffinity(0)]
        busy = sum(int(core[column]) for core in cores for column in columns) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, KeyError, IndexError, AttributeError):
        return _Times(clock, 0.0, 0.0)
    return _Times(clock, busy, sum(os.times()[:2]))
