"""Composition of a detector from its options: precision, steps and pipeline."""

import numpy as np
import torch

from cosod.inference.backends import open_steps
from cosod.inference.backends.integer_steps import IntegerSteps
from cosod.inference.cpu_fusion import FastSteps
from cosod.inference.flip_tta import MirroredSteps
from cosod.inference.group_forward import GroupForward
from cosod.inference.integer_probe import integers_pay
from cosod.inference.kept_rules import KeptRules
from cosod.inference.options import DetectorOptions
from cosod.inference.pipeline import Pipeline
from cosod.inference.position_classifier import ScoreRule
from cosod.inference.precision import CLOSE, check_bfloat16, has_bfloat16, precision_deviation
from cosod.inference.presence import Calibration
from cosod.inference.probe_cache import kept_answer
from cosod.inference.probe_images import drawn_group
from cosod.inference.region_filter import RegionClassifier
from cosod.inference.threads import AdaptedSteps
from cosod.io.prefetch import Inputs, as_group
from cosod.models import registry
from cosod.models.base import CoSaliencyNetwork, Steps
from cosod.models.checkpoints import loading


def assembled(network: CoSaliencyNetwork, options: DetectorOptions) -> Pipeline:
    """Composes the pipeline of a network.

    Args:
        network: network in evaluation mode, on the device.
        options: options whose ``device``, ``size`` and ``precision`` are final (neither None nor ``auto``).

    Raises:
        InputError: the network does not support the precision or the backend.
        ExtraError: the package of a backend is missing.

    Example:
        >>> pipeline = assembled(network, detector.options)  # doctest: +SKIP
    """
    forward = GroupForward(network, options.batch, chosen_steps(network, options), torch.device(options.device))
    extra = network.extra
    regions = None if options.keep_regions else RegionClassifier.read(extra)
    scores = None if options.keep_regions else ScoreRule.read(extra)
    return Pipeline(forward, options, Calibration.read(extra), regions, KeptRules.read(extra), scores)


def working_size(network: CoSaliencyNetwork, options: DetectorOptions) -> int:
    """Returns the size of the options, or the default size of the network if they have none."""
    return network.size if options.size is None else options.size


def chosen_precision(options: DetectorOptions, network: CoSaliencyNetwork, device: torch.device) -> str:
    """Returns the precision of the options, or the chosen one if it is ``auto``: the fastest that keeps the maps."""
    if options.precision != "auto":
        check_bfloat16(options.precision, device)
        return options.precision
    if options.backend != "torch":
        return "float32"
    size = working_size(network, options)
    other = "bfloat16" if has_bfloat16(device) and _bfloat16_keeps_maps(network, device, size) else "float32"
    # Integers compete with the precision that would be taken otherwise.
    return "int8" if device.type == "cpu" and integers_pay(network, size, other) else other


def _bfloat16_keeps_maps(network: CoSaliencyNetwork, device: torch.device, size: int) -> bool:
    processor = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    facts = (loading.identity(network), size, processor, CLOSE)

    def close() -> bool:
        return precision_deviation(lambda precision: probe_maps(network, str(device), size, precision)) <= CLOSE

    return kept_answer("bfloat16", registry.name_of(network), facts, close)


def chosen_steps(network: CoSaliencyNetwork, options: DetectorOptions) -> Steps:
    """Returns the steps that encode and decode, for options whose device, size and precision are final."""
    size = working_size(network, options)
    steps: Steps
    if options.precision == "int8":
        steps = IntegerSteps(network, size)
    elif options.backend == "torch":
        steps = FastSteps(network, torch.device(options.device), options.precision)
    else:
        steps = open_steps(options.backend, network, size)
    return adapted(MirroredSteps(steps) if options.flip else steps, options)


def adapted(steps: Steps, options: DetectorOptions) -> Steps:
    """Returns the steps with as many threads as there are free cores, if the options ask for that."""
    return AdaptedSteps(steps) if options.free_threads and options.device == "cpu" else steps


def probe_maps(network: CoSaliencyNetwork, device: str, size: int, precision: str) -> list[np.ndarray]:
    """Computes the maps of :func:`~cosod.inference.probe_images.drawn_group`, to compare precisions on.

    Args:
        network: network in evaluation mode, on the device.
        device: device of the network.
        size: side of the images.
        precision: precision of the computation.

    Example:
        >>> maps = probe_maps(cosod.models.load(), "cpu", 288, "float32")
        >>> [map.shape for map in maps]
        [(128, 128), (128, 128), (128, 128)]
    """
    options = DetectorOptions(device=device, size=size, precision=precision)
    inputs = Inputs(as_group(drawn_group()), size, options.max_pixels, None, stride=network.aspect_stride)
    return [result.map for result in assembled(network, options).group(inputs)]
