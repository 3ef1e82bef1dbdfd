"""Functions and layers that several networks share."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from cosod.errors import InputError

#: Base class of all kinds of batch normalization, including the synchronized one.
BATCH_NORM = nn.modules.batchnorm._BatchNorm
#: Functions by which layers draw their initial weights.
DRAWN = {
    *(nn.init.kaiming_uniform_, nn.init.kaiming_normal_, nn.init.xavier_uniform_, nn.init.xavier_normal_),
    *(nn.init.uniform_, nn.init.normal_, Tensor.uniform_, Tensor.normal_),
}
Part = TypeVar("Part", bound=nn.Module)


class Undrawn(TorchFunctionMode):
    """A context in which networks are created without random weights, for those whose weights are then loaded.

    Drawing them would take several times as long as everything else, and change the state of the random generator.

    Example:
        >>> state = torch.get_rng_state()
        >>> with Undrawn():
        ...     layer = nn.Conv2d(3, 8, 1)
        >>> torch.equal(torch.get_rng_state(), state)
        True
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in DRAWN:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs or {})


def copied(module: Part) -> Part:
    """Returns a copy of a module, as :func:`copy.deepcopy` does, in two thirds of the time.

    Example:
        >>> layer = nn.Conv2d(3, 8, 1)
        >>> other = copied(layer)
        >>> torch.equal(other.weight, layer.weight), other.weight is layer.weight
        (True, False)
    """
    # Each layer has a dozen tables, most of which are empty. Copying these would take almost half of the time.
    tables = (table for layer in module.modules() for table in vars(layer).values())
    memo = {id(table): type(table)() for table in tables if type(table) in (dict, OrderedDict) and not table}
    return copy.deepcopy(module, memo)


def keep_statistics(module: nn.Module) -> None:
    """Sets all batch normalization layers of ``module`` to evaluation mode, so that their statistics do not change."""
    for part in module.modules():
        if isinstance(part, BATCH_NORM):
            part.eval()


def remember_buffers(module: nn.Module) -> Callable[[], None]:
    """Copies the buffers of ``module``, such as running statistics; returns a function that restores them.

    Example:
        >>> norm = nn.BatchNorm2d(1)
        >>> restore = remember_buffers(norm)
        >>> _ = norm(torch.ones(1, 1, 2, 2))
        >>> restore()
        >>> norm.running_mean.item()
        0.0
    """
    kept = [buffer.clone() for buffer in module.buffers()]

    def restore() -> None:
        for buffer, value in zip(module.buffers(), kept, strict=True):
            buffer.copy_(value)

    return restore


def height_and_width(x: Tensor) -> tuple[int, int]:
    """Returns H and W of a tensor ``(..., H, W)``.

    Example:
        >>> height_and_width(torch.zeros(1, 3, 48, 64))
        (48, 64)
    """
    height, width = x.shape[-2:]
    return height, width


def resize(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Resizes ``(N, C, H, W)`` to ``(N, C, *size)``, bilinearly with aligned corners, as the GCoNet papers do."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x  # with aligned corners this is the identity
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


def enlarge(x: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Resizes ``(N, C, h, w)`` to ``(N, C, *size)``, bilinearly without aligned corners, as in F3Net and the mobile
    networks.
    """
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def peak(values: Tensor, where: Tensor) -> Tensor:
    """Computes the mean of ``values`` over each image, weighted by the softmax of ``where``.

    Args:
        values, where: ``(N, 1, H, W)``.

    Returns:
        ``(N, 1, 1, 1)``.
    """
    n = values.shape[0]  # not len(), which exported graphs would store as a constant
    return (where.flatten(1).softmax(dim=1) * values.flatten(1)).sum(dim=1).view(n, 1, 1, 1)


def halves(images: Tensor, groups: int = 2) -> int:
    """Returns the number of images in each of the groups of a training batch, which all have the same size.

    Raises:
        InputError: the batch is empty, or cannot be divided into this number of groups of one size.
    """
    if len(images) == 0 or len(images) % groups:
        many, number = ("two", "an even number") if groups == 2 else (groups, f"a multiple of {groups}")
        raise InputError(f"a training batch is {many} groups of one size, not {len(images)} images; give {number}")
    return len(images) // groups
