"""The summary of a run over groups of photos or video clips."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields

#: Kinds of failures of clips: the whole clip could not be read, or a part of it is damaged.
CLIP, PART = "clip", "part of a clip"


@dataclass
class Summary:
    """The summary of one run: what was processed, and what the user should know about. Summaries can be added.

    Attributes:
        groups, skipped_groups: number of groups that were processed, and of those that were finished already; video
            clips are included.
        images: number of images that were processed; frames of clips are included.
        failed: for each photo or clip that could not be read, a dictionary with ``group``, ``image`` and ``error``;
            those of clips also have ``kind``, which is :data:`CLIP` or :data:`PART`.
        absent: for each image that probably does not show the object, a dictionary with ``group``, ``image`` and
            ``presence``; those of frames of a clip also have the number of the frame, ``frame``.
        stale: paths of results whose photos are gone.
        seconds: duration of the run.
        clips, skipped_clips, frames: how many of ``groups``, ``skipped_groups`` and ``images`` are clips and frames.

    Example:
        >>> (Summary(groups=1, images=3) + Summary(groups=1, images=2)).images
        5
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
        """Returns the summary of one group that was processed in parts.

        Example:
            >>> whole = Summary.of_parts([Summary(groups=1, images=500), Summary(skipped_groups=1)])
            >>> whole.groups, whole.skipped_groups, whole.images
            (1, 0, 500)
        """
        parts = list(parts)
        whole = sum(parts, cls())
        whole.groups, whole.skipped_groups = min(whole.groups, 1), int(0 < whole.skipped_groups == len(parts))
        return whole

    def as_dict(self) -> dict:
        """Returns the summary as values that JSON can hold, with ``images_per_second`` added."""
        rate = self.images / self.seconds if self.seconds else 0.0
        return asdict(self) | {"seconds": round(self.seconds, 3), "images_per_second": round(rate, 2)}
