"""The functions ``load``, ``learn`` and ``apply`` of the package."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from cosod.inference.consensus_file import GroupConsensus
from cosod.inference.detector import Detector
from cosod.inference.device import choose_device
from cosod.inference.options import DetectorOptions
from cosod.io.images import ImageSource
from cosod.models import registry
from cosod.models.checkpoints import loading
from cosod.models.checkpoints.packaged import ALIASES


def load(
    name_or_path: str | os.PathLike = "default",
    device: str | None = None,
    weights: str | os.PathLike | None = None,
    options: DetectorOptions | None = None,
    **changes: Any,
) -> Detector:
    """Loads a network and returns a detector that is ready to use.

    Args:
        name_or_path: ``"default"``, ``"accurate"``, another name that ``cosod models`` lists, or the path of a weights
            file: a ``.safetensors`` file of this package, or a published ``.pth`` checkpoint.
        device: ``"auto"`` (the default), ``"cpu"``, ``"cuda"``, ``"cuda:1"``...
        weights: a weights file, or the folder of a training run, to use instead of the weights of the package. If
            ``name_or_path`` names a network too, the file must contain this network.
        options: options of detection; by default those of :class:`~cosod.inference.options.DetectorOptions`.
        changes: options by name, which replace those of ``options``: ``size``, ``batch``, ``precision``, ``flip``, ...

    Raises:
        InputError: there is no network of this name, or an option is out of range.
        WeightsError: the weights file is missing, damaged or of another network.
        DeviceError: the device is not available.

    Example:
        >>> detector = cosod.load(weights="runs/mine", device="cpu", flip=True)  # doctest: +SKIP
    """
    chosen = DetectorOptions.of(options, device=device, **changes)
    choose_device(chosen.device)  # first, because it fails fast
    if weights is None:
        network = loading.load(name_or_path)
    else:
        named = None if name_or_path == "default" else str(name_or_path)
        if named is not None:
            registry.entry(ALIASES.get(named, named))  # a path here would be a second file
        network = loading.load(weights, expected=named)
    return Detector(network, options=chosen)


def learn(
    images: Sequence[ImageSource],
    masks: Sequence[ImageSource | None] | None = None,
    detector: Detector | None = None,
    negatives: Sequence[ImageSource] | None = None,
) -> GroupConsensus:
    """Learns what images share as a consensus for other images; see :meth:`cosod.Detector.learn`.

    Example:
        >>> consensus = cosod.learn(["mug1.jpg", "mug2.jpg"], negatives=["bowl.jpg"])  # doctest: +SKIP
    """
    return (detector or load()).learn(images, masks, negatives=negatives)


def apply(
    consensus: GroupConsensus | Sequence[GroupConsensus],
    images: Sequence[ImageSource],
    detector: Detector | None = None,
) -> Iterator:
    """Applies one or more consensuses to each image; yields index and map, or list of maps: see :meth:`Detector.apply`.

    Example:
        >>> for index, saliency in cosod.apply(consensus, ["photo1.jpg", "photo2.jpg"]):  # doctest: +SKIP
        ...     print(index, saliency.mean())
    """
    if detector is None:
        first = consensus if isinstance(consensus, GroupConsensus) else next(iter(consensus), None)
        detector = load(size=first and first.provenance.size)
    return detector.apply(consensus, images)
