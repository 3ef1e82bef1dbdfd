"""Errors that a user can act on: one sentence with the path, the cause and the way out."""

import difflib
from collections.abc import Iterable


class CosodError(Exception):
    """Base of all errors of this package; the command line prints the message and exits with 1."""


class InputError(CosodError):
    """A path, an image or an option that cannot be used as given."""


class ImageError(InputError):
    """One image that cannot be read; a run over many goes on without it and reports it at the end."""


class WeightsError(CosodError):
    """A weights file that is missing, damaged, or of another network."""


class DeviceError(CosodError):
    """A device that was asked for and is not there."""


class OutputError(CosodError):
    """A result that cannot be written."""


class TrainingError(CosodError):
    """A training run that cannot go on."""


class ExtraError(CosodError):
    """A feature that needs an optional dependency which is not installed."""

    def __init__(self, feature: str, extra: str):
        super().__init__(f"{feature} needs an optional dependency; install it with: pip install 'cosod[{extra}]'")


class AbsentObjectWarning(UserWarning):
    """The shared object is probably not in an image of which a cut-out or a thumbnail was asked for."""


class DamagedImageWarning(UserWarning):
    """An image that lacks a small part, as files do that were not copied to their end."""


class UniformImageWarning(UserWarning):
    """Images of one color, in which nothing can be found: their maps are empty."""


class SingleImageWarning(UserWarning):
    """A group of one image: nothing is shared, the map is plain saliency."""


def nearest(wanted: str, known: Iterable[str]) -> str:
    """Returns the end of a sentence about a name that there is not: the nearest one, else all that there are.

    Example:
        >>> nearest("acurate", ["default", "accurate"])
        "did you mean 'accurate'?"
        >>> nearest("x", ["default", "accurate"])
        'known are default, accurate'
    """
    known = list(known)
    close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
