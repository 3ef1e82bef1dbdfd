"""Feature maps of the levels of a decoder, recorded by hooks in the forward pass (GCoNet+ figure 2)."""

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
    """Returns the names of the modules whose inputs, and of those whose outputs, are the features of decoder levels.

    In GCoNet+ and the light network, lateral connections are added between two blocks. The feature of a level is
    therefore the input of the next block, and for the last level the output of the last block. The light network has
    two such branches.

    Raises:
        InputError: the decoder of the network is not supported.

    Example:
        >>> from cosod.models import create
        >>> level_modules(create("gconet"))
        ((), ('top', 'merge4', 'merge3', 'merge2', 'merge1'))
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
    """Records the channel means of the features of all decoder levels while the context is active.

    The levels are recorded by ``decode``, the coarsest first. In the light network, ``encode`` records those of the
    branch that processes each image separately, and ``decode`` those of the gate.

    Yields:
        A list, to which the forward pass appends tensors ``(N, 1, H_l, W_l)``.

    Raises:
        InputError: the decoder of the network is not supported.

    Example:
        >>> with caught_levels(network) as levels:  # doctest: +SKIP
        ...     output = network.decode(features, consensus)
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
