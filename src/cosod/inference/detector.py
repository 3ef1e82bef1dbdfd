"""The detector, which applies a network to images."""

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np
import torch

from cosod.inference.assembly import assembled, chosen_precision, working_size
from cosod.inference.consensus_file import GroupConsensus, check_masks
from cosod.inference.device import choose_device
from cosod.inference.forking import check_process, prepare_forks
from cosod.inference.options import DetectorOptions
from cosod.inference.presence import Calibration
from cosod.inference.results import Result
from cosod.inference.uniform_images import tell_uniform, with_uniform
from cosod.io.images import ImageSource
from cosod.io.prefetch import Inputs, OnError, as_group, batched
from cosod.io.resizing import input_shape
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork


class Detector:
    """Finds the object that a group of images shares.

    Args:
        network: the network, in evaluation mode; it is moved to the device.
        device, size: options of these names, which replace those of ``options``.
        options: options of detection; by default those of :class:`~cosod.inference.options.DetectorOptions`.
        changes: further options by name, which replace those of ``options``.

    Attributes:
        options: the options in use, with the chosen size, device and precision.
        forward: forward pass of the network for groups of resized images.
        pipeline: the steps from images to results: consensus, presence, filtering of regions, enlarged crops.

    Raises:
        InputError: an option is out of range, or the network does not support the size.
        DeviceError: the device is not available.

    Example:
        >>> detector = cosod.Detector(cosod.models.create("gconet_plus_mobile"), "cpu", 256, batch=4)
        >>> detector.options.batch
        4
    """

    def __init__(
        self,
        network: CoSaliencyNetwork,
        device: str | None = None,
        size: int | None = None,
        *,
        options: DetectorOptions | None = None,
        **changes: Any,
    ):
        options = DetectorOptions.of(options, device=device, size=size, **changes)
        size = working_size(network, options)
        network.check_size(size)
        on_cpu = options.backend != "torch" or options.precision == "int8"
        chosen = choose_device("cpu" if on_cpu else options.device)
        # PyTorch documents memory_format, but its stubs do not know it.
        network = network.eval().to(chosen, memory_format=torch.channels_last)  # type: ignore[call-overload]
        precision = chosen_precision(options, network, chosen)
        self.options = replace(options, device=str(chosen), size=size, precision=precision)
        self.pipeline = assembled(network, self.options)
        self.forward = self.pipeline.forward
        self._process = os.getpid()
        prepare_forks()

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._process = os.getpid()  # it was unpickled in this process, and not forked

    @property
    def network(self) -> CoSaliencyNetwork:
        """The network, in evaluation mode on the device."""
        return self.forward.network

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return self.forward.device

    @property
    def calibration(self) -> Calibration | None:
        """Calibration from similarity to presence scores; None if the weights contain none."""
        return self.pipeline.calibration

    @functools.cached_property
    def identity(self) -> tuple[str, str]:
        """Registered name of the network, and a hash of its configuration and weights."""
        from cosod.models.checkpoints import loading

        return registry.name_of(self.network), loading.identity(self.network)

    @property
    def _runtime(self) -> str:
        """The runtime that computes features: ONNX Runtime for int8, otherwise the backend."""
        return "onnxruntime" if self.options.precision == "int8" else self.options.backend

    @property
    def size(self) -> int:
        """Working size: side in pixels of the square that images are resized to, or that has about as many pixels."""
        return working_size(self.network, self.options)

    @property
    def batch(self) -> int:
        """Number of images that are encoded or decoded at once."""
        return self.options.batch

    @property
    def max_pixels(self) -> int:
        """Maximum number of pixels of an image; larger ones are refused."""
        return self.options.max_pixels

    @property
    def precision(self) -> str:
        """Precision of the network: ``float32``, ``bfloat16`` or ``int8``."""
        return self.options.precision

    @property
    def mask_threshold(self) -> float | str:
        """Default threshold of masks, see :func:`cosod.postprocess.threshold.binarize`."""
        return self.network.mask_threshold

    @property
    def stride(self) -> int | None:
        """Number of which the sides of resized images are multiples; None if they are squares."""
        return self.network.aspect_stride

    def shape(self, height: int, width: int) -> tuple[int, int]:
        """Returns the height and width to which an image of this height and width is resized."""
        return input_shape(height, width, self.size, self.stride)

    def inputs(self, images: Sequence[ImageSource], on_error: OnError | None = None, twice: bool = False) -> Inputs:
        """Returns images as the input of the network: they are read and resized when they are accessed.

        Args:
            images: as for :meth:`segment`.
            on_error: as for :meth:`stream`.
            twice: whether the images are accessed a second time, so that they should be kept.

        Raises:
            InputError: there are no images.

        Example:
            >>> for index, pixels in detector.inputs(photos).read(range(len(photos))):  # doctest: +SKIP
            ...     print(photos[index], pixels.shape)
        """
        return Inputs(
            as_group(images), self.size, self.max_pixels, on_error, twice, find_uniform=True, stride=self.stride
        )

    def segment(self, images: Sequence[ImageSource]) -> list[np.ndarray]:
        """Computes the co-saliency maps of one group.

        Args:
            images: paths, Pillow images, arrays, tensors, bytes of files or file objects, in any mixture (see
                :func:`cosod.io.read_image`); or one array ``(N, H, W, C)`` or one tensor ``(N, C, H, W)``.

        Returns:
            A float32 map ``(H, W)`` in [0, 1] for each image, at the size of the upright image. An image of a single
            color shows no object: its map is empty, it does not count in the group, and a
            :class:`cosod.errors.UniformImageWarning` names it.

        Raises:
            InputError: there are no images.
            ImageError: an image cannot be read.

        Example:
            >>> maps = cosod.load().segment(["mug1.jpg", "mug2.jpg", "mug3.jpg"])  # doctest: +SKIP
        """
        maps = dict(self.stream(images))
        return [maps[i] for i in range(len(maps))]

    def detect(self, images: Sequence[ImageSource]) -> list[Result]:
        """Computes the map of the shared object and a presence score for each image of a group.

        Args:
            images: as for :meth:`segment`.

        Returns:
            For each image, in order, a :class:`~cosod.inference.results.Result`: its ``map`` is the one of
            :meth:`segment`, computed when it is first used, and its ``presence`` is the probability that the image
            shows the shared object (None if the network has no calibration, or for a group of one image).

        Raises:
            InputError: there are no images.
            ImageError: an image cannot be read.

        Example:
            >>> for result in cosod.load().detect(["mug1.jpg", "mug2.jpg", "sky.jpg"]):  # doctest: +SKIP
            ...     print(result.presence, result.map.mean())
        """
        return list(self.results(images))

    def stream(
        self, images: Sequence[ImageSource], on_error: OnError | None = None
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Does the same as :meth:`segment`, but yields the maps one by one, for groups whose maps exceed the memory.

        Args:
            images: as for :meth:`segment`.
            on_error: called with the index and the error of an image that cannot be read, which is then left out
                of the group. By default the error is raised.

        Yields:
            Index and map, in the order of ``images``.
        """
        for result in self.results(images, on_error):
            yield result.index, result.map

    def results(
        self,
        images: Sequence[ImageSource],
        on_error: OnError | None = None,
        consensuses: Sequence[GroupConsensus] | None = None,
    ) -> Iterator[Result]:
        """Does the same as :meth:`detect`, one result after the other, for groups of any size and for saved
        consensuses.

        Args:
            images: as for :meth:`segment`.
            on_error: as for :meth:`stream`.
            consensuses: consensuses to apply to each image separately; by default the images are a group.

        Yields:
            For each image, in order, a :class:`~cosod.inference.results.Result` for each consensus.

        Example:
            >>> for result in detector.results(photos, on_error=lambda index, error: print(error)):  # doctest: +SKIP
            ...     print(photos[result.index], result.presence)
        """
        check_process(self._process, self._runtime, self.device)
        twice = consensuses is None and self.options.feature_bytes > 0
        inputs = self.inputs(images, on_error, twice)
        if consensuses is None:
            results, each = self.pipeline.group(inputs), 1
        else:
            for consensus in consensuses:
                self.check(consensus)
            results, each = self.pipeline.apply(consensuses, inputs), len(consensuses)
        yield from with_uniform(results, inputs, lambda index: self.pipeline.empty(inputs, index, each))

    @overload
    def apply(
        self, consensus: GroupConsensus, images: Sequence[ImageSource], on_error: OnError | None = None
    ) -> Iterator[tuple[int, np.ndarray]]: ...

    @overload
    def apply(
        self, consensus: Sequence[GroupConsensus], images: Sequence[ImageSource], on_error: OnError | None = None
    ) -> Iterator[tuple[int, list[np.ndarray]]]: ...

    def apply(self, consensus, images, on_error=None):
        """Finds the object of a consensus in each image separately; memory does not grow with the number of images.

        Args:
            consensus: from :meth:`learn`, or several of them.
            images: as for :meth:`segment`; they need not have anything in common.
            on_error: as for :meth:`stream`.

        Yields:
            Index and map, in the order of ``images``; for several consensuses, index and list of maps.

        Raises:
            InputError: the consensus belongs to another network, other weights or another working size.
            ImageError: an image that cannot be read.
        """
        one = isinstance(consensus, GroupConsensus)
        consensuses = [consensus] if one else list(consensus)
        results = self.results(images, on_error, consensuses)
        for found in batched(results, len(consensuses)):
            yield found[0].index, found[0].map if one else [result.map for result in found]

    @torch.inference_mode()
    def learn(
        self,
        images: Sequence[ImageSource],
        masks: Sequence[ImageSource | None] | None = None,
        on_error: OnError | None = None,
        negatives: Sequence[ImageSource] | None = None,
    ) -> GroupConsensus:
        """Learns what the images share, as a consensus that can be saved and applied to other images.

        Args:
            images: as for :meth:`segment`.
            masks: for each image a mask of the object at the size of the image, or None; masks may be given in the
                same forms as images. If a mask has two values, the brighter one marks the object; otherwise values
                above half of the range do. Then only the marked images define the object, and one of them is enough.
                The other images are weighted by their presence (and ignored if presence is not calibrated).
            on_error: as for :meth:`stream`; the indices of negatives follow those of the images.
            negatives: images of what the object is *not*, for instance images in which something was found by
                mistake; they must not show the object. Regions of other images that resemble one of them more than the
                object are faded, and lower the presence.

        Raises:
            InputError: there are no images, or only images of a single color; a mask marks nothing or everything, or
                differs in size from its image; or the consensus of the network cannot be saved, cannot be computed
                from masks, or supports no negatives.
            ImageError: an image that cannot be read.

        Example:
            >>> consensus = detector.learn(["mug1.jpg", "mug2.jpg"], negatives=["bowl.jpg"])  # doctest: +SKIP
            >>> consensus.save("mug.consensus")  # doctest: +SKIP
        """
        check_process(self._process, self._runtime, self.device)
        images = as_group(images)
        masks = check_masks(masks, len(images))
        inputs = self.inputs(images, on_error)
        learned = self.pipeline.learn(inputs, masks, self.identity)
        tell_uniform(inputs)
        if negatives is None or (isinstance(negatives, Sequence) and not negatives):
            return learned
        later = None if on_error is None else lambda index, error: on_error(len(images) + index, error)
        others = self.inputs(negatives, later)
        try:
            return self.pipeline.against(learned, others)
        finally:
            tell_uniform(others)

    def check(self, consensus: GroupConsensus, name: str = "the consensus") -> None:
        """Raises InputError unless ``consensus`` was learned with this network, these weights and this size."""
        consensus.check_origin(self.identity, self.size, name)
