"""Intermediate results of a network for a group: consensus vectors, attention, activation, and decoder levels."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from cosod.analysis.decoder import caught_levels
from cosod.errors import ImageError
from cosod.inference.assembly import adapted
from cosod.inference.detector import Detector
from cosod.inference.group_forward import GroupForward, joined
from cosod.io.images import read_image
from cosod.io.photo_groups import Group
from cosod.io.prefetch import OnError, batched_by
from cosod.io.resizing import shrink
from cosod.models.base import Consensus, CoSaliencyNetwork, Features
from cosod.models.modules.affinity import affinity_of
from cosod.models.modules.part_matching import PartMatching

#: Longer side, in pixels, to which photos are resized for the sheets.
PHOTO_SIDE = 180


@dataclass(frozen=True)
class Activation:
    """Class activation map of the auxiliary classifier for the class with the highest score (Zhou et al., CVPR 2016).

    Attributes:
        index: index of the class, in the order of the training groups.
        score: softmax score of the class, in [0, 1].
        values: sum over the channels of F times the classifier's weights of the class, ``(H, W)``.
    """

    index: int
    score: float
    values: np.ndarray


@dataclass(frozen=True)
class Shown:
    """Results for one photo of the sheets; results that were not requested, or do not exist, are ``None`` or empty.

    Attributes:
        stem: name of the photo.
        picture: the photo, ``(h, w, 3)`` uint8, whose longer side is :data:`PHOTO_SIDE`.
        attention: share of each position in the consensus, ``(H, W)``, with a sum of 1.
        activation: class activation map.
        response: response of each position to the consensus (``network.response``), ``(H, W)``.
        levels: channel means of the decoder levels, coarsest first, each ``(H_l, W_l)``. For the light network, these
            are the levels of the branch that processes each image separately, then those of the gate.
        saliency: the map in [0, 1], at the size of the network's input.
    """

    stem: str
    picture: np.ndarray
    attention: np.ndarray | None = None
    activation: Activation | None = None
    response: np.ndarray | None = None
    levels: tuple[np.ndarray, ...] = ()
    saliency: np.ndarray | None = None


@dataclass(frozen=True)
class Examined:
    """Results for one group.

    Attributes:
        name: name of the group.
        stems: stems of the N images that could be read.
        vectors: consensus vector of each image, ``(N, C)``; empty if it was not requested.
        shown: results for the first images, for the sheets.
    """

    name: str
    stems: tuple[str, ...]
    vectors: np.ndarray
    shown: tuple[Shown, ...]


@dataclass(frozen=True)
class _Read:
    index: int
    picture: np.ndarray
    shrunk: np.ndarray


def classifier_of(network: CoSaliencyNetwork) -> nn.Linear | None:
    """Returns the network's classifier of the spatial mean of F, or None if there is none.

    The classifier of SSNM is not returned, because its input is the semantic vector, for which class activation maps do
    not exist.

    Example:
        >>> classifier = classifier_of(network)  # doctest: +SKIP
    """
    classifier = getattr(network, "classifier", None)
    return classifier if isinstance(classifier, nn.Linear) else None


@torch.inference_mode()
def examine(
    detector: Detector,
    group: Group,
    kinds: Collection[str],
    images: int,
    on_error: OnError,
    on_read: Callable[[], None] = lambda: None,
) -> Examined | None:
    """Applies a network to a group, and returns the results that the analyses need.

    All images form the consensus. The first ``images`` of them are encoded a second time for the sheets, so that
    besides F of the whole group only the features of one batch are in memory.

    Args:
        detector: detector with the network, the device, the input size and the batch size.
        group: the group of photos.
        kinds: results to return, any of ``consensus``, ``attention``, ``activation``, ``decoder``.
        images: maximum number of photos on the sheets.
        on_error: called with the index and the error of each image that cannot be read, which is then left out.
        on_read: called after each image.

    Returns:
        The results, or ``None`` if no image could be read.

    Example:
        >>> found = examine(detector, group, ["consensus"], 8, on_error=print)  # doctest: +SKIP
    """
    network = detector.network
    # Not the steps of the detector, because hooks record the decoder levels of the network.
    forward = GroupForward(network, detector.batch, adapted(network, detector.options))
    indices: list[int] = []
    deep: list[Features] = []
    first: list[_Read] = []
    for part in _read(detector, group, on_error, on_read):
        alike = len({item.shrunk.shape for item in part}) == 1
        deep += [forward.encode_deep([item.shrunk for item in some]) for some in ([part] if alike else zip(part))]
        indices += [item.index for item in part]
        first += part[: max(0, images - len(first))]
    if not indices:
        return None
    features = joined(deep)
    del deep
    consensus = network.consensus(features)
    vectors = image_vectors(network, features, consensus) if "consensus" in kinds else np.zeros((0, 0), np.float32)
    shown: dict[int, Shown] = {}
    if set(kinds) - {"consensus"}:
        for pairs in batched_by(enumerate(first), detector.batch, lambda pair: pair[1].shrunk.shape):
            rows, part = (list(column) for column in zip(*pairs, strict=True))
            of_part = consensus.part(rows)
            stems = [group.stems[item.index] for item in part]
            shown |= zip(rows, _show(forward, part, stems, of_part, kinds), strict=True)
    return Examined(
        group.name, tuple(group.stems[i] for i in indices), vectors, tuple(shown[row] for row in sorted(shown))
    )


def image_vectors(network: CoSaliencyNetwork, features: Features, consensus: Consensus) -> np.ndarray:
    """Computes the consensus vector of each image of a group.

    With a group affinity module, the vector of an image is formed with the attention of the whole group. In this case,
    and with relation modules that process each image separately, the mean of the vectors is the consensus of the group;
    for SSNM, which pools products over images, it is not. For the light network, the vector is the mean descriptor
    under the attention, at unit length, and the prototype of the group is a weighted mean of these vectors.

    Args:
        network: the network.
        features: features of the N images.
        consensus: consensus of the group.

    Returns:
        The vectors, ``(N, C)`` float32.

    Example:
        >>> vectors = image_vectors(network, features, network.consensus(features))  # doctest: +SKIP
    """
    affinity = affinity_of(network)
    if isinstance(affinity, PartMatching) and consensus.attention is not None:
        return affinity.vectors(features.deep, consensus.attention).float().cpu().numpy()
    vectors = []
    for i in range(len(features.deep)):
        deep = features.deep[i : i + 1]
        if affinity is not None and consensus.attention is not None:
            formed = affinity(deep, consensus.attention[i : i + 1])
        else:
            formed = network.consensus(features._replace(deep=deep))
        vectors.append(formed.vector.float().flatten())
    return torch.stack(vectors).cpu().numpy()


def _read(detector: Detector, group: Group, on_error: OnError, on_read: Callable[[], None]) -> Iterator[list[_Read]]:
    """Yields the readable images of a group in batches, each as a thumbnail and at the size of the network's input."""

    def load(index: int) -> _Read | ImageError:
        try:
            image = read_image(group.images[index], detector.max_pixels)
        except ImageError as error:
            return error
        scale = PHOTO_SIDE / max(image.shape[:2])
        size = tuple(max(1, round(pixels * scale)) for pixels in image.shape[1::-1])
        picture = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return _Read(index, picture, shrink(image, detector.shape(*image.shape[:2])))

    with ThreadPoolExecutor(4, thread_name_prefix="cosod-inspect") as pool:
        for start in range(0, len(group.images), detector.batch):
            indices = range(start, min(start + detector.batch, len(group.images)))
            part = []
            for index, item in zip(indices, pool.map(load, indices), strict=True):
                if isinstance(item, ImageError):
                    on_error(index, item)
                else:
                    part.append(item)
                on_read()
            if part:
                yield part


