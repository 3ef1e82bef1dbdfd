"""Two losses of the GCoNet+ code that need more than the network's output: by scale, and adversarial."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from cosod.losses import adversarial_loss, scale_consistency_loss
from cosod.models.base import Output
from cosod.models.modules.discriminator import Discriminator
from cosod.training.process_group import ProcessGroup

#: Sides of the small images of the scale loss, as a share of the images'.
SHRUNK = 0.25


def scale_term(network: Callable[[Tensor], Output], images: Tensor, maps: Tensor) -> Tensor:
    """Compares the maps of the images at a quarter of their size with ``maps``, shrunk (self-supervision by scale).

    Example:
        >>> loss = scale_term(network, images, network(images).maps)  # doctest: +SKIP
    """
    small = F.interpolate(images, scale_factor=SHRUNK, mode="bilinear", align_corners=True)
    return scale_consistency_loss(network(small).maps, maps)


class DiscriminatorTrainer:
    """The discriminator with its optimizer. It is no part of the network and is not saved with it.

    Args:
        size: side of the maps.
        lr: learning rate, that of the network.
        every: number of steps between two steps of its training.
        process_group: processes that its gradients are averaged over.
    """

    def __init__(self, size: int, lr: float, every: int, process_group: ProcessGroup):
        self.discriminator = Discriminator(size).to(process_group.device).train().requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=lr, betas=(0.9, 0.99))
        self.every, self.process_group = every, process_group

    def term(self, maps: Tensor) -> Tensor:
        """Computes the network's loss: how far its maps are from being taken for ground truth."""
        return adversarial_loss(self.discriminator(maps), real=True)

    def learn(self, step: int, maps: Tensor, masks: Tensor) -> None:
        """Trains the discriminator to tell ``masks`` from ``maps``, in every ``every``-th step."""
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
        """Returns the state for the checkpoint."""
        return {"discriminator": self.discriminator.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict) -> None:
        """Restores the state of a checkpoint."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(state["optimizer"])
