"""What the applications do with photos in which the shared object is not there."""

import warnings

from cosod.errors import AbsentObjectWarning, InputError
from cosod.inference.presence import ABSENT, Calibration
from cosod.io.wording import hundredths

#: ``keep`` treats them as any other photo, ``report`` names them and gives them no label, ``blank`` also shows no
#: object in them.
ABSENT_KINDS = ("keep", "blank", "report")
#: Of cut-outs and thumbnails.
DEFAULT = "report"


def check_absent(kind: str) -> None:
    """Raises InputError for a word that is none of :data:`ABSENT_KINDS`."""
    if kind not in ABSENT_KINDS:
        raise InputError(f"absent {kind!r}: give one of {', '.join(ABSENT_KINDS)}")


def check_calibrated(calibration: Calibration | None, kind: str) -> None:
    """Raises InputError where ``kind`` needs presence scores, and the network has no calibration of them."""
    if kind != "keep" and calibration is None:
        raise InputError(
            f"--absent {kind} needs presence scores, for which these weights are not calibrated; use the "
            "default network, or calibrate them with tools/calibrate_presence.py"
        )


def is_absent(presence: float | None, kind: str) -> bool:
    """Whether a photo is to be treated as one without the object.

    Args:
        presence: probability that the object is in the photo; None where it is not known, which counts as present.
        kind: one of :data:`ABSENT_KINDS`; ``keep`` treats no photo so.

    Example:
        >>> is_absent(0.02, "report"), is_absent(0.02, "keep")
        (True, False)
    """
    return kind != "keep" and presence is not None and presence < ABSENT


def absence_note(presence: float, kind: str) -> str:
    """Returns the note for the user on a photo without the object."""
    done = "nothing is shown of it" if kind == "blank" else "check the result"
    return f"the shared object is probably not in this photo (presence {hundredths(presence)}): {done}"


def warn_absent(index: int, presence: float, kind: str) -> None:
    """Issues an :class:`~cosod.errors.AbsentObjectWarning` for image ``index`` of a call in Python."""
    warnings.warn(f"image {index}: {absence_note(presence, kind)}", AbsentObjectWarning, stacklevel=3)
