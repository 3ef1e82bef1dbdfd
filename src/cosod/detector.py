"""The predictor: a network, and everything between it and a folder of photos."""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from cosod.data.images import MAX_PIXELS, ImageSource, read_image
from cosod.data.tensors import shrink, to_batch, to_own_size
from cosod.errors import DeviceError, ImageError, InputError, SingleImageWarning
from cosod.models.interface import CoSaliencyNetwork, Features

#: Bytes of encoder features that a group may keep between encoding and decoding. A larger group keeps its deepest
#: features only and is encoded a second time, batch by batch, for decoding.
FEATURE_BYTES = 1 << 30
#: Bytes of shrunk images that a group may keep, so that the second pass need not read the files again.
IMAGE_BYTES = 512 << 20


def choose_device(device: str = "auto") -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU; anything else must be there.

    Raises:
        DeviceError: the device is unknown or absent.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(1, device=chosen)
    except Exception as error:
        here = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise DeviceError(f"device {device!r} is not available here (available: {here}); use --device auto") from error
    return chosen


def load(name_or_path: str | os.PathLike = "default", device: str = "auto", **options) -> "Detector":
    """A detector ready to use.

    Args:
        name_or_path: ``"default"``, the name of a network with weights in the package, or the path of a weights
            file: this package's ``.safetensors``, or a published ``.pth`` checkpoint.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``...
        options: further arguments of :class:`Detector`.

    Raises:
        InputError: no network of this name.
        WeightsError: a weights file that is missing, damaged or of another network.
        DeviceError: a device that is not there.
    """
    from cosod.models import loading

    chosen = choose_device(device)  # first: it fails fast
    return Detector(loading.load(name_or_path), device=str(chosen), **options)


