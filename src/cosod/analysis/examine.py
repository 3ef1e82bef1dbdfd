"""What a network computes for one group: vectors, attention, activation, and levels of the decoder."""

import contextlib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from cosod.analysis.decoder import caught_levels
from cosod.errors import ImageError
from cosod.inference.detector import Detector
from cosod.inference.group_forward import GroupForward, joined
from cosod.io.images import read_image
from cosod.io.photo_groups import Group
from cosod.io.prefetch import OnError, batched_by
from cosod.io.tensors import shrink
from cosod.models.base import Consensus, CoSaliencyNetwork, Features
from cosod.models.modules.affinity import affinity_of
from cosod.models.modules.part_matching import PartMatching

#: Longest side in pixels at which photos are kept for the sheets.
PHOTO_SIDE = 180


@dataclass(frozen=True)
class Activation:
    """Class activation map of the auxiliary classifier for the class that it is surest of (Zhou et al., CVPR 2016).

    Attributes:
        index: index of the class, in the order of the training groups.
        score: its softmax score.
        values: the classifier's weights of the class times F, summed over channels, ``(H, W)``.
    """

    index: int
    score: float
    values: np.ndarray


@dataclass(frozen=True)
class Shown:
    """One photo of the sheets; what was not requested, or what the network lacks, is ``None`` or empty.

    Attributes:
        stem: its name.
        picture: ``(h, w, 3)`` uint8, the longer side :data:`PHOTO_SIDE`.
        attention: where the consensus came from, ``(H, W)``, sums to one.
        activation: class activation map.
        response: how strongly each position responds to the consensus (``network.response``), ``(H, W)``.
        levels: channel means of the decoder's levels, coarsest first, each ``(H_l, W_l)``; of the light network those
            of its branch for each image by itself, then those of the gate.
        saliency: the map in [0, 1], ``(S, S)``.
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
    """One group: the stems and vectors ``(N, C)`` of all its readable images, and the first few to be shown."""

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
    """Returns the network's classifier on the global average of F, where it has one.

    SSNM's classifier reads its semantic vector, from which no way leads back to positions: it is none of these.
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
    """Runs the network on a group, and keeps what the analyses need.

    All images form the consensus; the first ``images`` of them are encoded again for what is shown, so that besides
    F of the whole group only one batch of features is in memory.

    Args:
        detector: holds network, device, size and batch.
        group: the group.
        kinds: any of ``consensus``, ``attention``, ``activation``, ``decoder``: what to keep.
        images: maximum number of photos to show.
        on_error: called with the index and the error of an image that cannot be read; it is left out.
        on_read: called after each image.

    Returns:
        ``None`` if no image could be read.
    """
    network = detector.network
    forward = GroupForward(network, detector.batch)  # the network itself, whose decoder is watched
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
    """Computes the consensus that each of a group's images gives by itself, ``(N, C)``.

    With a group affinity module it is formed under the attention that the whole group put on the image: then, and
    with the relation modules that look at each image by itself, the mean of these vectors is the group's consensus.
    For SSNM, which pools products over images, it is not. Of the light network it is the mean descriptor under the
    attention, of unit length; the group's prototype is a weighted mean of these.
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
    """Yields the readable images of a group in batches; of each the thumbnail and what the network takes."""

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
    watched = caught_levels(network) if "decoder" in kinds else contextlib.nullcontext([])

    def add(name: str, maps: Tensor) -> None:
        for of_one, values in zip(found, maps.float().cpu().numpy(), strict=True):
            of_one[name] = values[0]

    with watched as levels:
        features = forward.encode([item.shrunk for item in part])
        if "decoder" in kinds:
            # Of a network whose k depends on the group (GCoNet+ as published), the maps are those of this batch.
            indices = list(range(len(part)))
            ((_, _, output),) = forward.decode([(indices, features)], consensus, indices)
            add("saliency", output.maps)
    for number, of_one in enumerate(found):
        of_one["levels"] = tuple(level[number, 0].cpu().numpy() for level in levels)
    if "attention" in kinds:
        # Of a group whose images have different shapes, positions stand in a row, with free places at its end.
        grid = features.deep.shape[-2:]
        add("attention", consensus.attention.flatten(2)[..., : grid.numel()].unflatten(2, grid))
    if "activation" in kinds:
        add("response", network.response(features, consensus))
        for of_one, activation in zip(found, _activations(network, features.deep), strict=False):
            of_one["activation"] = activation
    return [Shown(stem, item.picture, **of_one) for item, stem, of_one in zip(part, stems, found, strict=True)]


def _activations(network: CoSaliencyNetwork, deep: Tensor) -> list[Activation]:
    """Computes the class activation maps of N images from F ``(N, C, H, W)``; none without a classifier."""
    classifier = classifier_of(network)
    if classifier is None:
        return []
    scores, classes = classifier(deep.mean(dim=(2, 3))).float().softmax(dim=1).max(dim=1)
    maps = torch.einsum("nchw,nc->nhw", deep, classifier.weight[classes]).float().cpu().numpy()
    return [Activation(int(c), float(s), values) for c, s, values in zip(classes, scores, maps, strict=True)]
