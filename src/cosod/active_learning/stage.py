"""Training of a saliency network for a number of steps, on clicks or on whole masks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from cosod.active_learning.images import draw_view, normalized
from cosod.active_learning.labels import Targets
from cosod.errors import InputError, TrainingError
from cosod.inference.precision import training_dtype
from cosod.losses.point_losses import local_coherence, mask_loss, point_loss
from cosod.models.modules.layers import remember_buffers
from cosod.models.registry import entry
from cosod.models.saliency_base import SaliencyNetwork, salient
from cosod.training.data.keyed_rng import torch_seed
from cosod.training.optimizer import MOST_SKIPPED

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Training:
    """Configuration of the training stages.

    The learning rates are meant for batches of 32 images, as published for F3Net, and are scaled with the batch size.

    Attributes:
        network: registered name of a network for single images.
        steps: number of steps of the stage after each round, except the last round.
        final_steps: number of steps of the final network, which is trained from ImageNet weights on all clicks; with 0,
            no final network is trained.
        self_steps: number of steps of one more network, which is trained from ImageNet weights on the masks that the
            final network predicts for the pool, and becomes the result (see
            :mod:`cosod.active_learning.self_training`); 0 disables this. With full supervision, these steps are added
            to ``final_steps``.
        self_cut: whether the outlines of the masks for ``self_steps`` are moved to where the colors change.
        warm: whether a stage starts from the weights of the previous stage; otherwise it starts from ImageNet weights.
        size: side in pixels of the square that images are resized to in training.
        side: side in pixels of the squares that images are resized to in memory.
        batch: number of images in a step.
        lr: peak learning rate of decoder and heads, for a batch of 32 images.
        backbone: learning rate of the backbone as a share of ``lr``.
        freeze_stem: whether the first layers of the backbone keep their ImageNet weights, as in the published code.
        momentum, weight_decay: parameters of SGD with Nesterov momentum.
        crop: maximum share of each side of an image that a random crop cuts off.
        precision: ``float32``, or ``bfloat16`` (autocast); ``auto`` is bfloat16 on devices that support it in hardware,
            and otherwise float32.
        coherence: factor of :func:`cosod.losses.point_losses.local_coherence`, which is added to the loss of the
            clicks; 0 disables it.
        bug_compatible: whether only the IoU in the loss of masks is weighted, as in the published code (see
            :func:`cosod.losses.point_losses.structure_loss`).
    """

    network: str = "saliency_mobile"
    steps: int = 150
    final_steps: int = 1000
    self_steps: int = 1000
    self_cut: bool = True
    warm: bool = True
    size: int = 192
    side: int = 224
    batch: int = 16
    lr: float = 0.05
    backbone: float = 0.1
    freeze_stem: bool = True
    momentum: float = 0.9
    weight_decay: float = 5e-4
    crop: float = 0.125
    precision: str = "auto"
    coherence: float = 0.3
    bug_compatible: bool = False

    def __post_init__(self):
        if not issubclass(entry(self.network).network, SaliencyNetwork):
            raise InputError(f"training: {self.network} is a network for groups; give f3net or saliency_mobile")
        if self.precision not in PRECISIONS:
            raise InputError(f"training: precision {self.precision!r}; give one of {', '.join(PRECISIONS)}")
        if min(self.steps, self.batch, self.side) < 1 or min(self.final_steps, self.self_steps) < 0:
            raise InputError(
                "training: give steps, batch and side of at least 1, and final_steps and self_steps of at least 0"
            )
        if self.size < 32 or self.size % 32:
            raise InputError(f"training: size {self.size}; give a multiple of 32")
        if not 0 <= self.crop < 1:
            raise InputError(f"training: crop {self.crop}; give at least 0 and less than 1")


class StageReport(NamedTuple):
    """Report on a training stage.

    Attributes:
        steps: number of steps.
        skipped: number of steps whose gradient was not finite; they change nothing.
        loss: mean loss of the other steps.
        clicks: number of clicks that the network was trained on; 0 with masks.
    """

    steps: int
    skipped: int
    loss: float
    clicks: int


def train_stage(
    network: SaliencyNetwork,
    images: Tensor,
    truth: Targets | Tensor,
    settings: Training,
    steps: int,
    rate: Callable[[int], float],
    key: tuple[int | str, ...],
    after_step: Callable[[int], None] = lambda step: None,
) -> StageReport:
    """Trains a network in place for a number of steps.

    Args:
        network: the network, on its device; it is in evaluation mode afterwards.
        images: ``(N, S, S, 3)`` uint8.
        truth: labeled points of the N images, or masks ``(N, S, S)`` uint8, 0 to 255, for full supervision.
        settings: settings of the training.
        steps: number of steps.
        rate: function that returns the factor of the learning rates in a step, from 0.
        key: key of all random choices.
        after_step: called with the number of each step, from 1, when it is done.

    Raises:
        TrainingError: fifty consecutive steps had no finite gradient.

    Example:
        >>> report = train_stage(network, images, truth, Training(), 100, lambda step: 1.0, (0,))  # doctest: +SKIP
    """
    device = next(network.parameters()).device
    # PyTorch documents memory_format, but its annotations lack it.
    network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = _optimizer(network, settings)
    dtype = training_dtype(settings.precision, device)
    generator = torch.Generator().manual_seed(torch_seed(*key))
    order = _order(len(images), settings.batch, generator)
    total, skipped, in_a_row = 0.0, 0, 0
    clicks = int(truth.clicks.sum()) if isinstance(truth, Targets) else 0
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate(step)
        chosen = next(order)
        batch = _Batch.of(images, truth, chosen, settings, generator).to(device)
        restore_buffers = remember_buffers(network)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            output = network.saliency(normalized(batch.images, network))
        if batch.masks is None:
            loss = point_loss(output, batch.xy, batch.labels)
            if settings.coherence:
                maps = salient(output.logits[0].float())
                loss = loss + settings.coherence * local_coherence(maps, batch.images)
        else:
            loss = mask_loss(output, batch.masks, settings.bug_compatible)
        optimizer.zero_grad()
        loss.backward()
        # A gradient can overflow where the loss does not.
        norm = torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
        if torch.isfinite(loss) and norm.isfinite():
            optimizer.step()
            total, in_a_row = total + loss.item(), 0
        else:
            restore_buffers()
            skipped, in_a_row = skipped + 1, in_a_row + 1
            if in_a_row == MOST_SKIPPED:
                raise TrainingError(f"{MOST_SKIPPED} steps in a row without a finite gradient; give a smaller lr")
        after_step(step + 1)
    network.eval()
    return StageReport(steps, skipped, total / max(1, steps - skipped), clicks)


class _Batch(NamedTuple):
    """Batch of images in [0, 1], with their labeled points or their masks; with masks there are no points."""

    images: Tensor
    xy: Tensor
    labels: Tensor
    masks: Tensor | None

    @classmethod
    def of(
        cls, images: Tensor, truth: "Targets | Tensor", chosen: Tensor, settings: Training, generator: torch.Generator
    ) -> "_Batch":
        pixels = images[chosen].permute(0, 3, 1, 2).float() / 255
        if isinstance(truth, Targets):
            xy, labels = truth.xy[chosen], truth.labels[chosen]
            view = draw_view(xy, truth.clicks[chosen], settings.crop, generator)
            inside = view.of_points(xy)
            # Pixels of a superpixel may lie outside of the window; a click never does.
            labels = labels.masked_fill((inside.abs() > 1).any(dim=2), -1)
            return cls(view.of_images(pixels, settings.size), inside, labels, None)
        nothing = torch.zeros(len(chosen), 0, 2)
        view = draw_view(nothing, nothing[..., 0].bool(), settings.crop, generator)
        masks = view.of_images(truth[chosen][:, None].float() / 255, settings.size)
        return cls(view.of_images(pixels, settings.size), nothing, nothing[..., 0], masks)

    def to(self, device: torch.device) -> "_Batch":
        masks = None if self.masks is None else self.masks.to(device)
        return _Batch(self.images.to(device), self.xy.to(device), self.labels.to(device), masks)


def _order(count: int, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yields the indices of the images of each step, endlessly; each pass over the images is in a new random order."""
    waiting = torch.empty(0, dtype=torch.int64)
    while True:
        while len(waiting) < batch:
            waiting = torch.cat([waiting, torch.randperm(count, generator=generator)])
        yield waiting[:batch]
        waiting = waiting[batch:]


def _optimizer(network: SaliencyNetwork, settings: Training) -> torch.optim.Optimizer:
    lr = settings.lr * settings.batch / 32
    backbone: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not (settings.freeze_stem and name.startswith(network.stem)))
        if parameter.requires_grad:
            (backbone if name.startswith("backbone.") else rest).append(parameter)
    groups = [{"params": backbone, "peak": lr * settings.backbone}, {"params": rest, "peak": lr}]
    return torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=lr,
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        nesterov=settings.momentum > 0,
    )
