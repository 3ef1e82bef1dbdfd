"""The optimizer, with its parameter groups, the schedules of the learning rate, and the average of the weights."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import swa_utils

from cosod.errors import InputError, nearest
from cosod.models.modules.layers import BATCH_NORM
from cosod.training.config.recipe import Recipe
from cosod.training.config.sections import OptimizerSettings

#: Training ends with an error after this number of consecutive steps without a finite gradient.
MOST_SKIPPED = 50


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Creates Adam or AdamW for the parameters that the recipe trains, and freezes all other parameters.

    The backbone and the rest of the network are two parameter groups. The entry ``peak`` of a parameter group is its
    learning rate before the factor of the schedule.

    Raises:
        InputError: a prefix in ``frozen``, ``trained`` or ``freeze_norm`` matches no parameter.

    Example:
        >>> network = nn.ModuleDict({"backbone": nn.Linear(2, 2), "head": nn.Linear(2, 1)})
        >>> optimizer = make_optimizer(network, Recipe("short"))
        >>> [f"{group['peak']:.0e}" for group in optimizer.param_groups]
        ['1e-06', '1e-04']
    """
    settings = recipe.optimizer
    _freeze(network, settings)
    lr = settings.lr
    if settings.lr_images:
        lr *= recipe.sampling.images / settings.lr_images
    backbone: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (backbone if name.startswith("backbone.") else rest).append(parameter)
    groups = [
        {"params": parameters, "peak": peak, "lr": peak}
        for parameters, peak in ((backbone, lr * settings.backbone), (rest, lr))
        if parameters
    ]
    kind = torch.optim.AdamW if settings.method == "adamw" else torch.optim.Adam
    return kind(groups, betas=settings.betas, weight_decay=settings.weight_decay)


def set_rates(
    optimizer: torch.optim.Optimizer, settings: OptimizerSettings, epoch: int, progress: float, step: int = 0
) -> float:
    """Sets the learning rates of a step, and returns the factor of the schedule.

    Args:
        optimizer: optimizer of :func:`make_optimizer`.
        settings: settings of the recipe.
        epoch: number of the epoch, from 0.
        progress: share of the steps of the run that are done, in [0, 1).
        step: number of the step, from 0.

    Example:
        >>> optimizer = make_optimizer(nn.Linear(2, 1), Recipe("short"))
        >>> set_rates(optimizer, OptimizerSettings(schedule="cosine", warmup=0.0), epoch=0, progress=0.5)
        0.5
    """
    if settings.schedule == "steps":
        decays = step // settings.decay_steps if settings.decay_steps else epoch // settings.decay_epochs
        factor = settings.decay**decays
    elif settings.schedule == "cosine":
        factor = _cosine(progress, settings.warmup)
    else:
        factor = 1.0
    if settings.restart and any(group["lr"] != group["peak"] * factor for group in optimizer.param_groups):
        optimizer.state.clear()
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    return factor


class Average:
    """Exponential moving average of a network's weights and running statistics.

    In the first steps the decay is smaller, ``min(decay, (1 + step) / (10 + step))``, which is 0.18 in the first step,
    so that the initial weights soon have no influence.

    Args:
        network: the network, whose weights are the first average.
        decay: decay of the average, in [0, 1].

    Attributes:
        state: the averaged state dict.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.state: dict[str, Tensor] = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Updates the average with the weights of the network after a step; steps are counted from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        now = network.state_dict()
        moving = [key for key, value in now.items() if value.is_floating_point()]
        swa_utils.get_ema_multi_avg_fn(decay)([self.state[key] for key in moving], [now[key] for key in moving], None)
        for key in now.keys() - moving:  # integers, which count batches
            self.state[key].copy_(now[key])


def _cosine(progress: float, warmup: float) -> float:
    """Returns the factor of the cosine schedule: it rises from 0.04 to 1 along a half cosine, then falls to 0."""
    if progress < warmup:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * progress / warmup)) / 2
    return (1 + math.cos(math.pi * (progress - warmup) / max(1e-12, 1 - warmup))) / 2


def _freeze(network: nn.Module, settings: OptimizerSettings) -> None:
    names = [name for name, _ in network.named_parameters()]
    for start in (*settings.frozen, *settings.trained, *settings.freeze_norm):
        if not any(name.startswith(start) for name in names):
            raise InputError(f"no parameter's name begins with {start!r}; {nearest(start, _beginnings(names))}")
    for name, parameter in network.named_parameters():
        if name.startswith(settings.frozen) and not name.startswith(settings.trained):
            parameter.requires_grad_(False)
    for name, module in network.named_modules():
        if isinstance(module, BATCH_NORM) and f"{name}.".startswith(settings.freeze_norm):
            for parameter in module.parameters():
                parameter.requires_grad_(False)


def _beginnings(names: Sequence[str]) -> set[str]:
    """Returns all prefixes of parameter names that end at a dot: ``backbone.``, ``backbone.conv1.``, ..."""
    return {".".join(parts[:i]) + "." for name in names for parts in [name.split(".")] for i in range(1, len(parts))}
