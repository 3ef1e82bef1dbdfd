"""Limits of the server on uploads, memory and jobs."""

from dataclasses import dataclass

from cosod.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Limits of the server. A request beyond a limit is refused, and other requests are not affected.

    Attributes:
        photos: maximum number of photos of a group.
        file_bytes: maximum number of bytes of an uploaded file, counted while it is read.
        group_bytes: maximum number of bytes of all uploads of a group.
        total_bytes: maximum number of bytes of all uploads of all groups.
        pixels: maximum number of pixels of a photo; larger ones are refused before they are decoded.
        groups: maximum number of groups.
        waiting: maximum number of waiting jobs.
        keep_seconds: number of seconds after the last request for a group when it is deleted.
        stall_seconds: number of seconds without data after which an upload is ended.
        small_bytes: maximum number of bytes of a body without photos.
    """

    photos: int = 200
    file_bytes: int = 50 << 20
    group_bytes: int = 500 << 20
    total_bytes: int = 4 << 30
    pixels: int = 50_000_000
    groups: int = 50
    waiting: int = 8
    keep_seconds: float = 3600.0
    stall_seconds: float = 30.0
    small_bytes: int = 4 << 20

    @property
    def upload_bytes(self) -> int:
        """Maximum number of bytes of the body of one upload.

        Photos beyond the limits of a group are read and discarded, so that the photos before them are kept, and the
        client learns why the others are refused. This limit ends endless bodies.
        """
        return 8 * self.group_bytes

    def __post_init__(self):
        for name, value in vars(self).items():
            if value <= 0:
                raise InputError(f"limit {name} = {value}: give a positive number")
