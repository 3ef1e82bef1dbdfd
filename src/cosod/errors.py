"""Errors that a user can act on: one sentence with the path, the cause and the way out."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


class CosodError(Exception):
    """Base class of all errors of this package; the command line prints the message and exits with code 1."""


class InputError(CosodError):
    """Raised for a path, an image or an option that cannot be used as given."""


class ImageError(InputError):
    """Raised for an image that cannot be read; a run over many images skips it and reports it at the end."""


class WeightsError(CosodError):
    """Raised for a weights file that is missing, damaged, or of another network."""


class DeviceError(CosodError):
    """Raised for a device that is not available."""


class OutputError(CosodError):
    """Raised for a result that cannot be written."""


class TrainingError(CosodError):
    """Raised for a training run that cannot continue."""


class ExtraError(CosodError):
    """Raised for a feature whose optional dependency is not installed."""

    def __init__(self, feature: str, extra: str):
        super().__init__(f"{feature} needs an optional dependency; install it with: pip install 'cosod[{extra}]'")


def import_extra(module: str, feature: str, extra: str) -> ModuleType:
    """Imports a module of an optional dependency.

    Args:
        module: name of the module.
        feature: what needs it, for the message.
        extra: the extra of the package that installs it.

    Raises:
        ExtraError: the module cannot be imported.

    Example:
        >>> import_extra("json", "reading JSON", "none").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ExtraError(feature, extra) from error


class AbsentObjectWarning(UserWarning):
    """Issued if an image for a cut-out or a thumbnail probably does not show the shared object."""


class DamagedImageWarning(UserWarning):
    """Issued for an image that lacks a small part, for instance because the file was not copied completely."""


class UniformImageWarning(UserWarning):
    """Issued for images of a single color, whose maps are empty."""


class SingleImageWarning(UserWarning):
    """Issued for a group of one image, which shares nothing; its map shows plain saliency."""


def nearest(wanted: str, known: Iterable[str]) -> str:
    """Returns the end of an error message about an unknown name: the nearest known name, or all of them.

    Example:
        >>> nearest("acurate", ["default", "accurate"])
        "did you mean 'accurate'?"
        >>> nearest("x", ["default", "accurate"])
        'known are default, accurate'
    """
    known = list(known)
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
