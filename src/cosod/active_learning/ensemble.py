"""The trajectory ensemble: several snapshots of one training run in place of several runs (ATAL)."""

import copy
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cosod.active_learning.images import normalized
from cosod.errors import InputError
from cosod.inference.cpu_fusion import fold
from cosod.models.modules.layers import enlarge
from cosod.models.saliency_base import SaliencyNetwork, salient

RULES = ("cycles", "last")


@dataclass(frozen=True)
class Ensemble:
    """Which snapshots of the network in a stage of training form the ensemble.

    Attributes:
        rule: ``cycles``: the learning rate falls along a cosine ``size`` times in a stage, and a snapshot is kept at
            the end of each cycle. ``last``: the learning rate rises and falls once, and snapshots are kept at the ends
            of the last ``size`` of ``parts`` parts.
        size: number of snapshots; 1 with ``last`` disables the ensemble.
        parts: number of equal parts that ``last`` divides a stage into; the method has 32 epochs.
    """

    rule: str = "cycles"
    size: int = 4
    parts: int = 32

    def __post_init__(self):
        if self.rule not in RULES:
            raise InputError(f"ensemble: no rule {self.rule!r}; give {' or '.join(RULES)}")
        if not 1 <= self.size <= self.parts:
            raise InputError(f"ensemble: size {self.size} of {self.parts} parts; give 1 to {self.parts}")

    def rate(self, step: int, steps: int) -> float:
        """Returns the rate's factor in a step (from 0) of a stage."""
        if self.rule == "last":
            return triangle(step, steps)
        within = step * self.size / steps % 1
        return (1 + math.cos(math.pi * within)) / 2

    def moments(self, steps: int) -> set[int]:
        """Returns the steps (from 1) after which the network is kept; the last one always."""
        if self.rule == "last":
            return {steps - steps * part // self.parts for part in range(self.size)}
        return {steps * cycle // self.size for cycle in range(1, self.size + 1)}


def triangle(step: int, steps: int) -> float:
    """Computes F3Net's schedule: up in the first half of a stage, down in the second; ``1 - |2 (s + 1) / (S + 1) -
    1|``.

    Example:
        >>> [round(triangle(step, 4), 2) for step in range(4)]
        [0.4, 0.8, 0.8, 0.4]
    """
    return 1 - abs(2 * (step + 1) / (steps + 1) - 1)


State = dict[str, Tensor]


def snapshot(network: nn.Module) -> State:
    """Returns a copy of weights and statistics on the CPU.

    Example:
        >>> sorted(snapshot(nn.Linear(2, 1)))
        ['bias', 'weight']
    """
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def members(network: SaliencyNetwork, snapshots: list[State]) -> list[SaliencyNetwork]:
    """Returns networks in evaluation mode, without gradients, one for each snapshot.

    Example:
        >>> networks = members(network, [snapshot(network)])  # doctest: +SKIP
    """
    result = []
    for state in snapshots:
        member = copy.deepcopy(network)
        member.load_state_dict(state)
        fold(member.eval().requires_grad_(False))
        result.append(member.to(memory_format=torch.channels_last))
    return result


@torch.no_grad()
def mean_probability(networks: list[SaliencyNetwork], images: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
    """Computes the mean of the networks' probabilities of being salient, ``(N, 1, H, W)``.

    Args:
        networks: networks of :func:`members`.
        images: ``(N, 3, H, W)`` in [0, 1].
        precision: precision of the networks' arithmetic.

    Example:
        >>> probability = mean_probability(members(network, snapshots), images)  # doctest: +SKIP
    """
    total = 0.0
    for network in networks:
        with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
            logits = network.saliency(normalized(images, network)).logits[0]
        total = total + salient(enlarge(logits.float(), images.shape[-2:]))
    return total / len(networks)
