"""The feature maps that a decoder passes from level to level, caught on their way (GCoNet+ figure 2)."""

import contextlib
from collections.abc import Iterator

from torch import Tensor

from cosod.errors import InputError
from cosod.models.base import CoSaliencyNetwork
from cosod.models.gconet import GCoNet
from cosod.models.gconet_plus import GCoNetPlus
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile
from cosod.models.ssnm import SSNM


def level_modules(network: CoSaliencyNetwork) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the modules whose input, and modules whose output, is the decoder's feature at one level.

    In GCoNet+ and the light network the lateral connection is added between two blocks: a level is what the next
    block takes in, and the last level what the last block gives. The light network has two such branches.

    Raises:
        InputError: a network whose decoder is not known here.
    """
    match network:
        case GCoNet():
            return (), ("top", "merge4", "merge3", "merge2", "merge1")
        case GCoNetPlus():
            return ("block5", "block4", "block3", "block2", "block1"), ("block1",)
        case GCoNetPlusMobile():
            blocks = [f"{branch}.block{stride}" for branch in ("decoder", "gate") for stride in (16, 8, 4)]
            return tuple(blocks), ("decoder.block4", "gate.block4")
        case SSNM():
            return (), (("block",) if network.config.shared_blocks else ("block4", "block3", "block2")) + ("block1",)
    raise InputError(f"{type(network).__name__} has no decoder whose levels can be shown")


@contextlib.contextmanager
def caught_levels(network: CoSaliencyNetwork) -> Iterator[list[Tensor]]:
    """Yields a list to which every pass of a decoder appends its levels, coarsest first, each as its mean over
    channels.

    Of the light network, ``encode`` appends those of the branch that sees each image by itself, and ``decode`` those of
    the gate; of all other networks ``decode`` appends them.

    Yields:
        A list that fills with tensors ``(N, 1, H_l, W_l)``.

    Raises:
        InputError: see :func:`level_modules`.
    """
    levels: list[Tensor] = []

    def keep(feature: Tensor) -> None:
        levels.append(feature.detach().float().mean(dim=1, keepdim=True))

    before, after = level_modules(network)
    hooks = [network.get_submodule(n).register_forward_pre_hook(lambda _, given: keep(given[0])) for n in before]
    hooks += [network.get_submodule(n).register_forward_hook(lambda _, given, made: keep(made)) for n in after]
    try:
        yield levels
    finally:
        for hook in hooks:
            hook.remove()
