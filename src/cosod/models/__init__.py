"""The networks: made by name, loaded from files, and converted from published checkpoints."""

from cosod.models.checkpoints.hub import from_pretrained, push_to_hub
from cosod.models.checkpoints.pretrained_folder import save_pretrained
from cosod.models.checkpoints.published import from_published, to_published
from cosod.models.checkpoints.safetensors_file import load, save
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
