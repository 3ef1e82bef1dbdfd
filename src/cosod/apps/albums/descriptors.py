"""Descriptors of the salient object in a photo; the descriptors of similar objects have similar directions."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cosod.apps.albums.last_layer import last_layer_of
from cosod.inference.assembly import adapted
from cosod.inference.cpu_fusion import FastSteps
from cosod.inference.detector import Detector
from cosod.inference.group_forward import GroupForward
from cosod.inference.precision import has_bfloat16
from cosod.io.images import ImageSource
from cosod.io.prefetch import OnError
from cosod.models.base import CoSaliencyNetwork, Features
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile
from cosod.models.modules.layers import height_and_width

#: Constant that is added to the saliency map that weights the features, so that the surroundings of the object also
#: contribute. They help where the map misses the object, and tell scenes apart.
FLOOR = 0.1
#: Number of the way in which descriptors are computed. It is raised when they change, so that those that an earlier
#: version has kept on disk are not read any more.
FORM = 2


def describe(
    detector: Detector,
    images: Sequence[ImageSource],
    on_error: OnError | None = None,
) -> tuple[list[int], np.ndarray]:
    """Computes a descriptor of each image: the mean of the backbone's deepest features, weighted by the saliency map.

    These features separate objects better than the features F of networks that are trained to compare F within one
    group. If the package has the last layer of the backbone, see :mod:`cosod.apps.albums.last_layer`, its output is
    used, which separates them better still. Both were measured on held-out groups of DUTS_class, see
    ``tools/measure_albums.py``.

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
    steps = FastSteps(network, detector.device, _precision(detector))
    last = last_layer_of(network)
    forward = GroupForward(network, detector.batch, adapted(steps, detector.options))
    indices, found = [], []
    with _Deepest(steps.network) as deepest, torch.inference_mode():
        for part in inputs.batches(detector.batch):
            features = forward.encode([image for _, image in part])
            deep = features.deep if deepest.features is None else deepest.features
            deep = deep if last is None else last(deep)
            weight = F.adaptive_avg_pool2d(_own_maps(forward, features), height_and_width(deep)) + FLOOR
            found.append(((deep * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))).float().cpu().numpy())
            indices += [index for index, _ in part]
    if not found:
        return [], np.zeros((0, 0), np.float32)
    order = np.argsort(indices)
    return [indices[row] for row in order], np.concatenate(found)[order]


def _precision(detector: Detector) -> str:
    """Returns the precision in which photos are described.

    Albums stay the same in bfloat16. The graph in integers does not output the features that descriptors are made of.
    """
    if detector.precision == "int8":
        return "bfloat16" if has_bfloat16(detector.device) else "float32"
    return detector.precision


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
