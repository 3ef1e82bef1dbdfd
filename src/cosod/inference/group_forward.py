"""The forward pass of a group: encode in batches, form the consensus, decode in batches.

Everything that looks at whole groups does it by this: the detector, validation while a network is trained, the choice
of hard partners, analyses and albums.
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
        output: what the decoder makes of them.
    """

    indices: list[int]
    features: Features
    output: Output


class GroupForward:
    """The three steps of a network for groups of any size; nothing is kept of a group between calls.

    Args:
        network: in evaluation mode (see :func:`evaluating` for one that is trained).
        batch: images that are decoded at once where a whole group is given.
        steps: what encodes and decodes in the network's place; the network itself by default.
        device: what computes; by default the device that the network is on.

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
        """Encodes shrunk images ``(H, W, 3)`` uint8 of one size, as many as fit into memory."""
        return self.steps.encode(to_batch(images, self.network.mean, self.network.std, self.device))

    def encode_deep(self, images: Sequence[np.ndarray]) -> Features:
        """Does the same as :meth:`encode`, without what only the decoder reads."""
        return self.encode(images)._replace(skips=())

    def consensus(self, parts: Sequence[Features]) -> Consensus:
        """Computes the network's consensus of all images of a group, whose features come in parts."""
        return self.network.consensus(joined(parts))

    def decode(
        self, parts: Iterable[tuple[list[int], Features]], consensus: Consensus, formed_of: Sequence[int]
    ) -> Iterator[Decoded]:
        """Decodes a group, part by part.

        Args:
            parts: indices and features of images of the group, some of which may be gone meanwhile.
            consensus: consensus of the whole group.
            formed_of: indices of the images that the consensus was formed of, in their order there.
        """
        rows = {index: row for row, index in enumerate(formed_of)}
        for indices, features in parts:
            with torch.inference_mode():
                output = self.steps.decode(features, consensus.part([rows[index] for index in indices]))
            yield Decoded(indices, features, output)

    def alone(self, features: Features, consensus: Consensus) -> Output:
        """Decodes images each by itself: of the consensus nothing counts but its vector."""
        return self.steps.decode(features, Consensus(consensus.vector.to(features.deep)))

    def whole_group_maps(self, outputs: Iterable[Output]) -> Tensor:
        """Returns the maps ``(N, 1, S, S)`` of a group whose maps depend on all images, from its output in parts."""
        pairs = [(output.probability, output.threshold) for output in outputs]
        branches = (torch.cat([part for part in branch if part is not None]) for branch in zip(*pairs, strict=True))
        return self.network.confidence_map(*branches)

    def maps(self, images: Tensor) -> Tensor:
        """Computes the maps ``(N, 1, S, S)`` of normalized images ``(N, 3, S, S)`` that are one group."""
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
        """Computes the maps ``(N, 1, S, S)`` of N images, each as a group of its own: plain saliency."""
        singles = [features.part(slice(row, row + 1)) for row in range(len(features.deep))]
        return torch.cat([self.steps.decode(one, self.network.consensus(one)).maps for one in singles])


def joined(parts: Sequence[Features]) -> Features:
    """Concatenates the deepest features of a group that comes in parts: all that its consensus is formed from."""
    return Features((), together(part.deep for part in parts), parts[0].size)


@contextlib.contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Puts a network that is trained into evaluation mode, without gradients; each module's mode comes back after."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
