"""Number of threads for long computations on the CPU, depending on the cores that other processes leave free."""

import os
from pathlib import Path

import torch

from cosod.errors import InputError

#: File of Linux's control groups with the CPU time that a container may use, as quota and period.
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def free_threads() -> int:
    """Returns the number of cores that this process may use, less the number that are busy.

    All threads of an operation wait for the slowest one, which is slow if its core also runs another process: on two
    cores, one of which was busy, two threads took five times as long as one. If the environment variable
    ``OMP_NUM_THREADS`` is set, PyTorch's number of threads is returned unchanged.

    Returns:
        At least 1, and at most the current number of threads of PyTorch.

    Example:
        >>> 1 <= free_threads() <= torch.get_num_threads()
        True
    """
    most = torch.get_num_threads()
    if os.environ.get("OMP_NUM_THREADS"):
        return most
    return max(1, min(most, round(_cores() - _load())))


def set_threads(wanted: int | None = None) -> int:
    """Sets the number of threads of PyTorch, and returns this number.

    Args:
        wanted: number of threads; by default that of :func:`free_threads`.

    Raises:
        InputError: ``wanted`` is less than 1.

    Example:
        >>> before = torch.get_num_threads()
        >>> set_threads(1)
        1
        >>> torch.set_num_threads(before)
    """
    if wanted is not None and wanted < 1:
        raise InputError(f"threads {wanted}: give at least 1")
    threads = wanted or free_threads()
    torch.set_num_threads(threads)
    return threads


def _cores() -> float:
    """Returns the number of cores that this process may use, by its CPU affinity and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return min(cores, int(quota) / int(period))
    except (OSError, ValueError):  # without control groups, or with the quota "max", there is no limit
        return cores


def _load() -> float:
    """Returns the mean number of busy cores in the last minute, or 0 if the system does not report it."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
