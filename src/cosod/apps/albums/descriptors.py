"""Descriptors of the salient object in a photo; the descriptors of similar objects have similar directions."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.errors import InputError, WeightsError
from cosod.inference.assembly import adapted
from cosod.inference.cpu_fusion import FastSteps
from cosod.inference.detector import Detector
from cosod.inference.group_forward import GroupForward
from cosod.io.atomic_write import whole
from cosod.io.images import ImageSource
from cosod.io.prefetch import OnError
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork, Features
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile
from cosod.models.modules.layers import height_and_width

#: Constant that is added to the saliency map that weights the features, so that the surroundings of the object also
#: contribute. They help where the map misses the object, and tell scenes apart.
FLOOR = 0.1
#: Weight, in photos, of the mean of a whitening when it is averaged with the mean of the photos themselves.
PRIOR = 90
#: The same weight for a mean of zero, which is used if there is no whitening.
PLAIN_PRIOR = 20
#: Key in the metadata of a whitening file for the identity of the weights with which it was computed.
WEIGHTS = "weights"


def describe(
    detector: Detector,
    images: Sequence[ImageSource],
    on_error: OnError | None = None,
) -> tuple[list[int], np.ndarray]:
    """Computes a descriptor of each image: the mean of the backbone's deepest features, weighted by the saliency map.

    These features separate objects better than the features F of networks that are trained to compare F within one
    group. This was measured on held-out groups of DUTS_class, see ``tools/measure_albums.py``.

    Args:
        detector: the detector, whose network, device, size and batch size are used.
        images: the images, see :func:`cosod.io.read_image`.
        on_error: called with the index and the error of an image that cannot be read; by default the error is raised.

    Returns:
        The indices of the images that could be read and do not have a single color, in ascending order, and their
        descriptors, float32 ``(N, C)``, which are neither centered nor normalized. Without any such image, the array
        has the shape ``(0, 0)``.

    Raises:
        ImageError: an image cannot be read, and there is no ``on_error``.

    Example:
        >>> indices, descriptors = describe(cosod.load(), photos)  # doctest: +SKIP
    """
    network = detector.network
    inputs = detector.inputs(images, on_error)
    # Not the steps of the detector: descriptors are compared with a whitening that was computed in float32.
    steps = FastSteps(network, detector.device)
    forward = GroupForward(network, detector.batch, adapted(steps, detector.options))
    indices, found = [], []
    with _Deepest(steps.network) as deepest, torch.inference_mode():
        for part in inputs.batches(detector.batch):
            features = forward.encode([image for _, image in part])
            deep = features.deep if deepest.features is None else deepest.features
            weight = F.adaptive_avg_pool2d(_own_maps(forward, features), height_and_width(deep)) + FLOOR
            found.append(((deep * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))).float().cpu().numpy())
            indices += [index for index, _ in part]
    if not found:
        return [], np.zeros((0, 0), np.float32)
    order = np.argsort(indices)
    return [indices[row] for row in order], np.concatenate(found)[order]


def _own_maps(forward: GroupForward, features: Features) -> Tensor:
    """Returns the saliency maps ``(N, 1, s, s)`` in [0, 1] of N images, each by itself.

    Most networks process each image as a group of one; GCoNet+ mobile has a saliency branch.
    """
    if isinstance(forward.network, GCoNetPlusMobile):
        return features.skips[-1].float().sigmoid()
    return forward.maps_alone(features).float()


class _Deepest:
    """A context manager that keeps the last feature map of the backbone's most recent output as ``features``.

    Args:
        network: the network; if it has no backbone, ``features`` stays None.
    """

    def __init__(self, network: CoSaliencyNetwork):
        self.backbone = getattr(network, "backbone", None)
        self.features: Tensor | None = None

    def __enter__(self) -> "_Deepest":
        if self.backbone is not None:
            self._hook = self.backbone.register_forward_hook(self._keep)
        return self

    def __exit__(self, *_: object) -> None:
        if self.backbone is not None:
            self._hook.remove()
        self.features = None

    def _keep(self, module: nn.Module, inputs: tuple, output: list[Tensor]) -> None:
        self.features = output[-1]


@dataclass(frozen=True, eq=False)
class Whitening:
    """A whitening transform of descriptors, computed from photos of all kinds.

    Attributes:
        mean: mean of the descriptors, ``(C,)``.
        projection: projection onto the D strongest principal components, each scaled to unit variance, ``(C, D)``.
        weights: identity of the weights with which the descriptors were computed.

    Example:
        >>> descriptors = np.random.default_rng(0).normal(size=(100, 8))
        >>> whitening = Whitening.of(descriptors, dimensions=4)
        >>> ((descriptors - whitening.mean) @ whitening.projection).std(axis=0).round(2).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    mean: np.ndarray
    projection: np.ndarray
    weights: str = ""

    @classmethod
    def of(cls, descriptors: np.ndarray, dimensions: int, weights: str = "") -> "Whitening":
        """Computes a whitening from descriptors.

        Args:
            descriptors: descriptors ``(N, C)`` of N photos of all kinds; N should be much larger than ``dimensions``.
            dimensions: number of principal components, D.
            weights: identity of the weights with which the descriptors were computed.
        """
        mean = descriptors.mean(axis=0)
        _, spread, axes = np.linalg.svd(descriptors - mean, full_matrices=False)
        deviation = spread[:dimensions] / len(descriptors) ** 0.5
        return cls(mean, axes[:dimensions].T / np.maximum(deviation, 1e-6), weights)

    def save(self, path: str | os.PathLike) -> None:
        """Saves the whitening as a safetensors file, with the projection in half precision.

        Raises:
            OutputError: the file cannot be written.
        """
        mean: np.ndarray = self.mean.astype(np.float32)
        projection: np.ndarray = self.projection.astype(np.float16, order="C")
        with whole(path) as temporary:
            save_file({"mean": mean, "projection": projection}, temporary, {WEIGHTS: self.weights})

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Whitening":
        """Loads a whitening from a file that :meth:`save` has written.

        Raises:
            WeightsError: the file is missing or damaged.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                mean, projection = (file.get_tensor(n).astype(np.float32) for n in ("mean", "projection"))
                weights = (file.metadata() or {}).get(WEIGHTS, "")
            if mean.ndim != 1 or projection.ndim != 2 or len(mean) != len(projection):
                raise ValueError("its arrays do not fit together")
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(f"{path}: damaged ({error}); install the package again") from error
        return cls(mean, projection, weights)


def whitening_file(name: str) -> Path | None:
    """Returns the path of the whitening file for a network; None if the network has no weights file in the package.

    Args:
        name: name of the network in the registry.

    Example:
        >>> path = whitening_file("gconet_plus")  # doctest: +SKIP
    """
    weights = registry.weights_file(name)
    return None if weights is None else weights.with_suffix(".albums.safetensors")


def whitening_of(network: CoSaliencyNetwork) -> Whitening | None:
    """Returns the whitening that the package contains for a kind of network; None if there is none.

    The whitening is also returned for a network with other weights than those with which it was computed.

    Raises:
        WeightsError: the file of the whitening is damaged.

    Example:
        >>> whitening = whitening_of(cosod.load().network)  # doctest: +SKIP
    """
    try:
        path = whitening_file(registry.name_of(network))
    except InputError:  # the network is of a class of the caller, which is not in the registry
        return None
    return Whitening.load(path) if path is not None and path.is_file() else None


def embed(descriptors: np.ndarray, whitening: Whitening | None) -> np.ndarray:
    """Converts descriptors to unit vectors whose dot products measure how similar the objects are.

    The descriptors are whitened if there is a whitening. Then a part of the mean of the N photos is subtracted, to
    remove what all of them have in common, such as the camera or the place. The part is N / (N + :data:`PRIOR`), or
    N / (N + :data:`PLAIN_PRIOR`) without a whitening.

    Args:
        descriptors: ``(N, C)``, from :func:`describe`.
        whitening: the whitening; it is not used if it was computed for another number of channels C.

    Returns:
        Unit vectors ``(N, D)`` float32; D is C without a whitening.

    Example:
        >>> embed(np.random.default_rng(0).normal(size=(10, 8)), None).shape
        (10, 8)
    """
    x, prior = descriptors, PLAIN_PRIOR
    if whitening is not None and len(whitening.mean) == descriptors.shape[1]:
        x, prior = _unit((x - whitening.mean) @ whitening.projection), PRIOR
    x = x - x.mean(axis=0) * (len(x) / (len(x) + prior))
    return _unit(x).astype(np.float32)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
