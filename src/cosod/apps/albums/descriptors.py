"""One vector for what stands out in a photo: photos of like objects have vectors that point the same way."""

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
from cosod.inference.detector import Detector
from cosod.inference.group_forward import GroupForward
from cosod.io.atomic_write import whole
from cosod.io.images import ImageSource
from cosod.io.prefetch import OnError
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork, Features
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile

#: Added to the map that features are averaged under: a tenth of the surroundings' weight helps where the map misses
#: the object, and tells scenes apart.
FLOOR = 0.1
#: Photos that the mean of a whitening counts for when it is mixed with the mean of the photos themselves.
PRIOR = 90
#: The same for a mean that starts from nothing, where there is no whitening.
PLAIN_PRIOR = 20
#: Entry of the metadata of a whitening that says which weights it was made with.
WEIGHTS = "weights"


def describe(
    detector: Detector,
    images: Sequence[ImageSource],
    on_error: OnError | None = None,
) -> tuple[list[int], np.ndarray]:
    """Averages the backbone's deepest features under each image's own saliency map.

    They tell objects apart better than F of networks that train it to be compared within one group: on held-out groups
    of DUTS_class, see ``tools/measure_albums.py``.

    Args:
        detector: its network, device, size and batch are used.
        images: see :func:`cosod.io.read_image`.
        on_error: called with index and error of an image that cannot be read; by default the error is raised.

    Returns:
        Indices of the images that could be read and are not of one color, and their descriptors, float32 ``(N, C)``,
        neither centered nor normalized.

    Example:
        >>> indices, descriptors = describe(cosod.load(), photos)  # doctest: +SKIP
    """
    network = detector.network
    inputs = detector.inputs(images, on_error)
    # By the network itself: the detector's own steps are copies, whose backbone cannot be listened to.
    forward = GroupForward(network, detector.batch)
    indices, found = [], []
    with _Deepest(network) as deepest, torch.inference_mode():
        for part in inputs.batches(detector.batch):
            features = forward.encode([image for _, image in part])
            deep = features.deep if deepest.features is None else deepest.features
            weight = F.adaptive_avg_pool2d(_own_maps(forward, features), deep.shape[-2:]) + FLOOR
            found.append(((deep * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))).float().cpu().numpy())
            indices += [index for index, _ in part]
    if not found:
        return [], np.zeros((0, 0), np.float32)
    order = np.argsort(indices)
    return [indices[row] for row in order], np.concatenate(found)[order]


def _own_maps(forward: GroupForward, features: Features) -> Tensor:
    """Returns the saliency of N images by themselves, ``(N, 1, s, s)`` in [0, 1]: of most networks each as a group."""
    if isinstance(forward.network, GCoNetPlusMobile):  # one of its branches says it
        return features.skips[-1].float().sigmoid()
    return forward.maps_alone(features).float()


class _Deepest:
    """While it is open, keeps the last output of a network's backbone; ``None`` where a network has no backbone."""

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
        mean: ``(C,)``.
        projection: ``(C, D)``, onto the D strongest principal components, each scaled to unit variance.
        weights: identity of the weights whose descriptors it was computed from.
    """

    mean: np.ndarray
    projection: np.ndarray
    weights: str = ""

    @classmethod
    def of(cls, descriptors: np.ndarray, dimensions: int, weights: str = "") -> "Whitening":
        """Computes the whitening from descriptors ``(N, C)`` of N photos of all kinds, N well over ``dimensions``."""
        mean = descriptors.mean(axis=0)
        _, spread, axes = np.linalg.svd(descriptors - mean, full_matrices=False)
        deviation = spread[:dimensions] / len(descriptors) ** 0.5
        return cls(mean, axes[:dimensions].T / np.maximum(deviation, 1e-6), weights)

    def save(self, path: str | os.PathLike) -> None:
        """Saves the whitening as safetensors, the projection in half precision."""
        tensors = {"mean": self.mean.astype(np.float32), "projection": self.projection.astype(np.float16, order="C")}
        with whole(path) as temporary:
            save_file(tensors, temporary, {WEIGHTS: self.weights})

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Whitening":
        """Loads what :meth:`save` wrote; raises WeightsError if it is damaged."""
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
    """Returns the file of the whitening for a network of this name; None if there is none."""
    weights = registry.weights_file(name)
    return None if weights is None else weights.with_suffix(".albums.safetensors")


def whitening_of(network: CoSaliencyNetwork) -> Whitening | None:
    """Returns the whitening of the package for a network, also for other weights of it; None if there is none."""
    try:
        path = whitening_file(registry.name_of(network))
    except InputError:  # a network of the caller's own
        return None
    return Whitening.load(path) if path is not None and path.is_file() else None


def embed(descriptors: np.ndarray, whitening: Whitening | None) -> np.ndarray:
    """Maps descriptors to unit vectors ``(N, D)`` float32 whose dot products say how alike the objects are.

    With a whitening the descriptors are whitened by it, and what the photos at hand have in common beyond it (one
    camera, one house) is taken away in part: their mean counts N, that of the whitening :data:`PRIOR`. Without one
    their own mean is all that can be taken away.

    Example:
        >>> vectors = embed(descriptors, whitening_of(network))  # doctest: +SKIP
    """
    x, prior = descriptors, PLAIN_PRIOR
    if whitening is not None and len(whitening.mean) == descriptors.shape[1]:
        x, prior = _unit((x - whitening.mean) @ whitening.projection), PRIOR
    x = x - x.mean(axis=0) * (len(x) / (len(x) + prior))
    return _unit(x).astype(np.float32)


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)
