"""What a run over groups says when it ends."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields


@dataclass
class Summary:
    """Of one run: counts, the images that could not be read, with the reason, those without the object, and results
    whose photos are gone.
    """

    groups: int = 0
    skipped_groups: int = 0
    images: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    absent: list[dict] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @classmethod
    def of_parts(cls, parts: "Iterable[Summary]") -> "Summary":
        """Returns the summary of one group that was done in parts.

        Example:
            >>> Summary.of_parts([Summary(groups=1, images=500), Summary(skipped_groups=1)])
            Summary(groups=1, skipped_groups=0, images=500, failed=[], absent=[], stale=[], seconds=0.0)
        """
        parts = list(parts)
        whole = sum(parts, cls())
        whole.groups, whole.skipped_groups = min(whole.groups, 1), int(whole.skipped_groups == len(parts))
        return whole

    def as_dict(self) -> dict:
        rate = self.images / self.seconds if self.seconds else 0.0
        return asdict(self) | {"seconds": round(self.seconds, 3), "images_per_second": round(rate, 2)}
