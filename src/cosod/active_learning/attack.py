"""The adversarial attack that reveals uncertain pixels: projected gradient descent on the image (ASTE-AL's FPGD-PA)."""

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
    """Configuration of the adversarial attack, see :func:`attacked`.

    Attributes:
        eps: maximum change of each value of the image, for values in [0, 1].
        alpha: change of each value in one step. The published attack has 5 steps of 0.01. These change the prediction
            of the light network nearly as often far from the outline of the object as close to it (at 44 and 53 percent
            of the positions, ``benchmarks/attack.py``), so that the change does not indicate uncertainty; 5 steps of
            0.0005 change the prediction mainly where it is uncertain (at 6 and 23 percent).
        steps: number of steps; 0 disables the attack.
        random_start: whether the attack starts at a random point within ``eps`` of the image.
        clicks: whether the target of the attack has the labels of the clicks at their positions; otherwise it is the
            network's own prediction everywhere.
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
    """Changes images so that the network becomes less certain of its prediction.

    Each step is ``x <- clip(x + alpha * sign(grad CE(f(x), y)))``, where ``clip`` limits x to [0, 1] and to a distance
    of ``eps`` from the image. The target y is the network's own binary prediction for the unchanged image, so that no
    labels are needed.

    Args:
        network: network to attack, in evaluation mode during the attack; it is not changed.
        images: ``(N, 3, H, W)`` in [0, 1], not normalized.
        settings: settings of the attack.
        precision: precision of the network's computation (autocast).
        generator: generator of the random start.
        known: labeled points ``(K, 2)`` of each image, in coordinates from -1 to 1, and their labels ``(K,)``, which
            replace the prediction of the network in y; by default no labels are used.

    Returns:
        The changed images, ``(N, 3, H, W)`` in [0, 1]; ``images`` themselves if the attack has 0 steps.

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
            # With the sum, the gradient of an image does not depend on the number of images in the batch.
            loss = F.binary_cross_entropy_with_logits(_answer(network, changed, precision), said, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, changed)
            changed = changed.detach() + settings.alpha * gradient.sign()
            changed = torch.clamp(changed, images - settings.eps, images + settings.eps).clamp_(0, 1)
    return changed.detach()


def _answer(network: SaliencyNetwork, images: Tensor, precision: torch.dtype) -> Tensor:
    """Computes the log odds of being salient, at the resolution of the network's main output."""
    with torch.autocast(images.device.type, precision, enabled=precision != torch.float32):
        logits = network.saliency(normalized(images, network)).logits[0]
    return log_odds(logits.float())


@contextmanager
def _still(network: SaliencyNetwork) -> Iterator[None]:
    """Sets the network to evaluation mode without gradients of parameters, and restores both afterwards."""
    training, wanted = network.training, [p.requires_grad for p in network.parameters()]
    network.eval().requires_grad_(False)
    try:
        yield
    finally:
        network.train(training)
        for parameter, value in zip(network.parameters(), wanted, strict=True):
            parameter.requires_grad_(value)
