"""Input and output: finding groups of photos, reading images, preparing them for a network, and writing files."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosod.io.images import read_image
    from cosod.io.photo_groups import Group, find_groups

__all__ = ["Group", "find_groups", "read_image"]

# These names are imported when they are first used, so that the command line can read :mod:`cosod.io.limits` without
# waiting for the modules that open images.
_WHERE = {
    "Group": "cosod.io.photo_groups",
    "find_groups": "cosod.io.photo_groups",
    "read_image": "cosod.io.images",
}


def __getattr__(name: str):
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'cosod.io' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Returns the public names, for completion, including those that are not imported yet."""
    return sorted(__all__)
