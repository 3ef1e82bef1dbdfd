"""The networks: made by name, loaded from files, and converted from published checkpoints."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosod.models.checkpoints.hub import from_pretrained, push_to_hub
    from cosod.models.checkpoints.loading import load
    from cosod.models.checkpoints.pretrained_folder import save_pretrained
    from cosod.models.checkpoints.published import from_published, to_published
    from cosod.models.checkpoints.safetensors_file import save
    from cosod.models.gconet import GCoNet, GCoNetConfig
    from cosod.models.gconet_plus import GCoNetPlus, GCoNetPlusConfig
    from cosod.models.gconet_plus_mobile import GCoNetPlusMobile, MobileConfig
    from cosod.models.registry import create, names
    from cosod.models.ssnm import SSNM, SSNMConfig

__all__ = [
    "SSNM",
    "GCoNet",
    "GCoNetConfig",
    "GCoNetPlus",
    "GCoNetPlusConfig",
    "GCoNetPlusMobile",
    "MobileConfig",
    "SSNMConfig",
    "create",
    "from_pretrained",
    "from_published",
    "load",
    "names",
    "push_to_hub",
    "save",
    "save_pretrained",
    "to_published",
]

# Imported when first used, because the constants of networks, and their names, are needed where PyTorch is not.
_WHERE = {
    "from_pretrained": "cosod.models.checkpoints.hub",
    "push_to_hub": "cosod.models.checkpoints.hub",
    "save_pretrained": "cosod.models.checkpoints.pretrained_folder",
    "from_published": "cosod.models.checkpoints.published",
    "to_published": "cosod.models.checkpoints.published",
    "load": "cosod.models.checkpoints.loading",
    "save": "cosod.models.checkpoints.safetensors_file",
    "GCoNet": "cosod.models.gconet",
    "GCoNetConfig": "cosod.models.gconet",
    "GCoNetPlus": "cosod.models.gconet_plus",
    "GCoNetPlusConfig": "cosod.models.gconet_plus",
    "GCoNetPlusMobile": "cosod.models.gconet_plus_mobile",
    "MobileConfig": "cosod.models.gconet_plus_mobile",
    "create": "cosod.models.registry",
    "names": "cosod.models.registry",
    "SSNM": "cosod.models.ssnm",
    "SSNMConfig": "cosod.models.ssnm",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'cosod.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, for completion, including those that are not imported yet."""
    return sorted(__all__)
