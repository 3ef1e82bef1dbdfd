"""The registry of losses that a recipe can name.

To add a loss, write one file beside this one, with a function and a frozen dataclass of its factors, and add one line
to :data:`REGISTRY`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from cosod.losses.gconet import GCoNetWeights, gconet_loss
from cosod.losses.gconet_plus import GCoNetPlusWeights, gconet_plus_loss
from cosod.losses.gconet_plus_mobile import MobileWeights, mobile_loss
from cosod.losses.ssnm import SSNMWeights, ssnm_loss

#: A function ``loss(output, masks, classes, weights)`` that returns the terms without their factors by their names, and
#: their weighted sum as ``total``.
Loss = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True)
class Entry:
    """A loss of the registry.

    Attributes:
        function: the loss; see :data:`Loss`.
        weights: the frozen dataclass of its factors, whose fields are the keys of a recipe's table ``[weights]``.
        shared_labels: whether the argument ``classes`` holds all labels that a group shares, ``(N, number of labels)``,
            instead of one label for each image, ``(N,)``.
        all_objects: whether the loss also takes the masks of all objects of an image, shared or not, as ``objects``.
    """

    function: Loss
    weights: type
    shared_labels: bool = False
    all_objects: bool = False


REGISTRY: dict[str, Entry] = {
    "gconet": Entry(gconet_loss, GCoNetWeights),
    "gconet_plus": Entry(gconet_plus_loss, GCoNetPlusWeights),
    "mobile": Entry(mobile_loss, MobileWeights, all_objects=True),
    "ssnm": Entry(ssnm_loss, SSNMWeights, shared_labels=True),
}


def loss_of(name: str) -> Loss:
    """Returns the loss that a recipe calls ``name``.

    Raises:
        KeyError: :data:`REGISTRY` has no such name.

    Example:
        >>> loss_of("gconet").__name__
        'gconet_loss'
    """
    return REGISTRY[name].function
