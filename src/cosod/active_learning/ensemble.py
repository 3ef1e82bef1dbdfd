"""The trajectory ensemble (ATAL): several snapshots of one training run instead of networks of several runs."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cosod.active_learning.images import normalized
from cosod.errors import InputError
from cosod.inference.cpu_fusion import fold
from cosod.models.modules.layers import copied, enlarge
from cosod.models.saliency_base import SaliencyNetwork, salient

RULES = ("cycles", "last")


@dataclass(frozen=True)
class Ensemble:
    """Configuration of the snapshots of the network in a training stage that form the ensemble.

    Attributes:
        rule: schedule of the learning rate and times of the snapshots. ``cycles``: the learning rate falls along a
            cosine ``size`` times in a stage, and a snapshot is taken at the end of each cycle. ``last``: the learning
            rate rises and falls once, and a snapshot is taken at the end of each of the last ``size`` of ``parts``
            parts of the stage.
        size: number of snapshots; 1 with the rule ``last`` disables the ensemble.
        parts: number of equal parts into which the rule ``last`` divides a stage; the published method has 32 epochs.
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
        """Returns the factor of the learning rate in a step (from 0) of a stage of ``steps`` steps."""
        if self.rule == "last":
            return triangle(step, steps)
        within = step * self.size / steps % 1
        return (1 + math.cos(math.pi * within)) / 2

    def moments(self, steps: int) -> set[int]:
        """Returns the steps (from 1) of a stage after which a snapshot is taken; they include the last step."""
        if self.rule == "last":
            return {steps - steps * part // self.parts for part in range(self.size)}
        return {steps * cycle // self.size for cycle in range(1, self.size + 1)}


def triangle(step: int, steps: int) -> float:
    """Computes the factor of the learning rate in F3Net's schedule, ``1 - |2 (s + 1) / (S + 1) - 1|``.

    It rises linearly in the first half of a stage and falls in the second half.

    Args:
        step: number s of the step, from 0.
        steps: number S of steps of the stage.

    Example:
        >>> [round(triangle(step, 4), 2) for step in range(4)]
        [0.4, 0.8, 0.8, 0.4]
    """
    return 1 - abs(2 * (step + 1) / (steps + 1) - 1)


State = dict[str, Tensor]


def snapshot(network: nn.Module) -> State:
    """Returns a copy of the state dict of a network on the CPU.

    Example:
        >>> sorted(snapshot(nn.Linear(2, 1)))
        ['bias', 'weight']
    """
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


def members(network: SaliencyNetwork, snapshots: list[State]) -> list[SaliencyNetwork]:
    """Creates a network for each snapshot, in evaluation mode, without gradients, and with folded batch normalization.

    Args:
        network: network of the same architecture, which is copied.
        snapshots: state dicts of :func:`snapshot`.

    Example:
        >>> networks = members(network, [snapshot(network)])  # doctest: +SKIP
    """
    result = []
    for state in snapshots:
        member = copied(network)
        member.load_state_dict(state)
        fold(member.eval().requires_grad_(False))
        # PyTorch documents memory_format, but its annotations lack it.
        result.append(member.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
    return result


@torch.no_grad()
def mean_probability(networks: list[SaliencyNetwork], images: Tensor, precision: torch.dtype = torch.float32) -> Tensor:
    """Computes the probability of each pixel to be salient, averaged over networks.

    Args:
        networks: networks of :func:`members`.
        images: ``(N, 3, H, W)`` in [0, 1], not normalized.
        precision: precision of the networks' computation (autocast).

    Returns:
        The mean probability, ``(N, 1, H, W)`` in [0, 1].

    Example:
        >>> probability = mean_probability(members(network, snapshots), images)  # doctest: +SKIP
    """
    total = torch.zeros(())
    for network in networks:
        with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
            logits = network.saliency(normalized(images, network)).logits[0]
        total = total + salient(enlarge(logits.float(), images.shape[-2:]))
    return total / len(networks)
