"""The interface of all networks: the three steps of their forward pass, and the named results.

A network turns a group of N images into N maps in three public steps::

    features = network.encode(images)                 # each image separately
    consensus = network.consensus(features)           # the whole group, from ``features.deep`` alone
    output = network.decode(features, consensus)      # each image separately again

A large group can therefore be encoded and decoded in batches, and a consensus can be saved and applied to other
images later.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from torch import Tensor, nn

from cosod.errors import InputError
from cosod.io.resizing import check_size

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Features(NamedTuple):
    """Features of N images, computed by the encoder.

    Attributes:
        skips: feature maps for the decoder, finest first; each ``(N, C_l, H_l, W_l)``.
        deep: the deepest feature F that the consensus is formed from, ``(N, C, H, W)``.
        size: height and width of the images, to which maps are resized.
    """

    skips: tuple[Tensor, ...]
    deep: Tensor
    size: tuple[int, int]

    def part(self, images: slice) -> "Features":
        """Returns the features of some of the N images."""
        return Features(tuple(skip[images] for skip in self.skips), self.deep[images], self.size)


class Consensus(NamedTuple):
    """What the images of one group share.

    Attributes:
        vector: one value for each channel of ``Features.deep``, ``(1, C, 1, 1)``; ``(N, C, 1, 1)`` if the network
            divides a group into smaller ones (SSNM's reference form).
        attention: where in each image the consensus comes from, ``(N, 1, H, W)``, summing to one in every image;
            ``None`` if the relation module computes no such map, or if the consensus was loaded from a file.
        spatial: SSNM's spatial modulator, ``(N, 1, H, W)``, signed; ``None`` for all other networks, and for a
            consensus that was loaded from a file, which then only scales the features.
    """

    vector: Tensor
    attention: Tensor | None = None
    spatial: Tensor | None = None

    def part(self, images: slice | list[int]) -> "Consensus":
        """Returns the consensus for some of the N images, with the attention and spatial maps of these images."""
        vector = self.vector if len(self.vector) == 1 else self.vector[images]
        cut = (None if maps is None else maps[images] for maps in (self.attention, self.spatial))
        return Consensus(vector, *cut)


class Output(NamedTuple):
    """Maps of a group and, in training mode, everything that the losses need.

    Attributes:
        maps: co-saliency in [0, 1], ``(N, 1, H, W)`` at the size of the images: the result.
        logits: ``maps`` before the last sigmoid, if the network computes them.
        sides: all supervised maps, coarsest first; the last one is ``maps``.
        probability, threshold: the two branches of the confidence enhancement module (GCoNet+), in [0, 1]; for the
            light network, ``probability`` is that of any object, shared or not.
        classes: scores of the group classifier, ``(N, number of groups)``.
        masked_classes: the same scores for the images (or features) multiplied by the network's own map.
        contrast: logits of the collaborating module, ``(2 N, 1, H, W)``: those of the N images with the consensus of
            their own group, then those with the consensus of the other group.
        deep, masked_deep: F, and F of the masked images, for the triplet loss.
        attention: where in each image the consensus comes from, as in :class:`Consensus`.
        attentions: attention maps of several rounds, each with the shape of ``attention``.
        side_logits: the coarsest of ``sides`` before its sigmoid.
        objects: logits of any object, shared or not, computed for each image separately, finest first; each
            ``(N, 1, H, W)``.
        refined: maps of the refiner, if the network has one.
        response: sigmoid of the channel mean of the weighted F, resized to the images (GCoNet); it stands before
            ``sides`` in the list of maps that the published code returns, but is never supervised.
    """

    maps: Tensor
    logits: Tensor | None = None
    sides: tuple[Tensor, ...] = ()
    probability: Tensor | None = None
    threshold: Tensor | None = None
    classes: Tensor | None = None
    masked_classes: Tensor | None = None
    contrast: Tensor | None = None
    deep: Tensor | None = None
    masked_deep: Tensor | None = None
    attention: Tensor | None = None
    attentions: tuple[Tensor, ...] = ()
    side_logits: Tensor | None = None
    objects: tuple[Tensor, ...] = ()
    refined: Tensor | None = None
    response: Tensor | None = None

    @property
    def saliency(self) -> Tensor:
        """The saliency of any object, shared or not, ``(N, 1, H, W)``; ``maps`` if the network does not compute it."""
        return self.maps if self.probability is None else self.probability


class Steps(Protocol):
    """The two time-consuming steps of a network, which another runtime may compute instead.

    The consensus between them is always computed by the network itself.
    """

    def encode(self, images: Tensor) -> Features:
        """Computes what :meth:`CoSaliencyNetwork.encode` computes."""

    def decode(self, features: Features, consensus: Consensus) -> Output:
        """Computes what :meth:`CoSaliencyNetwork.decode` computes, with probability and threshold if there are any."""


class CoSaliencyNetwork(nn.Module):
    """Base class of all networks, which composes the three steps; ``config`` is a frozen dataclass of options.

    ``mean`` and ``std`` (RGB, for values in [0, 1]) normalize the images before ``encode``; ``size`` is the side of the
    square that images are resized to by default, and ``mask_threshold`` the default threshold of masks (see
    :func:`cosod.postprocess.threshold.binarize`). If ``any_groups`` is true, ``forward`` takes a second argument in
    training, the number of groups of the batch, which is two otherwise; if ``group_sizes`` is true, this argument has
    the number of images of each group. The sides of images are multiples of ``stride``. If ``additive_consensus`` is
    true, the consensus of the union of two groups is the weighted mean of their consensuses. If ``keep_aspect`` is
    true, images are resized to rectangles of their own proportions (:func:`cosod.io.resizing.input_shape`) instead of
    squares, in training and in detection, and the images of a group may have different proportions.
    """

    config: "DataclassInstance"
    #: Further values of the weights file (see :func:`cosod.models.save`); empty if the weights came from none.
    extra: Mapping[str, Any] = MappingProxyType({})
    stride: int = 16
    additive_consensus: bool = True
    any_groups: bool = False
    group_sizes: bool = False
    keep_aspect: bool = False
    mask_threshold: float | str = 0.5
    size: int = 256
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @classmethod
    def check_size(cls, size: int) -> None:
        """Raises InputError if the network cannot take square images with sides of ``size`` pixels."""
        check_size(size, cls.stride)

    @property
    def aspect_stride(self) -> int | None:
        """Number of which the sides of resized images are multiples; None if they are squares."""
        return self.stride if self.keep_aspect else None

    @property
    def whole_group_maps(self) -> bool:
        """Whether a map depends on the other images of the group beyond the consensus.

        This is only the case for the rule for k of the published GCoNet+ code; :meth:`confidence_map` is then called
        once for the whole group.
        """
        return False

    def confidence_map(self, probability: Tensor, threshold: Tensor) -> Tensor:
        """Computes the maps of a whole group from both branches of the decoder, ``(N, 1, H, W)`` each."""
        raise NotImplementedError

    def encode(self, images: Tensor) -> Features:
        """Computes the features of normalized images ``(N, 3, H, W)``, each image separately."""
        raise NotImplementedError

    def consensus(self, features: Features) -> Consensus:
        """Computes the consensus of all N images as one group, from ``features.deep`` alone."""
        raise NotImplementedError

    def gather(self, features: Features, attention: Tensor, weights: Tensor | None = None) -> Consensus:
        """Computes the consensus under a given attention, instead of the network's own attention.

        Args:
            features: features of the N images, of which only ``deep`` is used.
            attention: ``(N, 1, H, W)``, summing to one in every image; for instance a marked region.
            weights: weights of the images, ``(N,)``; equal by default.

        Raises:
            InputError: the consensus of this network is not computed from an attention map.
        """
        raise InputError(
            f"{type(self).__name__} forms its consensus without an attention map, so that nothing can be marked for "
            "it; use the default network, GCoNet or GCoNet+"
        )

    def signature(self, consensus: Consensus) -> Tensor:
        """Computes the vectors ``(1, C)`` by whose cosine similarity groups are compared."""
        return consensus.vector.mean(dim=0, keepdim=True).flatten(1)

    def response(self, features: Features, consensus: Consensus) -> Tensor:
        """Computes how strongly each position responds to the consensus, for visualization.

        By default it is the mean over the channels of ``deep`` times the consensus vector.

        Args:
            features: features of N images.
            consensus: consensus of their group, or its :meth:`~Consensus.part` for these images.

        Returns:
            ``(N, 1, h, w)`` at a size of the network's own, on no particular scale.
        """
        return (features.deep * consensus.vector).mean(dim=1, keepdim=True)

    def decode(self, features: Features, consensus: Consensus) -> Output:
        """Computes the maps of the images, each separately, from the consensus of their group (or its ``part``)."""
        raise NotImplementedError

    def forward(self, images: Tensor, *groups: Any) -> Output:
        """Runs the three steps one after the other.

        In evaluation mode the N images are one group. In training mode they are two groups of N / 2, the
        first half and the second (N must be even), unless ``groups`` says otherwise (see the class), and the
        training-only fields of the output are filled.
        """
        if self.training:
            return self.forward_training(images, *groups)
        features = self.encode(images)
        return self.decode(features, self.consensus(features))

    def speed_up_training(self, faster: Callable[[Any], Any]) -> None:
        """Replaces what is frozen by faster copies in training, if the network has any such part.

        The copies are not part of the state of the network, and are not used in evaluation mode. They take the weights
        of the moment; the method is called again after weights have been loaded.

        Args:
            faster: function that returns a faster copy of a module, such as
                :func:`cosod.inference.cpu_fusion.fused_copy`.
        """

    def forward_training(self, images: Tensor, *groups: Any) -> Output:
        """Computes the output of two groups in one batch, with every training head; see :meth:`forward`."""
        raise NotImplementedError
