"""The processes of one training run: one alone, or several that ``torchrun`` started.

Every process takes pairs of groups of its own and the gradients are averaged, so W processes do in one step what one
process does with ``pairs = W``: the same losses and gradients. A step never has fewer pairs than processes.
"""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn

from cosod.inference.device import choose_device


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those of the run.

    Attributes:
        rank: number of this process; process 0 writes the files.
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
        """Returns the number of pairs of a step for each process: the pairs asked for, divided and rounded up."""
        return -(-pairs // self.size)

    def wait(self) -> None:
        """Waits until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def agreed(self, value: object) -> object:
        """Returns what process 0 has as ``value``."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=self.device)
        return box[0]

    def mean(self, values: dict[str, torch.Tensor]) -> dict[str, float]:
        """Averages scalars over the processes, which all have the same names."""
        if not values:
            return {}
        stacked = torch.stack([value.detach().float() for value in values.values()])
        if self.size > 1:
            dist.all_reduce(stacked)
            stacked /= self.size
        return dict(zip(values, stacked.tolist(), strict=True))

    def average_gradients(self, module: nn.Module) -> None:
        """Averages the gradients of a module outside of DDP over the processes."""
        if self.size > 1:
            self._average([p.grad for p in module.parameters() if p.grad is not None])

    def average_statistics(self, module: nn.Module) -> None:
        """Averages the running statistics of batch normalization over the processes."""
        if self.size > 1:
            self._average([b for b in module.buffers() if b.is_floating_point()])

    def _average(self, tensors: list[torch.Tensor]) -> None:
        flat = torch.cat([t.flatten() for t in tensors]) if tensors else torch.zeros(1, device=self.device)
        dist.all_reduce(flat)
        flat /= self.size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]) if tensors else (), strict=True):
            tensor.copy_(part.view_as(tensor))


def join(device: str = "auto") -> ProcessGroup:
    """Returns the process group that ``torchrun`` announced in the environment, or a group of one without it.

    With several processes ``auto`` and ``cuda`` mean the GPU of the process's number on its machine; they talk by
    NCCL on GPUs and by gloo on the CPU.
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
    """Ends the communication between the processes, if there is any."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