def _show(
    forward: GroupForward, part: list[_Read], stems: list[str], consensus: Consensus, kinds: Collection[str]
) -> list[Shown]:
    network = forward.network
    found: list[dict] = [{} for _ in part]
    watched: AbstractContextManager[list[Tensor]] = (
        caught_levels(network) if "decoder" in kinds else contextlib.nullcontext([])
    )

    def add(name: str, maps: Tensor) -> None:
        for of_one, values in zip(found, maps.float().cpu().numpy(), strict=True):
            of_one[name] = values[0]

    with watched as levels:
        features = forward.encode([item.shrunk for item in part])
        if "decoder" in kinds:
            # For a network whose k depends on the group (GCoNet+ as published), the maps are those of this batch.
            indices = list(range(len(part)))
            ((_, _, output),) = forward.decode([(indices, features)], consensus, indices)
            add("saliency", output.maps)
    for number, of_one in enumerate(found):
        of_one["levels"] = tuple(level[number, 0].cpu().numpy() for level in levels)
    if "attention" in kinds and consensus.attention is not None:
        # If the images of a group have different shapes, the positions are in one row, which is padded at its end.
        grid = features.deep.shape[-2:]
        add("attention", consensus.attention.flatten(2)[..., : grid.numel()].unflatten(2, grid))
    if "activation" in kinds:
        add("response", network.response(features, consensus))
        for of_one, activation in zip(found, _activations(network, features.deep), strict=False):
            of_one["activation"] = activation
    return [Shown(stem, item.picture, **of_one) for item, stem, of_one in zip(part, stems, found, strict=True)]


def _activations(network: CoSaliencyNetwork, deep: Tensor) -> list[Activation]:
    """Computes the class activation maps of N images from F ``(N, C, H, W)``; returns [] if there is no classifier."""
    classifier = classifier_of(network)
    if classifier is None:
        return []
    scores, classes = classifier(deep.mean(dim=(2, 3))).float().softmax(dim=1).max(dim=1)
    maps = torch.einsum("nchw,nc->nhw", deep, classifier.weight[classes]).float().cpu().numpy()
    return [Activation(int(c), float(s), values) for c, s, values in zip(classes, scores, maps, strict=True)]
