"""The losses that a recipe can name."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from cosod.losses.gconet import gconet_loss
from cosod.losses.gconet_plus import gconet_plus_loss
from cosod.losses.gconet_plus_mobile import mobile_loss
from cosod.losses.ssnm import ssnm_loss
from cosod.models.base import Output

#: ``loss(output, masks, classes, weights)`` -> terms without factors, and their weighted sum as ``total``.
Loss = Callable[[Output, Tensor, Tensor, Any], dict[str, Tensor]]

#: Losses that also take the masks of all objects of an image, shared or not, as ``objects``.
OF_ALL_OBJECTS = frozenset({"mobile"})
#: Losses whose ``classes`` are all labels that a group shares, ``(N, labels)``, and not the one label of each image.
OF_ALL_SHARED = frozenset({"ssnm"})


def loss_of(name: str) -> Loss:
    """The loss of that name in a recipe."""
    return {"gconet": gconet_loss, "gconet_plus": gconet_plus_loss, "mobile": mobile_loss, "ssnm": ssnm_loss}[name]
