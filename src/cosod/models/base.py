"""What every network takes and returns: the three steps and the named results.

A network turns a group of N images into N maps in three public steps::

    features = network.encode(images)                 # each image by itself
    consensus = network.consensus(features)           # the whole group, from ``features.deep`` alone
    output = network.decode(features, consensus)      # each image by itself again

so that a large group can be encoded and decoded in batches, and a consensus can be kept and applied to
images that come later.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from cosod.errors import InputError


class Features(NamedTuple):
    """What the encoder makes of N images.

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
        vector: one value a channel of ``Features.deep``, ``(1, C, 1, 1)``; ``(N, C, 1, 1)`` where the network cuts
            a group into smaller ones (SSNM's reference form).
        attention: where in each image the consensus came from, ``(N, 1, H, W)``, every image summing to one;
            ``None`` where the relation module has no such map or the consensus was loaded from a file.
        spatial: SSNM's spatial modulator, ``(N, 1, H, W)``, signed; ``None`` for all other networks and for a
            consensus that was loaded from a file, which then only scales the features.
    """

    vector: Tensor
    attention: Tensor | None = None
    spatial: Tensor | None = None

    def part(self, images: slice | list[int]) -> "Consensus":
        """Returns the consensus for some of the N images: what is kept image by image is cut to them."""
        vector = self.vector if len(self.vector) == 1 else self.vector[images]
        cut = (None if maps is None else maps[images] for maps in (self.attention, self.spatial))
        return Consensus(vector, *cut)


class Output(NamedTuple):
    """Maps of a group and, in training mode, what the losses need.

    Attributes:
        maps: co-saliency in [0, 1], ``(N, 1, H, W)`` at the size of the images: the result.
        logits: ``maps`` before the last sigmoid, where the network has them in this form.
        sides: all supervised maps, coarsest first, the last one being ``maps``.
        probability, threshold: the two branches of the confidence enhancement module (GCoNet+), in [0, 1]; of the light
            network the probability of any object, shared or not.
        classes: scores of the group classifier, ``(N, number of groups)``.
        masked_classes: the same for the images (or features) masked by the network's own map.
        contrast: logits of the collaborating module, ``(2 N, 1, H, W)``: N of the images with their own
            group's consensus, then N with the other group's.
        deep, masked_deep: F, and F of the masked images, for the triplet loss.
        attention: where each image's part of the consensus came from, as in :class:`Consensus`.
        attentions: attention of several rounds, each as ``attention``.
        side_logits: the coarsest of ``sides`` before its sigmoid.
        objects: logits of any object, shared or not, in each image by itself, finest first; each ``(N, 1, H, W)``.
        refined: maps of the refiner, where there is one.
        response: sigmoid of the channel mean of the weighted F, resized to the images (GCoNet); it stands before
            ``sides`` in the list of maps that the published code returns, and is never supervised.
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


class Steps(Protocol):
    """The two steps of a network that cost time, and that another runtime may do in its place.

    The consensus between them always comes from the network itself.
    """

    def encode(self, images: Tensor) -> Features:
        """Does the same as :meth:`CoSaliencyNetwork.encode`."""

    def decode(self, features: Features, consensus: Consensus) -> Output:
        """Does the same as :meth:`CoSaliencyNetwork.decode`; with probability and threshold if the network has them."""


class CoSaliencyNetwork(nn.Module):
    """Base of all networks: composes the three steps; ``config`` is the network's frozen dataclass.

    ``mean`` and ``std`` (RGB, for values in [0, 1]) say how images are normalized before ``encode``; ``size``
    is the side of the square that images are resized to by default, ``mask_threshold`` where masks are cut by default
    (see :func:`cosod.postprocess.threshold.binarize`). Where ``any_groups`` is true, ``forward`` takes a second
    argument, the number of groups of a training batch, which otherwise are two; where ``group_sizes`` is true, the
    number of images of each of its groups. Sides of images are multiples of ``stride``. Where ``additive_consensus`` is
    true, the consensus of two groups together is the weighted mean of theirs. Where ``keep_aspect`` is true, images
    become rectangles of their own proportions (:func:`cosod.io.tensors.input_shape`) in place of squares, in training
    and in detection, and images of one group may have different ones.
    """

    #: What the weights file said besides (see :func:`cosod.models.save`), where the weights came from one.
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
        """Raises InputError where images cannot be squares of ``size`` pixels."""
        if size < 32 or size % cls.stride:
            raise InputError(f"size {size}: give a multiple of {cls.stride}, at least 32")

    @property
    def whole_group_maps(self) -> bool:
        """Whether a map depends on the other images of the group beyond the consensus.

        Only the published GCoNet+ rule for k does this; :meth:`confidence_map` is then called once for the whole group.
        """
        return False

    def confidence_map(self, probability: Tensor, threshold: Tensor) -> Tensor:
        """Computes the maps of a whole group from both branches of the decoder, ``(N, 1, H, W)`` each."""
        raise NotImplementedError

    def encode(self, images: Tensor) -> Features:
        """Computes the features of normalized images ``(N, 3, H, W)``, each by itself."""
        raise NotImplementedError

    def consensus(self, features: Features) -> Consensus:
        """Computes the consensus of all N images, taken as one group; reads ``features.deep`` only."""
        raise NotImplementedError

    def gather(self, features: Features, attention: Tensor, weights: Tensor | None = None) -> Consensus:
        """Computes the consensus that a given attention gathers, in place of the network's own.

        Args:
            features: features of the N images; ``deep`` is read.
            attention: ``(N, 1, H, W)``, every image summing to one: a marked region, for instance.
            weights: ``(N,)`` of the images; all the same by default.

        Raises:
            InputError: this network's consensus comes from no such map.
        """
        raise InputError(
            f"{type(self).__name__} forms its consensus without an attention map, so that nothing can be marked for "
            "it; use the default network, GCoNet or GCoNet+"
        )

    def signature(self, consensus: Consensus) -> Tensor:
        """Computes the vectors ``(1, C)`` that groups are compared by: the cosine says how alike they are."""
        return consensus.vector.mean(dim=0, keepdim=True).flatten(1)

    def response(self, features: Features, consensus: Consensus) -> Tensor:
        """Computes how strongly each position responds to the consensus, for people to look at.

        By default it is the mean over the channels of ``deep`` times the consensus vector.

        Args:
            features: features of N images.
            consensus: consensus of their group, or its :meth:`~Consensus.part` for them.

        Returns:
            ``(N, 1, h, w)`` at a size of the network's own, on no particular scale.
        """
        return (features.deep * consensus.vector).mean(dim=1, keepdim=True)

    def decode(self, features: Features, consensus: Consensus) -> Output:
        """Maps of each image by itself, given the group's consensus; of some of its images, its :meth:`part`."""
        raise NotImplementedError

    def forward(self, images: Tensor, *groups) -> Output:
        """Runs the three steps in a row.

        In evaluation mode the N images are one group. In training mode they are two groups of N / 2, the
        first half and the second (N must be even), unless ``groups`` says otherwise (see the class), and the
        training-only fields of the output are filled.
        """
        if self.training:
            return self.forward_training(images, *groups)
        features = self.encode(images)
        return self.decode(features, self.consensus(features))

    def forward_training(self, images: Tensor) -> Output:
        """Runs two groups in one batch, with every training head; see :meth:`forward`."""
        raise NotImplementedError
