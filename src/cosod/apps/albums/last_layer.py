"""The last layer of EfficientNet-Lite before its classifier, by whose output photos are sorted into albums.

Networks do without this layer, because their consensus compares objects as well by its input. Over all classes of
ImageNet its output tells objects apart better. The package has the layer once for each backbone of its networks, with
its batch normalization folded into it, in integers.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from cosod.errors import WeightsError
from cosod.io.atomic_write import whole
from cosod.models.backbones.efficientnet_lite import EPSILON
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.packaged import packaged_arrays, packaged_file

#: Names of the arrays in a file.
ARRAYS = ("weight", "scale", "bias")


@dataclass(frozen=True, eq=False)
class LastLayer:
    """A 1 x 1 convolution followed by ReLU6.

    Attributes:
        weight: int8 ``(D, C)``, -127 to 127.
        scale: float32 ``(D,)``, by which each row of ``weight`` is multiplied.
        bias: float32 ``(D,)``.

    Example:
        >>> layer = LastLayer(torch.full((1, 2), 100, dtype=torch.int8), torch.tensor([0.01]), torch.tensor([1.0]))
        >>> layer(torch.ones(1, 2, 1, 1)).flatten().tolist()
        [3.0]
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor

    @classmethod
    def of(cls, published: Mapping[str, Tensor]) -> "LastLayer":
        """Creates the layer from the entries of a file of ImageNet weights of EfficientNet-Lite.

        Args:
            published: the entries, see :func:`cosod.models.backbones.imagenet.published_state`.

        Raises:
            WeightsError: the entries of the layer are missing.
        """
        try:
            kernel = published["_conv_head.weight"].float()
            gain, shift, mean, variance = (
                published[f"_bn1.{name}"].float() for name in ("weight", "bias", "running_mean", "running_var")
            )
        except KeyError as error:
            raise WeightsError(f"there is no entry {error} of EfficientNet's last layer; give its own file") from error
        folded, bias = fuse_conv_bn_weights(kernel, None, mean, variance, EPSILON, gain, shift)
        weight = folded.detach().flatten(1)
        scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127
        return cls((weight / scale[:, None]).round().to(torch.int8), scale, bias.detach())

    def __call__(self, features: Tensor) -> Tensor:
        """Computes the output ``(N, D, h, w)`` in [0, 6], float32, of the backbone's deepest features."""
        kernel = self.weight.to(features.device).float() * self.scale.to(features.device)[:, None]
        return F.relu6(F.conv2d(features.float(), kernel[:, :, None, None], self.bias.to(features.device)))

    def save(self, path: str | os.PathLike) -> None:
        """Saves the layer as a safetensors file.

        Raises:
            OutputError: the file cannot be written.
        """
        with whole(path) as temporary:
            save_file({name: getattr(self, name).contiguous() for name in ARRAYS}, temporary)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "LastLayer":
        """Loads the layer from a file that :meth:`save` has written.

        Raises:
            WeightsError: the file is missing or damaged.
        """
        with packaged_arrays(path, "pt") as file:
            weight, scale, bias = (file.get_tensor(name) for name in ARRAYS)
            if weight.ndim != 2 or scale.shape != weight.shape[:1] or bias.shape != scale.shape:
                raise ValueError("its arrays do not fit together")
        return cls(weight, scale, bias)


def last_layer_file(backbone: str) -> Path:
    """Returns the path at which the package has the last layer of a backbone, if it has it.

    Args:
        backbone: name of the backbone in the registry.

    Example:
        >>> last_layer_file("efficientnet_lite0").name
        'efficientnet_lite0.last_layer.safetensors'
    """
    return packaged_file(f"{backbone}.last_layer.safetensors")


def last_layer_of(network: CoSaliencyNetwork) -> LastLayer | None:
    """Returns the last layer of a network's backbone; None if the package does not have it.

    Raises:
        WeightsError: the file of the layer is damaged.

    Example:
        >>> last_layer_of(cosod.load().network).weight.shape  # doctest: +SKIP
        torch.Size([1280, 320])
    """
    name = getattr(getattr(network, "backbone", None), "name", "")
    path = last_layer_file(name)
    return LastLayer.load(path) if name and path.is_file() else None
