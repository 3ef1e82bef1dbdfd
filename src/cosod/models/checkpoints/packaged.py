"""The files of the networks in the package, and their short names."""

from importlib import resources
from pathlib import Path

DEFAULT = "gconet_plus_mobile"
#: Short names of networks whose weights come with the package.
ALIASES = {"default": DEFAULT, "accurate": "gconet_plus_accurate"}


def packaged_file(name: str) -> Path:
    """Returns the path of a file in the package's folder of weights.

    Example:
        >>> packaged_file("gconet_plus_mobile.safetensors").is_file()
        True
    """
    return Path(str(resources.files("cosod"))) / "weights" / name
