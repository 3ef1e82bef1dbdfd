"""The parts of a network that are converted: modules from tensors to tensors, with example inputs and names."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cosod.errors import InputError
from cosod.inference.cpu_fusion import fold
from cosod.inference.group_consensus import Shared, shared_by
from cosod.inference.kept_rules import like_the_object
from cosod.inference.presence import Calibration
from cosod.models.base import Consensus, CoSaliencyNetwork, Features
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile
from cosod.models.modules.layers import copied

#: Number of images of the examples. Converters would treat a single image as a constant number.
EXAMPLES = 3


@dataclass(frozen=True)
class Graph:
    """The input of a converter.

    Attributes:
        module: module in evaluation mode with folded batch normalization, which takes the inputs as separate arguments
            and returns a tuple of the outputs.
        examples: examples of the inputs; their first dimension is the number of images, which is dynamic, unless it is
            the only one.
        inputs, outputs: names of inputs and outputs.
        grids: for each input whether its height and width are dynamic, too; by default none is.
        apart: whether the numbers of images of the inputs may differ.
    """

    module: nn.Module
    examples: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    grids: tuple[bool, ...] = ()
    apart: bool = False

    def free(self) -> dict[str, dict[int, str]]:
        """Returns the dynamic dimensions of each input, with their names; inputs of one dimension have none."""
        grids = self.grids or (False,) * len(self.inputs)
        return {
            name: {0: f"{name}_N" if self.apart else "N", **({2: f"{name}_height", 3: f"{name}_width"} if grid else {})}
            for name, grid, example in zip(self.inputs, grids, self.examples, strict=True)
            if example.dim() > 1
        }


class Encoder(nn.Module):
    """The encoder of a network, from images to skips, finest first, and F."""

    def __init__(self, network: CoSaliencyNetwork):
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        features = self.network.encode(images)
        return *features.skips, features.deep


class Decoder(nn.Module):
    """The decoder of a network, from skips, F and vector (and spatial modulator of SSNM) to maps (and P and T)."""

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
    """The whole network, from the images of a group to their maps, in one batch.

    The maps are those of :meth:`cosod.inference.detector.Detector.segment` with ``keep_regions=True``.

    Args:
        network: the network.
        size: side of the images; None if height and width are dynamic.
    """

    def __init__(self, network: CoSaliencyNetwork, size: int | None):
        super().__init__()
        self.network, self.size = network, size
        self.calibration = Calibration.read(network.extra)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        features = self.network.encode(images)
        if self.size is not None:
            features = features._replace(size=(self.size, self.size))
        return (self.network.decode(features, _consensus(self.network, self.calibration, features).consensus).maps,)


class GroupConsensusModel(nn.Module):
    """The consensus of the descriptors of a group: vector, prototype, and the presence and the weight of each image.

    The best matches of positions in the other images are an input (:class:`MatchModel`). So are the constants of the
    calibration of presence, because they may be fitted anew without the network.
    """

    def __init__(self, network: CoSaliencyNetwork):
        super().__init__()
        self.network = network

    def forward(self, deep: Tensor, match: Tensor, constants: Tensor) -> tuple[Tensor, ...]:
        calibration = Calibration(*constants.unbind())  # type: ignore[arg-type]
        found = _consensus(self.network, calibration, Features((), deep, (0, 0)), match.flatten(1))
        assert found.presence is not None
        return found.consensus.vector, found.prototype, found.presence, found.weights


class MatchModel(nn.Module):
    """The best matches between two parts of a group, see :meth:`.part_matching.PartMatching.matches`."""

    def __init__(self, network: GCoNetPlusMobile):
        super().__init__()
        self.network = network

    def forward(self, deep: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        return self.network.matching.matches(deep, other)


class KeptModel(nn.Module):
    """What :func:`cosod.inference.kept_rules.like_the_object` computes for a saved consensus."""

    def forward(self, deep: Tensor, prototype: Tensor, constants: Tensor) -> tuple[Tensor, Tensor]:
        *fitted, references = constants.unbind()
        return like_the_object(Calibration(*fitted), deep, prototype, references)  # type: ignore[arg-type]


def _consensus(
    network: CoSaliencyNetwork, calibration: Calibration | None, features: Features, match: Tensor | None = None
) -> Shared:
    """Computes the consensus as detectors do, but without their special case of one image, whose weight is one anyway.

    A trace with several images follows no branch for one image.
    """
    return shared_by(network, calibration, list(range(len(features.deep))), features, match=match)


@torch.no_grad()
def encoder_graph(network: CoSaliencyNetwork, size: int, fold_first: bool = True) -> Graph:
    """Returns the graph of the encoder, from ``images`` ``(N, 3, size, size)`` to ``skip1``, ... and ``deep``.

    If the network keeps the proportions of images, they may have any height and width that it supports.

    Args:
        network: the network.
        size: side of the images.
        fold_first: whether the graph is that of a copy with batch normalization in the convolutions (:func:`folded`),
            and not of the network itself, which then has to be on the CPU, float32 and in evaluation mode.
    """
    network = folded(network) if fold_first else network
    images = _example(network, size)
    features = network.encode(images)
    outputs = (*skip_names(len(features.skips)), "deep")
    return Graph(Encoder(network).eval(), (images,), ("images",), outputs, (network.keep_aspect,))


@torch.no_grad()
def decoder_graph(network: CoSaliencyNetwork, size: int, fold_first: bool = True) -> Graph:
    """Returns the graph of the decoder.

    Its inputs are the outputs of the encoder, ``vector`` ``(N, C, 1, 1)`` and, for SSNM, ``spatial`` ``(N, 1, H, W)``.
    Its outputs are ``maps`` and, if the network has them, ``probability`` and ``threshold``. The arguments are those of
    :func:`encoder_graph`.
    """
    network = folded(network) if fold_first else network
    features = network.encode(_example(network, size))
    consensus = network.consensus(features)
    vector = consensus.vector.expand(EXAMPLES, -1, -1, -1).contiguous()
    spatial = () if consensus.spatial is None else (consensus.spatial,)
    examples = (*features.skips, features.deep, vector, *spatial)
    names = (*skip_names(len(features.skips)), "deep", "vector", *(("spatial",) if spatial else ()))
    module = Decoder(network, size, len(features.skips)).eval()
    outputs = ("maps", "probability", "threshold")[: len(module(*examples))]
    grids = tuple(network.keep_aspect and name != "vector" for name in names)
    return Graph(module, examples, names, outputs, grids)


@torch.no_grad()
def group_graph(network: CoSaliencyNetwork, size: int, free: bool = False) -> Graph:
    """Returns the graph of a group, from ``images`` ``(N, 3, size, size)`` to ``maps`` ``(N, 1, size, size)``.

    Args:
        network: the network.
        size: side of the images.
        free: whether height and width of the images are dynamic, if the network keeps their proportions.

    Raises:
        InputError: the consensus of the network cannot be converted.
    """
    network = folded(network)
    free = free and network.keep_aspect
    images = _example(network, size) if free else torch.zeros(EXAMPLES, 3, size, size)
    if network.consensus(network.encode(images[:, :, :32, :32])).spatial is not None:
        raise InputError(
            f"{type(network).__name__} cannot be exported: no format has the eigenvectors of its spatial modulator; "
            "export another network, or run this one with --backend"
        )
    return Graph(GroupModel(network, None if free else size).eval(), (images,), ("images",), ("maps",), (free,))


@torch.no_grad()
def consensus_graph(network: CoSaliencyNetwork, size: int) -> Graph:
    """Returns the graph of the consensus of a network of part matching on the CPU, see :class:`GroupConsensusModel`.

    Its inputs are ``deep`` ``(N, C, 1, P)``, as :class:`cosod.inference.deep_rows.DeepRows` makes it of any grids,
    ``match`` ``(N, 1, 1, P)``, the mean over the other images of the best matches of :func:`match_graph`, and
    ``constants`` ``(3,)``, slope, offset and few of :class:`cosod.inference.presence.Calibration`.
    """
    deep = network.encode(_example(network, size)).deep.flatten(2)[:, :, None]
    constants, match = torch.ones(3), deep[:, :1].clone()
    module = GroupConsensusModel(network).eval()
    outputs = ("group_vector", "prototype", "presence", "weights")
    return Graph(module, (deep, match, constants), ("deep", "match", "constants"), outputs, (True, True, False))


@torch.no_grad()
def match_graph(network: GCoNetPlusMobile, size: int) -> Graph:
    """Returns the graph of the best matches between two parts of a group, see :class:`MatchModel`.

    Its inputs are ``deep`` ``(A, C, 1, P)`` and ``other`` ``(B, C, 1, P)``, its outputs ``rows`` ``(A, P, B)`` and
    ``columns`` ``(A, B, P)``.
    """
    deep = network.encode(_example(network, size)).deep.flatten(2)[:, :, None]
    other = deep[1:].clone()
    module = MatchModel(network).eval()
    return Graph(module, (deep, other), ("deep", "other"), ("rows", "columns"), (True, True), apart=True)


@torch.no_grad()
def kept_graph(network: CoSaliencyNetwork, size: int) -> Graph:
    """Returns the graph of presence for saved consensuses, see :class:`KeptModel`.

    Its inputs are ``deep`` ``(N, C, h, w)``, ``prototype`` ``(C,)`` and ``constants`` ``(4,)``, those of
    :func:`consensus_graph` and the effective number of images of the consensus.
    """
    deep = network.encode(_example(network, size)).deep
    names = ("deep", "prototype", "constants")
    examples = (deep, deep[0, :, 0, 0].clone(), torch.ones(4))
    return Graph(KeptModel().eval(), examples, names, ("vectors", "presence"), (True, False, False))


def folded(network: CoSaliencyNetwork) -> CoSaliencyNetwork:
    """Returns a copy of a network for conversion: on the CPU, float32, batch normalization in the convolutions.

    Example:
        >>> copy = folded(cosod.models.create("gconet_plus_mobile"))
    """
    network = copied(network).to("cpu", torch.float32).eval()
    fold(network)
    return network


def _example(network: CoSaliencyNetwork, size: int) -> Tensor:
    """Returns images whose dynamic height and width differ, because converters would treat equal sides as the same."""
    return torch.zeros(EXAMPLES, 3, size, size + network.stride * network.keep_aspect)


def skip_names(number: int) -> tuple[str, ...]:
    """Returns the names of the skips, finest first.

    Example:
        >>> skip_names(2)
        ('skip1', 'skip2')
    """
    return tuple(f"skip{level}" for level in range(1, number + 1))
