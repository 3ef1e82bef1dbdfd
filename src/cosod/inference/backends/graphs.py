"""The parts of a network that are converted, as modules from tensors to tensors, with examples and names."""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cosod.errors import InputError
from cosod.inference.cpu_fusion import fold
from cosod.inference.presence import FLOOR, Calibration, group_presence, pooled
from cosod.models.base import Consensus, CoSaliencyNetwork, Features

#: Positions of the coarsest grid along a side, at most, where these stay free.
MOST = 128
#: Images of the examples. With a single one, converters would take the number for a constant.
EXAMPLES = 3


@dataclass(frozen=True)
class Graph:
    """What a converter takes.

    Attributes:
        module: in evaluation mode, batch normalization folded; takes the inputs one by one, returns a tuple of the
            outputs.
        examples: examples of the inputs; their first dimension is the number of images, which stays free.
        inputs, outputs: names.
        strides: of each input the stride of its grid, where height and width of the images stay free too; 0 of an input
            that is no grid.
        coarsest: stride of the coarsest grid, that of images is 1.
    """

    module: nn.Module
    examples: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    strides: tuple[int, ...] = ()
    coarsest: int = 1

    def free(self) -> tuple[dict[int, Any], ...]:
        """Returns the dimensions of each input that stay free, as ``torch.export`` takes them."""
        images = torch.export.Dim("N", min=1)
        if not self.strides:
            return tuple({0: images} for _ in self.examples)
        sides = [torch.export.Dim(name, min=2, max=MOST) for name in ("h", "w")]
        return tuple(
            {0: images, **{2 + axis: self.coarsest // stride * side for axis, side in enumerate(sides) if stride}}
            for stride in self.strides
        )


class Encoder(nn.Module):
    """Images -> skips, finest first, and F."""

    def __init__(self, network: CoSaliencyNetwork):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features = self.network.encode(images)
        return *features.skips, features.deep


class Decoder(nn.Module):
    """Skips, F and the vector of the consensus (and SSNM's spatial modulator) -> maps (and P and T)."""

    def __init__(self, network: CoSaliencyNetwork, size: int, skips: int):
        super().__init__()
        self.network, self.size, self.skips = network, (size, size), skips

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        skips, (deep, vector, *rest) = tensors[: self.skips], tensors[self.skips :]
        consensus = Consensus(vector, spatial=rest[0] if rest else None)
        size, stride = self.size, self.network.stride
        if self.network.keep_aspect:
            size = (stride * deep.shape[2], stride * deep.shape[3])
        output = self.network.decode(Features(skips, deep, size), consensus)
        return tuple(t for t in (output.maps, output.probability, output.threshold) if t is not None)


class GroupModel(nn.Module):
    """The images of a group -> their maps: what :meth:`cosod.inference.detector.Detector.segment` computes, in one
    batch.

    Regions of other things stay (``keep_regions=True``).

    Args:
        network: the network.
        size: side of the images; None where height and width stay free.
    """

    def __init__(self, network: CoSaliencyNetwork, size: int | None):
        super().__init__()
        self.network, self.size = network, size
        self.calibration = Calibration.read(network.extra)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        features = self.network.encode(images)
        if self.size is not None:
            features = features._replace(size=(self.size, self.size))
        consensus = self.network.consensus(features)
        if self.calibration is not None and consensus.attention is not None:
            # As cosod.inference.group_consensus.shared, but without its case of one image, whose weight is one whatever
            # its presence.
            presence = group_presence(self.calibration, pooled(features.deep, consensus.attention))
            consensus = self.network.gather(features, consensus.attention, presence.clamp_min(FLOOR))
        return (self.network.decode(features, consensus).maps,)


@torch.no_grad()
def encoder_graph(network: CoSaliencyNetwork, size: int) -> Graph:
    """Returns the graph of the encoder, from ``images`` ``(N, 3, size, size)`` to ``skip1``, ... and ``deep``.

    Of a network that keeps the proportions of images, they may have any height and width that it takes.
    """
    network = folded(network)
    images = _example(network, size)
    features = network.encode(images)
    strides = (1,) if network.keep_aspect else ()
    return Graph(
        Encoder(network).eval(), (images,), ("images",), (*_skips(len(features.skips)), "deep"), strides, network.stride
    )


@torch.no_grad()
def decoder_graph(network: CoSaliencyNetwork, size: int) -> Graph:
    """Inputs as the encoder's outputs, ``vector`` ``(N, C, 1, 1)`` and, with SSNM, ``spatial`` ``(N, 1, H, W)``.

    Outputs ``maps`` and, where the network has them, ``probability`` and ``threshold``.
    """
    network = folded(network)
    features = network.encode(_example(network, size))
    consensus = network.consensus(features)
    vector = consensus.vector.expand(EXAMPLES, -1, -1, -1).contiguous()
    spatial = () if consensus.spatial is None else (consensus.spatial,)
    examples = (*features.skips, features.deep, vector, *spatial)
    names = (*_skips(len(features.skips)), "deep", "vector", *(("spatial",) if spatial else ()))
    module = Decoder(network, size, len(features.skips)).eval()
    outputs = ("maps", "probability", "threshold")[: len(module(*examples))]
    strides = (*(_stride(level, features) for level in (*features.skips, features.deep)), 0)
    return Graph(module, examples, names, outputs, strides if network.keep_aspect else (), network.stride)


@torch.no_grad()
def group_graph(network: CoSaliencyNetwork, size: int, free: bool = False) -> Graph:
    """Returns the graph of a group, from ``images`` ``(N, 3, size, size)`` to ``maps`` ``(N, 1, size, size)``.

    Args:
        network: the network.
        size: side of the images.
        free: height and width of the images stay free, if the network keeps their proportions.

    Raises:
        InputError: a network whose consensus cannot be written as a graph.
    """
    network = folded(network)
    free = free and network.keep_aspect
    images = _example(network, size) if free else torch.zeros(EXAMPLES, 3, size, size)
    if network.consensus(network.encode(images[:, :, :32, :32])).spatial is not None:
        raise InputError(
            f"{type(network).__name__} cannot be exported: no format has the eigenvectors of its spatial modulator; "
            "export another network, or run this one with --backend"
        )
    strides = (1,) if free else ()
    return Graph(
        GroupModel(network, None if free else size).eval(), (images,), ("images",), ("maps",), strides, network.stride
    )


def folded(network: CoSaliencyNetwork) -> CoSaliencyNetwork:
    """Returns a copy of a network for conversion: on the CPU, float32, batch normalization in the convolutions.

    Example:
        >>> copy = folded(cosod.models.create("gconet_plus_mobile"))
    """
    network = copy.deepcopy(network).to("cpu", torch.float32).eval()
    fold(network)
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # half the time that a converter takes
    return network


def _example(network: CoSaliencyNetwork, size: int) -> Tensor:
    """Images; where height and width stay free they differ, as a converter takes what is the same for the same."""
    return torch.zeros(EXAMPLES, 3, size, size + network.stride * network.keep_aspect)


def _stride(level: Tensor, features: Features) -> int:
    return features.size[0] // level.shape[2]


def _skips(number: int) -> tuple[str, ...]:
    return tuple(f"skip{level}" for level in range(1, number + 1))
