"""The forward pass of a group: encode in batches, form the consensus, decode in batches.

Everything that processes whole groups uses it: the detector, validation in training, the choice of hard partners,
analyses and albums.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from cosod.inference.deep_rows import together
from cosod.io.tensors import to_batch
from cosod.models.base import Consensus, CoSaliencyNetwork, Features, Output, Steps


class Decoded(NamedTuple):
    """Some images of a group.

    Attributes:
        indices: indices of these images in the group.
        features: features of the images.
        output: output of the decoder for these images.
    """

    indices: list[int]
    features: Features
    output: Output


class GroupForward:
    """The three steps of a network for groups of any size, without state between calls.

    Args:
        network: network in evaluation mode (see :func:`evaluating` for a network in training).
        batch: number of images that are decoded at once when a whole group is passed.
        steps: steps that encode and decode instead of the network; by default the network itself.
        device: device of the computation; by default the device of the network.

    Example:
        >>> network = cosod.models.create("gconet_plus_mobile").eval()
        >>> images = torch.zeros(3, 3, 64, 64)
        >>> GroupForward(network, batch=2).maps(images).shape
        torch.Size([3, 1, 64, 64])
    """

    def __init__(
        self,
        network: CoSaliencyNetwork,
        batch: int = 8,
        steps: Steps | None = None,
        device: torch.device | None = None,
    ):
        self.network, self.batch = network, batch
        self.steps: Steps = network if steps is None else steps
        self.device = device or next(network.parameters()).device

    def encode(self, images: Sequence[np.ndarray]) -> Features:
        """Encodes resized images ``(H, W, 3)`` uint8 of the same size, all at once."""
        return self.steps.encode(to_batch(images, self.network.mean, self.network.std, self.device))

    def encode_deep(self, images: Sequence[np.ndarray]) -> Features:
        """Encodes like :meth:`encode`, without the skips, which only the decoder needs."""
        return self.encode(images)._replace(skips=())

    def consensus(self, parts: Sequence[Features]) -> Consensus:
        """Computes the consensus of all images of a group from features in several parts."""
        return self.network.consensus(joined(parts))

    def decode(
        self, parts: Iterable[tuple[list[int], Features]], consensus: Consensus, formed_of: Sequence[int]
    ) -> Iterator[Decoded]:
        """Decodes a group in several parts.

        Args:
            parts: indices and features of images of the group; images may be missing.
            consensus: consensus of the whole group.
            formed_of: indices of the images from which the consensus was computed, in the same order.
        """
        rows = {index: row for row, index in enumerate(formed_of)}
        for indices, features in parts:
            with torch.inference_mode():
                output = self.steps.decode(features, consensus.part([rows[index] for index in indices]))
            yield Decoded(indices, features, output)

    def alone(self, features: Features, consensus: Consensus) -> Output:
        """Decodes each image separately, with the vector of the consensus only."""
        return self.steps.decode(features, Consensus(consensus.vector.to(features.deep)))

    def whole_group_maps(self, outputs: Iterable[Output]) -> Tensor:
        """Computes the maps ``(N, 1, S, S)`` of a group, which depend on all images, from outputs in several parts."""
        pairs = [(output.probability, output.threshold) for output in outputs]
        branches = (torch.cat([part for part in branch if part is not None]) for branch in zip(*pairs, strict=True))
        return self.network.confidence_map(*branches)

    def maps(self, images: Tensor) -> Tensor:
        """Computes the maps ``(N, 1, S, S)`` of a group of normalized images ``(N, 3, S, S)``."""
        indices = list(range(len(images)))
        parts = [
            (indices[start : start + self.batch], self.steps.encode(part.to(self.device)))
            for start, part in zip(range(0, len(images), self.batch), images.split(self.batch), strict=True)
        ]
        consensus = self.consensus([features for _, features in parts])
        outputs = (found.output for found in self.decode(parts, consensus, indices))
        if self.network.whole_group_maps:
            return self.whole_group_maps(outputs)
        return torch.cat([output.maps for output in outputs])

    def maps_alone(self, features: Features) -> Tensor:
        """Computes the maps ``(N, 1, S, S)`` of N images, each as a group of one image, which shows its saliency."""
        singles = [features.part(slice(row, row + 1)) for row in range(len(features.deep))]
        return torch.cat([self.steps.decode(one, self.network.consensus(one)).maps for one in singles])


def joined(parts: Sequence[Features]) -> Features:
    """Concatenates the deepest features of a group in several parts, from which its consensus is computed."""
    return Features((), together(part.deep for part in parts), parts[0].size)


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Puts a network into evaluation mode without gradients; afterwards, the mode of each module is restored."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
