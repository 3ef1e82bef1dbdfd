"""The attack that brings uncertainty out: projected gradient descent on the image (ASTE-AL's FPGD-PA)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.active_learning.images import normalized
from cosod.active_learning.labels import cells
from cosod.errors import InputError
from cosod.models.saliency_base import SaliencyNetwork, log_odds


@dataclass(frozen=True)
class Attack:
    """Options of :func:`attacked`.

    Attributes:
        eps: maximum change of a value of the image, which is in [0, 1].
        alpha: change of a value in one step. The published attack has 5 steps of 0.01. They change the light network's
            prediction nearly as often far from the outline of the object as close to it (at 44 and 53 percent of the
            positions, ``benchmarks/attack.py``), so that the change says nothing about uncertainty; 5 steps of 0.0005
            change it where it is uncertain (6 and 23 percent).
        steps: number of steps; 0 disables the attack.
        random_start: whether the attack starts at a random point within ``eps`` of the image.
        clicks: whether the attack uses the labels of labeled points there, and the network's own prediction elsewhere;
            otherwise it uses the prediction everywhere.
    """

    eps: float = 0.1
    alpha: float = 0.0005
    steps: int = 5
    random_start: bool = False
    clicks: bool = False

    def __post_init__(self):
        if self.eps < 0 or self.alpha < 0 or self.steps < 0:
            raise InputError(f"attack: eps {self.eps}, alpha {self.alpha}, steps {self.steps}; give none below 0")


def attacked(
    network: SaliencyNetwork,
    images: Tensor,
    settings: Attack,
    precision: torch.dtype = torch.float32,
    generator: torch.Generator | None = None,
    known: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> Tensor:
    """Changes images so that the network becomes uncertain of its prediction.

    ``x <- clip(x + alpha * sign(grad CE(f(x), y)))`` within ``eps`` of the image and [0, 1], where y is the network's
    own binary prediction for the unchanged image. So no labels are needed, and none leak.

    Args:
        network: its mode is set to evaluation meanwhile; weights and statistics are untouched.
        images: ``(N, 3, H, W)`` in [0, 1], not normalized.
        settings: settings of the attack.
        precision: precision of the network's arithmetic.
        generator: for the random start.
        known: for each image its labeled points ``(K, 2)``, the image spanning -1 to 1, and their labels ``(K,)``,
            which take the place of what the network says there.

    Returns:
        ``(N, 3, H, W)`` in [0, 1].

    Example:
        >>> changed = attacked(network, images, Attack(), generator=torch.Generator().manual_seed(0))  # doctest: +SKIP
    """
    if settings.steps == 0:
        return images
    with _still(network):
        changed = images.clone()
        if settings.random_start:
            noise = torch.rand(images.shape, generator=generator).to(images.device)
            changed = (changed + (2 * noise - 1) * settings.eps).clamp_(0, 1)
        with torch.no_grad():
            said = (_answer(network, images, precision) > 0).float()
        for image, (xy, labels) in enumerate(known):
            rows, columns = cells(xy, said.shape[2:])
            said[image, 0, rows, columns] = torch.from_numpy(np.asarray(labels, np.float32)).to(said.device)
        for _ in range(settings.steps):
            changed.requires_grad_(True)
            # The sum: an image's direction then does not depend on how many images are attacked with it.
            loss = F.binary_cross_entropy_with_logits(_answer(network, changed, precision), said, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, changed)
            changed = changed.detach() + settings.alpha * gradient.sign()
            changed = torch.clamp(changed, images - settings.eps, images + settings.eps).clamp_(0, 1)
    return changed.detach()


def _answer(network: SaliencyNetwork, images: Tensor, precision: torch.dtype) -> Tensor:
    """Computes the log odds of being salient, at the stride of the network's result."""
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        logits = network.saliency(normalized(images, network)).logits[0]
    return log_odds(logits.float())


@contextmanager
def _still(network: SaliencyNetwork) -> Iterator[None]:
    """Puts the network in evaluation mode without parameter gradients; both are as before afterwards."""
    training, wanted = network.training, [p.requires_grad for p in network.parameters()]
    network.eval().requires_grad_(False)
    try:
        yield
    finally:
        network.train(training)
        for parameter, value in zip(network.parameters(), wanted, strict=True):
            parameter.requires_grad_(value)
