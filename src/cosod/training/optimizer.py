"""What is learned and how fast: parameter groups, rate schedules, and the average of the weights."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import swa_utils

from cosod.errors import InputError, nearest
from cosod.models.modules.layers import BATCH_NORM
from cosod.training.config.recipe import Recipe
from cosod.training.config.sections import OptimizerSettings


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Creates Adam or AdamW over the parameters that the recipe trains, and freezes the others.

    Each parameter group carries ``peak``, its rate before the schedule's factor.

    Raises:
        InputError: the recipe freezes or trains a name that no parameter begins with.
    """
    settings = recipe.optimizer
    _freeze(network, settings)
    lr = settings.lr
    if settings.lr_images:
        lr *= recipe.sampling.images / settings.lr_images
    backbone, rest = [], []
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
    """Set the rates for a step, and return the schedule's factor.

    Args:
        optimizer: optimizer of :func:`make_optimizer`.
        settings: settings of the recipe.
        epoch: from 0.
        progress: share of the run that is done.
        step: from 0.
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
    """Exponential moving average of a network's weights and statistics.

    The decay grows from 0.18 over the first steps, ``min(decay, (1 + step) / (10 + step))``, so that the random
    start is soon forgotten.

    Attributes:
        state: the averaged state dict.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.state: dict[str, Tensor] = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after ``step`` (from 1)."""
        decay = min(self.decay, (1 + step) / (10 + step))
        now = network.state_dict()
        moving = [key for key, value in now.items() if value.is_floating_point()]
        swa_utils.get_ema_multi_avg_fn(decay)([self.state[key] for key in moving], [now[key] for key in moving], None)
        for key in now.keys() - moving:  # counters
            self.state[key].copy_(now[key])


def _cosine(progress: float, warmup: float) -> float:
    """Returns the factor of the cosine schedule: up along a half cosine from 0.04, then down to 0."""
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
    """Returns every whole prefix of a parameter's name: ``backbone.``, ``backbone.conv1.``, ..."""
    return {".".join(parts[:i]) + "." for name in names for parts in [name.split(".")] for i in range(1, len(parts))}
