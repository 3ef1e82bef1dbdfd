"""The light network with drawn weights under which its maps say something, so that none need be shipped."""

import torch
from torch import nn

from cosod.models.gconet_plus_mobile import GCoNetPlusMobile, MobileConfig
from cosod.models.modules.layers import BATCH_NORM
from tests.models.filled import images


@torch.no_grad()
def lively(seed: int = 0, size: int = 64, **options) -> GCoNetPlusMobile:
    """In evaluation mode; drawn by a seed, with the statistics of a few random images at every layer.

    Args:
        seed: of weights and images.
        size: side of the images.
        options: of :class:`MobileConfig`.
    """
    torch.manual_seed(seed)
    network = GCoNetPlusMobile(MobileConfig(**options)).eval()
    for branch in (network.decoder, network.gate):
        nn.init.normal_(branch.head.weight, std=0.5)
    layers = [module for module in network.modules() if isinstance(module, BATCH_NORM)]
    momentum = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 1.0
        layer.train()
    group = images(seed, 4, size)
    x16, x32 = network.backbone(group)[2:]
    network.mean16.copy_(x16.mean(dim=(0, 2, 3), keepdim=True))
    network.mean32.copy_(x32.mean(dim=(0, 2, 3), keepdim=True))
    network(group)
    for layer, own in zip(layers, momentum, strict=True):
        layer.momentum = own
    return network.eval()
