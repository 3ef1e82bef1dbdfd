"""Detectors in forked processes, such as those of ``multiprocessing`` on Linux."""

import functools
import os

import torch

from cosod.errors import DeviceError


@functools.cache
def prepare_forks() -> None:
    """Limits torch to one thread in forked processes.

    In a forked process, OpenMP, which torch uses for its threads, waits forever for threads that exist in the parent
    process only, and everything computed with torch would hang. With one thread it does not wait. (OpenCV needs no such
    setting, because the calling thread does the work of missing threads.)
    """
    if hasattr(os, "register_at_fork"):  # Windows has no forks
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))


def check_process(owner: int, backend: str, device: torch.device) -> None:
    """Raises DeviceError in a forked process if the GPU or the runtime is usable in the parent process only.

    Args:
        owner: id of the process that loaded the detector.
        backend: as for :class:`cosod.Detector`.
        device: device of the network.
    """
    if os.getpid() == owner or (backend == "torch" and device.type == "cpu"):
        return
    what = f"on {device}" if backend == "torch" else f"with the backend {backend}"
    raise DeviceError(
        f"a detector {what} cannot be used in a forked process; load it there, or start processes with "
        "multiprocessing.get_context('spawn')"
    )
