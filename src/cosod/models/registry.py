"""The networks by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cosod.errors import InputError, nearest
from cosod.models.base import CoSaliencyNetwork
from cosod.models.checkpoints.packaged import packaged_file
from cosod.models.f3net import F3Net, F3NetConfig
from cosod.models.gconet import GCoNet, GCoNetConfig
from cosod.models.gconet_plus import GCoNetPlus, GCoNetPlusConfig
from cosod.models.gconet_plus_mobile import GCoNetPlusMobile, MobileConfig
from cosod.models.modules.layers import Undrawn
from cosod.models.saliency_mobile import SaliencyMobile, SaliencyMobileConfig
from cosod.models.ssnm import SSNM, SSNMConfig


@dataclass(frozen=True)
class Entry:
    """One network of the registry.

    Attributes:
        network: its class.
        config: the frozen dataclass of its options.
        description: one line for the list of networks.
        preset: the options that make this entry differ from others of the same class.
        packaged: file name of the weights that come with this package, where there are any.
    """

    network: type[CoSaliencyNetwork]
    config: type
    description: str
    preset: Mapping[str, Any] = field(default_factory=dict)
    packaged: str | None = None


REGISTRY: dict[str, Entry] = {
    "gconet": Entry(GCoNet, GCoNetConfig, "GCoNet (CVPR 2021) on VGG-16, images at 224."),
    "gconet_plus": Entry(
        GCoNetPlus,
        GCoNetPlusConfig,
        "GCoNet+ (TPAMI 2023) on VGG-16 with batch normalization, images at 256.",
        {"backbone": "vgg16_bn"},
    ),
    "gconet_plus_vgg16": Entry(
        GCoNetPlus, GCoNetPlusConfig, "GCoNet+ on VGG-16, without batch normalization.", {"backbone": "vgg16"}
    ),
    "gconet_plus_resnet50": Entry(GCoNetPlus, GCoNetPlusConfig, "GCoNet+ on ResNet-50.", {"backbone": "resnet50"}),
    "gconet_plus_mobile": Entry(
        GCoNetPlusMobile,
        MobileConfig,
        "The default network: a small GCoNet+ on EfficientNet-Lite0, images at 288.",
        packaged="gconet_plus_mobile.safetensors",
    ),
    "gconet_plus_accurate": Entry(
        GCoNetPlusMobile,
        MobileConfig,
        "A larger default network on EfficientNet-Lite2, images at 352: more accurate, at half the speed.",
        {"backbone": "efficientnet_lite2", "size": 352},
        packaged="gconet_plus_accurate.safetensors",
    ),
    "ssnm": Entry(
        SSNM,
        SSNMConfig,
        "SSNM (AAAI 2020) as the paper describes it, on VGG-16 with batch normalization, images at 224.",
        {"form": "paper", "backbone": "vgg16_bn"},
    ),
    "ssnm_reference": Entry(
        SSNM,
        SSNMConfig,
        "SSNM as in the published code and weights, with groups of five.",
        {"form": "reference", "backbone": "vgg16_bn"},
    ),
    "ssnm_mobile": Entry(SSNM, SSNMConfig, "SSNM on MobileNetV2.", {"backbone": "mobilenet_v2"}),
    **{
        f"ssnm_hrnet_w{width}": Entry(SSNM, SSNMConfig, f"SSNM on HRNetV2-W{width}.", {"backbone": f"hrnet_w{width}"})
        for width in (18, 32, 48)
    },
    "f3net": Entry(F3Net, F3NetConfig, "F3Net (AAAI 2020) for single images on ResNet-50, at 352."),
    "saliency_mobile": Entry(
        SaliencyMobile,
        SaliencyMobileConfig,
        "MobileNetV2 for single images at 224, trained on clicks.",
    ),
}


def names() -> list[str]:
    """Returns the names that :func:`create` knows.

    Example:
        >>> "gconet_plus" in names()
        True
    """
    return list(REGISTRY)


def entry(name: str) -> Entry:
    """Returns what is registered under a name.

    Raises:
        InputError: there is no network of that name; the message names the nearest one.

    Example:
        >>> entry("gconet").network.__name__
        'GCoNet'
    """
    if name not in REGISTRY:
        raise InputError(f"there is no network {name!r}; {nearest(name, REGISTRY)}")
    return REGISTRY[name]


def weights_file(name: str) -> Path | None:
    """Returns the weights file of a network that comes with this package, or ``None`` where there is none.

    Raises:
        InputError: an unknown name.

    Example:
        >>> weights_file("gconet") is None
        True
    """
    packaged = entry(name).packaged
    return None if packaged is None else packaged_file(packaged)


def create(name: str, **config: Any) -> CoSaliencyNetwork:
    """Creates a network with random weights, in training mode.

    Args:
        name: one of :func:`names`.
        config: options of the network's configuration, by name.

    Raises:
        InputError: the name or an option is unknown, or an option is out of range; the message names the nearest one.

    Example:
        >>> network = create("gconet_plus_mobile", size=128)
        >>> network.config.size
        128
    """
    found = entry(name)
    options = [f.name for f in fields(found.config)]
    for option in config:
        if option not in options:
            raise InputError(f"{name} has no option {option!r}; {nearest(option, options)}")
    return found.network(found.config(**{**found.preset, **config}))


def create_for_weights(name: str, **config: Any) -> CoSaliencyNetwork:
    """Creates a network like :func:`create`, but with undefined weights, for weights that are then loaded.

    Example:
        >>> network = create_for_weights("gconet_plus_mobile", size=128)
        >>> network.load_state_dict(create("gconet_plus_mobile").state_dict())
        <All keys matched successfully>
    """
    with Undrawn():
        return create(name, **config)


def name_of(network: CoSaliencyNetwork) -> str:
    """Returns the registered name of a network.

    Raises:
        InputError: its class is not registered.

    Example:
        >>> name_of(create("gconet_plus_mobile"))
        'gconet_plus_mobile'
    """
    # Entries with the most options in their preset come first, because an entry without a preset fits every network of
    # its class. A backbone that no entry has is an option of the entry that fits otherwise.
    for ignored in (("size",), ("size", "backbone")):
        for name, found in sorted(REGISTRY.items(), key=lambda pair: -len(pair[1].preset)):
            wanted = {key: value for key, value in found.preset.items() if key not in ignored}
            if type(network) is found.network and all(getattr(network.config, k) == v for k, v in wanted.items()):
                return name
    raise InputError(f"{type(network).__name__} is not among the registered networks: {', '.join(REGISTRY)}")
