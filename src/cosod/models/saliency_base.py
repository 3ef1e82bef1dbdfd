"""The interface of the networks that segment single images, as a special case of the networks for groups."""

from typing import NamedTuple

import torch
from torch import Tensor

from cosod.errors import InputError
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output
from cosod.models.modules.layers import enlarge


class Saliency(NamedTuple):
    """Output of a network for N single images.

    Attributes:
        logits: all supervised maps, the result first, each ``(N, C, h, w)`` at its own stride. C = 2: background and
            salient, to be compared by softmax; C = 1: salient, by sigmoid.
        weights: weights of the maps in the loss, in the same order.
        features: dense features, ``(N, D, H / 4, W / 4)``, which tell whether two pixels look alike.
    """

    logits: tuple[Tensor, ...]
    weights: tuple[float, ...]
    features: Tensor


class SaliencyNetwork(CoSaliencyNetwork):
    """Base class of the networks that segment each image by itself.

    To have the interface of the networks for groups, they return a consensus of ones, which changes nothing.
    ``config.classes`` is the number C of channels of the logits in :class:`Saliency`, 1 or 2. ``stem`` lists the
    prefixes of the names of those parameters, the first layers of the backbone, that keep their ImageNet weights in
    training.
    """

    stem: tuple[str, ...] = ()

    def saliency(self, images: Tensor) -> Saliency:
        """Computes logits, weights and features of normalized images ``(N, 3, H, W)``, for training and for queries."""
        return self.heads(self.encode(images))

    def heads(self, features: Features) -> Saliency:
        """Computes the same as :meth:`saliency` from the features of the encoder."""
        raise NotImplementedError

    def consensus(self, features: Features) -> Consensus:
        return Consensus(torch.ones_like(features.deep[:1, :, :1, :1]))

    def decode(self, features: Features, consensus: Consensus) -> Output:
        maps = salient(enlarge(self.heads(features).logits[0].float(), features.size))
        return Output(maps=maps, sides=(maps,) if self.training else ())

    def forward_training(self, images: Tensor) -> Output:
        features = self.encode(images)
        return self.decode(features, self.consensus(features))


def check_classes(classes: int) -> None:
    """Raises InputError unless ``classes`` is 1 or 2."""
    if classes not in (1, 2):
        raise InputError(f"classes is {classes}; give 2 (background and salient) or 1 (salient)")


def salient(logits: Tensor) -> Tensor:
    """Computes the probability of being salient, ``(N, 1, h, w)``, from logits ``(N, C, h, w)`` with C = 1 or 2."""
    return log_odds(logits).sigmoid()


def log_odds(logits: Tensor) -> Tensor:
    """Computes the logit of :func:`salient`; with two classes it is the difference of their logits."""
    return logits if logits.shape[1] == 1 else logits[:, 1:] - logits[:, :1]