class Detector:
    """Finds the object that a group of images shares.

    Args:
        network: in evaluation mode; moved to ``device``.
        device: as for :func:`load`.
        size: side of the square that images are resized to; the network's own by default.
        batch: images encoded or decoded at once; bounds memory, changes no result.
        max_pixels: larger images are refused (see :func:`cosod.data.read_image`).
        feature_bytes: see :data:`FEATURE_BYTES`.
    """

    def __init__(
        self,
        network: CoSaliencyNetwork,
        device: str = "auto",
        size: int | None = None,
        batch: int = 8,
        max_pixels: int = MAX_PIXELS,
        feature_bytes: int = FEATURE_BYTES,
    ):
        size = size or network.size
        if size < 32 or size % 16:
            raise InputError(f"size {size}: give a multiple of 16, at least 32")
        if batch < 1:
            raise InputError(f"batch {batch}: give at least 1")
        self.device = choose_device(device)
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)
        self.size = size
        self.batch = batch
        self.max_pixels = max_pixels
        self.feature_bytes = feature_bytes

    def segment(self, images: Sequence[ImageSource]) -> list[np.ndarray]:
        """Co-saliency maps of one group.

        Args:
            images: paths, Pillow images or arrays, in any mixture (see :func:`cosod.data.read_image`).

        Returns:
            A float32 map ``(H, W)`` in [0, 1] for each image, at the size of the upright image.

        Raises:
            InputError: no images.
            ImageError: an image that cannot be read.
        """
        maps = dict(self.stream(images))
        return [maps[i] for i in range(len(maps))]

    def stream(
        self, images: Sequence[ImageSource], on_error: Callable[[int, ImageError], None] | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """As :meth:`segment`, one map after the other, for groups whose maps would not fit into memory.

        Args:
            images: as for :meth:`segment`.
            on_error: called with the index and the error of an image that cannot be read; the group goes on
                without it. By default the error is raised.

        Yields:
            Index and map, in the order of ``images``.
        """
        if isinstance(images, str | os.PathLike | np.ndarray) or not isinstance(images, Sequence):
            raise InputError("a group is a list of images: detector.segment([image, image, ...])")
        if not images:
            raise InputError("no images; a group needs at least one, and two or more to have something in common")
        yield from self._segment(_Inputs(images, self.size, self.max_pixels, on_error))

    @torch.inference_mode()
    def _first_pass(self, inputs: "_Inputs") -> tuple[list[int], Tensor, list[Features] | None]:
        """Indices of the readable images, their deepest features, and all features where they may be kept."""
        indices: list[int] = []
        deep: list[Tensor] = []
        kept: list[Features] | None = []
        for part in _batched(inputs.read(range(len(inputs))), self.batch):
            features = self.network.encode(self._tensor([image for _, image in part]))
            indices += [index for index, _ in part]
            deep.append(features.deep)
            if not indices[: -len(part)]:
                each = sum(t.nbytes for t in (*features.skips, features.deep)) / len(part)
                if each * len(inputs) > self.feature_bytes:
                    kept = None
            if kept is not None:
                kept.append(features)
        if not indices:
            raise ImageError("none of the images could be read")
        if kept is not None:
            deep = [features.deep for features in kept]
        return indices, torch.cat(deep), kept

    def _segment(self, inputs: "_Inputs") -> Iterator[tuple[int, np.ndarray]]:
        indices, deep, kept = self._first_pass(inputs)
        if len(indices) == 1:
            warnings.warn("one image has nothing to share: its map is plain saliency", SingleImageWarning, stacklevel=3)
        with torch.inference_mode():
            consensus = self.network.consensus(Features((), deep, (self.size, self.size)))
        del deep
        if self.network.whole_group_maps:
            maps = torch.cat([m for _, m in self._decoded(inputs, indices, kept, consensus, raw=True)])
            maps = self.network.confidence_map(*maps.split(1, dim=1))
            parts = zip(_batched(indices, self.batch), maps.split(self.batch), strict=True)
        else:
            parts = self._decoded(inputs, indices, kept, consensus)
        for part, maps in parts:
            for index, saliency in zip(part, maps, strict=True):
                yield index, to_own_size(saliency, inputs.sizes[index])

    def _decoded(self, inputs, indices, kept, consensus, raw: bool = False) -> Iterator[tuple[list[int], Tensor]]:
        """Maps ``(n, 1, S, S)`` in batches; with ``raw`` probability and threshold ``(n, 2, S, S)`` instead."""
        images = None if kept is not None else inputs.read(indices, strict=True)
        for number, part in enumerate(_batched(indices, self.batch)):
            with torch.inference_mode():
                if kept is not None:
                    features, kept[number] = kept[number], None  # freed as soon as it is decoded
                else:
                    batch = [image for _, image in islice(images, len(part))]
                    features = self.network.encode(self._tensor(batch))
                start = number * self.batch
                output = self.network.decode(features, consensus.part(slice(start, start + len(part))))
            yield part, torch.cat([output.probability, output.threshold], 1) if raw else output.maps

    def _tensor(self, images: list[np.ndarray]) -> Tensor:
        return to_batch(images, self.network.mean, self.network.std, self.device)


class _Inputs:
    """The images of a group, read ahead in threads, shrunk, and kept up to a bound."""

    def __init__(self, sources: Sequence[ImageSource], size: int, max_pixels: int, on_error):
        self.sources, self.size, self.max_pixels, self.on_error = sources, size, max_pixels, on_error
        self.sizes: dict[int, tuple[int, int]] = {}
        self._shrunk: dict[int, np.ndarray] = {}
        self._keep = len(sources) * size * size * 3 <= IMAGE_BYTES

    def __len__(self) -> int:
        return len(self.sources)

    def _load(self, index: int) -> np.ndarray | ImageError:
        if index in self._shrunk:
            return self._shrunk[index]
        try:
            image = read_image(self.sources[index], self.max_pixels)
        except ImageError as error:
            return error
        self.sizes[index] = image.shape[:2]
        return shrink(image, self.size)

    def read(self, indices: Sequence[int], strict: bool = False) -> Iterator[tuple[int, np.ndarray]]:
        """Index and shrunk image, in order; unreadable images are reported and left out, or raised if ``strict``."""
        workers = min(4, os.cpu_count() or 1)
        with ThreadPoolExecutor(workers, thread_name_prefix="cosod-read") as pool:
            remaining = iter(indices)
            pending = [(i, pool.submit(self._load, i)) for i in islice(remaining, 2 * workers)]
            while pending:
                index, future = pending.pop(0)
                image = future.result()
                pending += [(i, pool.submit(self._load, i)) for i in islice(remaining, 1)]
                if isinstance(image, ImageError):
                    if strict or self.on_error is None:
                        raise image
                    self.on_error(index, image)
                    continue
                if self._keep:
                    self._shrunk[index] = image
                yield index, image


def _batched(items, n: int) -> Iterator[list]:
    items = iter(items)
    while part := list(islice(items, n)):
        yield part
