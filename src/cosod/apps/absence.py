"""How the applications treat photos that probably do not show the shared object."""

import warnings
from typing import Final, TypeGuard

from cosod.errors import AbsentObjectWarning, InputError
from cosod.io.wording import hundredths

#: Presence below which the object is absent.
ABSENT = 0.5

#: How such photos are treated: ``keep`` treats them as any other photo; ``report`` lists them in the summary and gives
#: them no label; ``blank`` does so too, and shows no object in their results.
ABSENT_KINDS = ("keep", "blank", "report")
#: The default of cut-outs and thumbnails.
DEFAULT: Final = "report"


def check_absent(kind: str) -> None:
    """Checks that a word is one of :data:`ABSENT_KINDS`.

    Raises:
        InputError: it is another word.

    Example:
        >>> check_absent("report")
    """
    if kind not in ABSENT_KINDS:
        raise InputError(f"absent {kind!r}: give one of {', '.join(ABSENT_KINDS)}")


def check_calibrated(calibration: object | None, kind: str) -> None:
    """Checks that a network has the calibrated presence scores that a treatment of absent objects needs.

    Args:
        calibration: calibration of the presence scores of the network; None if there is none.
        kind: one of :data:`ABSENT_KINDS`; all but ``keep`` need a calibration.

    Raises:
        InputError: the calibration is needed, and there is none.

    Example:
        >>> check_calibrated(None, "keep")
    """
    if kind != "keep" and calibration is None:
        raise InputError(
            f"--absent {kind} needs presence scores, for which these weights are not calibrated; leave "
            "--absent out, or use a network of the package (--model default or accurate)"
        )


def is_absent(presence: float | None, kind: str) -> TypeGuard[float]:
    """Returns whether a photo is treated as one that does not show the object.

    Args:
        presence: probability that the object is in the photo; None, if it is not known, counts as present.
        kind: one of :data:`ABSENT_KINDS`; with ``keep``, the function always returns false.

    Example:
        >>> is_absent(0.02, "report"), is_absent(0.02, "keep")
        (True, False)
    """
    return kind != "keep" and presence is not None and presence < ABSENT


def absence_note(presence: float, kind: str) -> str:
    """Returns the note for the user about a photo that probably does not show the object.

    Example:
        >>> absence_note(0.02, "report")
        'the shared object is probably not in this photo (presence 0.02): check the result'
    """
    done = "nothing is shown of it" if kind == "blank" else "check the result"
    return f"the shared object is probably not in this photo (presence {hundredths(presence)}): {done}"


def warn_absent(index: int, presence: float, kind: str) -> None:
    """Issues an :class:`~cosod.errors.AbsentObjectWarning` about an image that was passed to a Python function.

    Args:
        index: index of the image in the call.
        presence: probability that the object is in the image.
        kind: one of :data:`ABSENT_KINDS`.

    Example:
        >>> warn_absent(1, 0.02, "report")  # doctest: +SKIP
    """
    warnings.warn(f"image {index}: {absence_note(presence, kind)}", AbsentObjectWarning, stacklevel=3)
