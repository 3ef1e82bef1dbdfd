"""Discriminator of the adversarial loss of GCoNet+, which tells maps of the network from ground truth."""

from torch import Tensor, nn

from cosod.errors import InputError


class Discriminator(nn.Module):
    """Four strided convolutions and one linear layer over all positions, as in the published code.

    It is trained in every fifth step of the network, with a binary cross entropy, and is not part of the network.

    Args:
        size: side of the square maps; a multiple of 16.
    """

    def __init__(self, size: int = 256):
        super().__init__()
        if size < 16 or size % 16:
            raise InputError(f"the discriminator needs maps whose side is a multiple of 16, not {size}")
        layers: list[nn.Module] = []
        i = 1
        for o in (16, 32, 64, 128):
            layers += [nn.Conv2d(i, o, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
            if i > 1:
                layers.append(nn.BatchNorm2d(o, eps=0.8))
            i = o
        self.features = nn.Sequential(*layers)
        self.judge = nn.Linear(i * (size // 16) ** 2, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Computes logits ``(N, 1)`` of maps ``(N, 1, size, size)`` in [0, 1]; positive ones look like ground truth."""
        return self.judge(self.features(maps).flatten(1))
