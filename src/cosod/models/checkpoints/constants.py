"""Constants that were fitted to the weights of a network, and belong to them."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Self

from cosod.errors import WeightsError


@dataclasses.dataclass(frozen=True)
class Constants:
    """Base of frozen dataclasses of floats that were fitted to a network and are kept in its weights file's metadata.

    Attributes:
        entry: name in the metadata; ``tools/calibrate_<entry>.py`` fits the constants.
    """

    entry: ClassVar[str]

    @classmethod
    def read(cls, extra: Mapping) -> Self | None:
        """Reads the constants from the extra values of a weights file; returns None if there are none.

        Raises:
            WeightsError: the entry is not what :meth:`as_dict` makes.
        """
        found = extra.get(cls.entry)
        if found is None:
            return None
        needed = {f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
        try:
            if not needed <= set(found) <= {f.name for f in dataclasses.fields(cls)}:
                raise ValueError
            return cls(**{name: float(value) for name, value in found.items() if value is not None})
        except (AttributeError, TypeError, ValueError):
            raise WeightsError(
                f"the weights file's entry {cls.entry!r} is damaged; run tools/calibrate_{cls.entry}.py again"
            ) from None

    def as_dict(self) -> dict[str, float]:
        """Returns the constants for the metadata of a weights file."""
        return dataclasses.asdict(self)
