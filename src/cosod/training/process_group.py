"""The processes of a training run: a single process, or several processes that ``torchrun`` has started.

Each process takes its own pairs of groups, and the gradients are averaged, so that a step with W processes has the same
losses and gradients as a step of one process with ``pairs = W``. A step has at least as many pairs as processes.
"""

import os
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from cosod.inference.device import choose_device

Value = TypeVar("Value")


@dataclass(frozen=True)
class ProcessGroup:
    """Process group of a run, as seen from this process.

    Attributes:
        rank: number of this process, from 0; process 0 writes the files.
        size: number of processes.
        device: device that this process computes on.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and messages."""
        return self.rank == 0

    def share(self, pairs: int) -> int:
        """Returns the number of pairs that each process takes in a step: ``pairs / size``, rounded up."""
        return -(-pairs // self.size)

    def wait(self) -> None:
        """Waits until all processes have called this method."""
        if self.size > 1:
            dist.barrier()

    def agreed(self, value: Value) -> Value:
        """Returns the ``value`` of process 0 in all processes."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def mean(self, values: dict[str, torch.Tensor]) -> dict[str, float]:
        """Averages scalar tensors over the processes; the names must be the same in all processes."""
        if not values:
            return {}
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.size > 1:
            dist.all_reduce(stacked)
            stacked /= self.size
        return dict(zip(values, stacked.tolist(), strict=True))

    def average_gradients(self, module: nn.Module) -> None:
        """Averages the gradients of a module that DDP does not wrap over the processes."""
        if self.size > 1:
            self._average([p.grad for p in module.parameters() if p.grad is not None])

    def average_statistics(self, module: nn.Module) -> None:
        """Averages the running statistics of the batch normalization layers of a module over the processes."""
        if self.size > 1:
            self._average([b for b in module.buffers() if b.is_floating_point()])

    def _average(self, tensors: list[torch.Tensor]) -> None:
        flat = torch.cat([t.flatten() for t in tensors]) if tensors else torch.zeros(1, device=self.device)
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]) if tensors else (), strict=True):
            tensor.copy_(part.view_as(tensor))


def join(device: str = "auto") -> ProcessGroup:
    """Joins the process group that ``torchrun`` describes by environment variables; without these, the group has one
    process.

    Args:
        device: device of this process, see :func:`cosod.inference.device.choose_device`. With several processes,
            ``auto`` (if a GPU is available) and ``cuda`` mean the GPU with the local rank of the process.

    Returns:
        The process group, which communicates by NCCL on GPUs and by gloo on the CPU.

    Example:
        >>> join("cpu").size  # without torchrun
        1
    """
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size == 1:
        return ProcessGroup(0, 1, choose_device(device))
    if device == "auto" and torch.cuda.is_available():
        device = "cuda"
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    chosen = choose_device(device)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    return ProcessGroup(dist.get_rank(), size, chosen)


def leave() -> None:
    """Ends the communication between the processes, if there are several.

    Example:
        >>> leave()
    """
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
