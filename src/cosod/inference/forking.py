"""Detectors in processes that were forked from the one that loaded them, as ``multiprocessing`` does on Linux."""

import functools
import os

import torch

from cosod.errors import DeviceError


@functools.cache
def prepare_forks() -> None:
    """Lets forked processes compute in one thread.

    OpenMP, by which torch computes in several threads, waits forever in a forked process for threads that only its
    parent has. With one thread it waits for none. This holds for all that a forked process computes with torch, which
    would hang otherwise. (OpenCV's threads need nothing: the calling thread does the work of those that are gone.)
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, where nothing is forked
        os.register_at_fork(after_in_child=functools.partial(torch.set_num_threads, 1))


def check_process(owner: int, backend: str, device: torch.device) -> None:
    """Raises DeviceError in a forked process where what computes has been left behind in its parent.

    Args:
        owner: id of the process that loaded the detector.
        backend: as for :class:`cosod.Detector`.
        device: where the network is.
    """
    if os.getpid() == owner or (backend == "torch" and device.type == "cpu"):
        return
    what = f"on {device}" if backend == "torch" else f"with the backend {backend}"
    raise DeviceError(
        f"a detector {what} cannot be used in a forked process; load it there, or start processes with "
        "multiprocessing.get_context('spawn')"
    )
