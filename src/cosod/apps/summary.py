"""What a run over groups says when it ends."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

#: The kinds of failures of clips: the whole clip could not be read, or something is wrong with a part of it.
CLIP, PART = "clip", "part of a clip"


@dataclass
class Summary:
    """Of one run: counts, what could not be read, with the reason, images without the object, and results whose photos
    are gone.

    Attributes:
        groups, skipped_groups: groups that were done, and those that were finished already; clips are among them.
        images: images that were done; frames of clips are among them.
        failed: for each photo or clip that could not be read ``group``, ``image`` and ``error``; those of clips also
            have ``kind``, :data:`CLIP` or :data:`PART`.
        absent: for each image that probably does not show the object ``group``, ``image`` and ``presence``; where it
            is one of a clip also its number, ``frame``.
        clips, skipped_clips, frames: how many of the groups and images are clips and their frames.
    """

    groups: int = 0
    skipped_groups: int = 0
    images: int = 0
    failed: list[dict[str, str]] = field(default_factory=list)
    absent: list[dict] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    seconds: float = 0.0
    clips: int = 0
    skipped_clips: int = 0
    frames: int = 0

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @classmethod
    def of_parts(cls, parts: "Iterable[Summary]") -> "Summary":
        """Returns the summary of one group that was done in parts.

        Example:
            >>> whole = Summary.of_parts([Summary(groups=1, images=500), Summary(skipped_groups=1)])
            >>> whole.groups, whole.skipped_groups, whole.images
            (1, 0, 500)
        """
        parts = list(parts)
        whole = sum(parts, cls())
        whole.groups, whole.skipped_groups = min(whole.groups, 1), int(whole.skipped_groups == len(parts))
        return whole

    def as_dict(self) -> dict:
        rate = self.images / self.seconds if self.seconds else 0.0
        return asdict(self) | {"seconds": round(self.seconds, 3), "images_per_second": round(rate, 2)}
