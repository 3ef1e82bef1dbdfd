"""The files of the networks in the package, and their short names."""

import contextlib
import os
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from cosod.errors import WeightsError

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


@contextlib.contextmanager
def packaged_arrays(path: str | os.PathLike, framework: str) -> Iterator[Any]:
    """Opens a safetensors file of the package, and reports what is wrong with it.

    Args:
        path: path of the file.
        framework: library of the arrays, ``numpy`` or ``pt``.

    Yields:
        The open file, a ``safetensors.safe_open``.

    Raises:
        WeightsError: the file is missing or damaged, or the block raises ValueError because of its contents.

    Example:
        >>> with packaged_arrays(packaged_file("gconet_plus_mobile.safetensors"), "numpy") as file:
        ...     file.get_tensor("mean32").shape
        (1, 320, 1, 1)
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged ({error}); install the package again") from error
