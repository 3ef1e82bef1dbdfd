"""U-shaped refiner of a map: the residual refinement module of BASNet, Qin et al., CVPR 2019, section 3.3."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.models.modules.layers import resize


def _conv(i: int, o: int, batch_norm: bool) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), *([nn.BatchNorm2d(o)] if batch_norm else []), nn.ReLU())


class Refiner(nn.Module):
    """Adds a correction to the logits of a map, which a U-Net with four levels computes.

    Args:
        channels: number of channels of the input: 1 for the map alone, 4 for the image and the map.
        width: number of channels of the inner layers.
        batch_norm: whether batch normalization follows each convolution.
    """

    def __init__(self, channels: int, width: int = 64, batch_norm: bool = True):
        super().__init__()
        self.enter = nn.Conv2d(channels, width, 3, padding=1)
        self.down = nn.ModuleList(_conv(width, width, batch_norm) for _ in range(4))
        self.bottom = _conv(width, width, batch_norm)
        self.up = nn.ModuleList(_conv(2 * width, width, batch_norm) for _ in range(4))
        self.leave = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, maps: Tensor, images: Tensor | None = None) -> Tensor:
        """Computes the refined map.

        Args:
            maps: ``(N, 1, H, W)`` in [0, 1]. They are clamped to [0.01, 0.99], because the logits of a map that the
                confidence module made binary are too large for any correction.
            images: ``(N, 3, H, W)``, if the refiner has four input channels.

        Returns:
            Logits, ``(N, 1, H, W)``.
        """
        x = self.enter(maps if images is None else torch.cat([images, maps], dim=1))
        levels = []
        for block in self.down:
            x = block(x)
            levels.append(x)
            x = F.max_pool2d(x, 2, ceil_mode=True)
        x = self.bottom(x)
        for block in self.up:
            level = levels.pop()
            x = block(torch.cat([resize(x, level.shape[-2:]), level], dim=1))
        eased = maps.clamp(0.01, 0.99)
        return (eased / (1 - eased)).log() + self.leave(x)  # the logit, in operations that every export format has
