"""How many threads a long computation on the CPU takes, so that it does not wait for cores that others use."""

import os
from pathlib import Path

import torch

from cosod.errors import InputError

#: The share of the cores' time that a container may use, in Linux's control groups: quota and period.
QUOTA = Path("/sys/fs/cgroup/cpu.max")


def free_threads() -> int:
    """Returns the number of threads for this machine as it is now: the cores that this process may use less the busy
    ones.

    Where a core is shared, the threads of one operation wait for the slowest of them: on two cores of which one was
    busy, two threads took five times as long as one. What ``OMP_NUM_THREADS`` says is kept.

    Returns:
        At least 1, at most what PyTorch would take.

    Example:
        >>> 1 <= free_threads() <= torch.get_num_threads()
        True
    """
    most = torch.get_num_threads()
    if os.environ.get("OMP_NUM_THREADS"):
        return most
    return max(1, min(most, round(_cores() - _load())))


def set_threads(wanted: int | None = None) -> int:
    """Sets how many threads PyTorch takes, and returns the number.

    Args:
        wanted: the number; :func:`free_threads` by default.

    Raises:
        InputError: fewer than one.

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
    """Returns the cores that this process may use: those that it is bound to, or the share that its container has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = QUOTA.read_text().split()
        return min(cores, int(quota) / int(period))
    except (OSError, ValueError):  # no control groups, or "max": no limit
        return cores


def _load() -> float:
    """Returns the cores that were busy in the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
