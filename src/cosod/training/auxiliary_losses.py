"""Two losses of the GCoNet+ code that need more than the network's output: scale consistency, and adversarial."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.losses import adversarial_loss, scale_consistency_loss
from cosod.models.base import Output
from cosod.models.modules.discriminator import Discriminator
from cosod.training.process_group import ProcessGroup

#: Side of the small images of the scale loss, as a share of the side of the images.
SHRUNK = 0.25


def scale_term(network: Callable[[Tensor], Output], images: Tensor, maps: Tensor) -> Tensor:
    """Computes the scale consistency loss between the maps of the images and those of the shrunk images.

    The network is applied to the images at a quarter of their size; the loss is
    :func:`cosod.losses.map_losses.scale_consistency_loss`.

    Args:
        network: computes the output of a batch of images.
        images: ``(N, 3, H, W)``, normalized.
        maps: maps of ``images``, ``(N, 1, H, W)`` in [0, 1].

    Returns:
        The loss, a scalar in [0, 1].

    Example:
        >>> loss = scale_term(network, images, network(images).maps)  # doctest: +SKIP
    """
    small = F.interpolate(images, scale_factor=SHRUNK, mode="bilinear", align_corners=True)
    return scale_consistency_loss(network(small).maps, maps)


class DiscriminatorTrainer:
    """Discriminator of maps and ground truth, with its optimizer.

    It is not part of the network: checkpoints contain it, the weights file of the network does not.

    Args:
        size: side of the square maps in pixels; a multiple of 16.
        lr: learning rate of the discriminator.
        every: the discriminator is trained in every step whose number is a multiple of this.
        process_group: processes over which the gradients are averaged.

    Raises:
        InputError: ``size`` is not a multiple of 16.
    """

    def __init__(self, size: int, lr: float, every: int, process_group: ProcessGroup):
        self.discriminator = Discriminator(size).to(process_group.device).train().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=lr, betas=(0.9, 0.99))
        self.every, self.process_group = every, process_group

    def term(self, maps: Tensor) -> Tensor:
        """Computes the adversarial loss of the network, which is low if its maps look like ground truth.

        Args:
            maps: maps of the network, ``(N, 1, size, size)`` in [0, 1].
        """
        return adversarial_loss(self.discriminator(maps), real=True)

    def learn(self, step: int, maps: Tensor, masks: Tensor) -> None:
        """Trains the discriminator to tell ``masks`` from ``maps``, if ``step`` is a multiple of ``every``.

        Args:
            step: number of the step, from 1.
            maps: maps of the network, ``(N, 1, size, size)`` in [0, 1].
            masks: ground truth of the same shape, in {0, 1}.
        """
        if step % self.every:
            return
        self.discriminator.requires_grad_(True)
        self.optimizer.zero_grad(set_to_none=True)
        real, fake = self.discriminator(masks), self.discriminator(maps.detach())
        ((adversarial_loss(real, real=True) + adversarial_loss(fake, real=False)) / 2).backward()
        self.process_group.average_gradients(self.discriminator)
        self.optimizer.step()
        self.discriminator.requires_grad_(False)

    def state(self) -> dict:
        """Returns the weights and the state of the optimizer, for a checkpoint."""
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict) -> None:
        """Restores a state that :meth:`state` has returned."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
