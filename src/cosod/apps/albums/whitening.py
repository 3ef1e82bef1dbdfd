"""Whitening of descriptors, by which they are compared."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from cosod.errors import InputError
from cosod.inference.negatives import unit
from cosod.io.atomic_write import whole
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.packaged import packaged_arrays

#: Weight, in photos, of the mean of a whitening when it is averaged with the mean of the photos themselves.
PRIOR = 90
#: The same weight for a mean of zero, which is used if there is no whitening.
PLAIN_PRIOR = 20
#: Number of the most similar photos with whose vectors that of a photo is averaged, and power of their weights.
NEIGHBORS, SHARPNESS = 3, 2
#: Number of photos that are compared with all others at a time.
CHUNK = 512
#: Key in the metadata of a whitening file for the identity of the weights with which it was computed.
WEIGHTS = "weights"


@dataclass(frozen=True, eq=False)
class Whitening:
    """A whitening transform of descriptors, computed from photos of all kinds.

    Attributes:
        mean: mean of the descriptors, ``(C,)``.
        projection: projection onto the D strongest principal components, each scaled, ``(C, D)``.
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
    def of(
        cls, descriptors: np.ndarray, dimensions: int, weights: str = "", regularization: float = 0.0
    ) -> "Whitening":
        """Computes a whitening from descriptors.

        Each component is divided by its standard deviation. With ``regularization`` r, it is divided by the square root
        of its variance plus r times the mean variance of the D components, so that weak components, which contain more
        noise, count less than strong ones.

        Args:
            descriptors: descriptors ``(N, C)`` of N photos of all kinds; N should be much larger than ``dimensions``.
            dimensions: number of principal components, D.
            weights: identity of the weights with which the descriptors were computed.
            regularization: the factor r, at least 0.
        """
        mean = descriptors.mean(axis=0)
        _, spread, axes = np.linalg.svd(descriptors - mean, full_matrices=False)
        variance = spread[:dimensions] ** 2 / len(descriptors)
        deviation = (variance + regularization * variance.mean()) ** 0.5
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
        with packaged_arrays(path, "numpy") as file:
            mean, projection = (file.get_tensor(n).astype(np.float32) for n in ("mean", "projection"))
            weights = (file.metadata() or {}).get(WEIGHTS, "")
            if mean.ndim != 1 or projection.ndim != 2 or len(mean) != len(projection):
                raise ValueError("its arrays do not fit together")
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


def whitening_of(network: CoSaliencyNetwork, channels: int) -> Whitening | None:
    """Returns the whitening that the package contains for a kind of network; None if there is none.

    The whitening is also returned for a network with other weights than those with which it was computed, but not for
    one with another backbone, whose descriptors have another number of channels.

    Args:
        network: the network with which the descriptors were computed.
        channels: number of channels of the descriptors, C.

    Raises:
        WeightsError: the file of the whitening is damaged.

    Example:
        >>> whitening = whitening_of(detector.network, descriptors.shape[1])  # doctest: +SKIP
    """
    try:
        path = whitening_file(registry.name_of(network))
    except InputError:  # the network is of a class of the caller, which is not in the registry
        return None
    if path is None or not path.is_file():
        return None
    whitening = Whitening.load(path)
    return whitening if len(whitening.mean) == channels else None


def embed(descriptors: np.ndarray, whitening: Whitening | None) -> np.ndarray:
    """Converts descriptors to unit vectors whose dot products measure how similar the objects are.

    The descriptors are whitened if there is a whitening. Then a part of the mean of the N photos is subtracted, to
    remove what all of them have in common, such as the camera or the place. The part is N / (N + :data:`PRIOR`), or
    N / (N + :data:`PLAIN_PRIOR`) without a whitening. Last, whitened vectors are averaged with those of similar photos,
    see :func:`with_neighbors`.

    Args:
        descriptors: ``(N, C)``, from :func:`cosod.apps.albums.descriptors.describe`.
        whitening: the whitening of descriptors with C channels, if there is one.

    Returns:
        Unit vectors ``(N, D)`` float32; D is C without a whitening.

    Example:
        >>> embed(np.random.default_rng(0).normal(size=(10, 8)), None).shape
        (10, 8)
    """
    if whitening is None:
        return _centered(descriptors, PLAIN_PRIOR)
    return with_neighbors(_centered(unit((descriptors - whitening.mean) @ whitening.projection), PRIOR))


def with_neighbors(vectors: np.ndarray) -> np.ndarray:
    """Adds to each vector those of the most similar photos, so that it depends less on what else a photo shows.

    :data:`NEIGHBORS` vectors are added, each weighted by the power :data:`SHARPNESS` of its cosine; a photo that
    resembles no other is left unchanged. This is the augmentation of databases of Arandjelović and Zisserman
    (CVPR 2012) with the weights of Radenović, Tolias and Chum (TPAMI 2019).

    Args:
        vectors: unit vectors ``(N, D)`` float32.

    Returns:
        Unit vectors ``(N, D)`` float32.

    Example:
        >>> with_neighbors(np.eye(2, dtype=np.float32)[[0, 0, 1]]).tolist()
        [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    number = min(NEIGHBORS, len(vectors) - 1)
    if number < 1:
        return vectors
    found = vectors.copy()
    for first in range(0, len(vectors), CHUNK):
        likeness = vectors[first : first + CHUNK] @ vectors.T
        rows = np.arange(len(likeness))
        likeness[rows, first + rows] = -1
        nearest = np.argpartition(likeness, -number, axis=1)[:, -number:]
        weights = np.maximum(np.take_along_axis(likeness, nearest, axis=1), 0) ** SHARPNESS
        found[first + rows] += np.einsum("nk,nkd->nd", weights, vectors[nearest])
    return unit(found)


def _centered(x: np.ndarray, prior: float) -> np.ndarray:
    return unit(x - x.mean(axis=0) * (len(x) / (len(x) + prior))).astype(np.float32)
