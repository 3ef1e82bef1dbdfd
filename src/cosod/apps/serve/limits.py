"""How much one server takes in, keeps and works on."""

from dataclasses import dataclass

from cosod.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Bounds of the server; whatever is over one of them is refused, and nothing else is disturbed.

    Attributes:
        photos: photos in one group.
        file_bytes: bytes of one uploaded file, counted while they are read.
        group_bytes: bytes of all uploads of one group.
        total_bytes: bytes of all uploads of all groups.
        pixels: pixels of one photo; more are refused before the photo is decoded.
        groups: groups kept at once.
        waiting: jobs that may wait for the one that runs.
        keep_seconds: a group that nobody has asked about for so long is deleted.
        stall_seconds: a request whose body stops coming for so long is ended.
        small_bytes: body of a request that uploads no photos.
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
        """Bytes of the body of one upload. What is over the limits of a group is read and passed over, so that the
        photos before it are kept and the client hears why the others are not; a body without end is ended here.
        """
        return 8 * self.group_bytes

    def __post_init__(self):
        for name, value in vars(self).items():
            if value <= 0:
                raise InputError(f"limit {name} = {value}: give a positive number")
