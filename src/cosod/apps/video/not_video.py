"""The reason why a file cannot be opened as video, from its first bytes and the table of its container."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cosod.io.other_kinds import HEAD, TEXT, begins_as_text, other_kind

#: The reason if no other one is found.
UNKNOWN = "it is damaged, cut off, or of a codec that is not available here; convert it to MP4 with H.264"
_SOUND_ONLY = "it has sound but no pictures; give a file with pictures"
#: First bytes of files with sound alone.
_SOUND = (b"ID3", b"\xff\xfb", b"\xff\xf1", b"\xff\xf9", b"fLaC", b"#!AMR")
#: First bytes of a container, and the markers of its tracks of pictures and of sound.
_MARKS = (
    (b"RIFF", (b"vids", b"vidc"), (b"auds", b"WAVE")),
    (b"OggS", (b"\x80theora", b"OVP80", b"\x01video"), (b"vorbis", b"OpusHead", b"Speex", b"\x7fFLAC")),
    (b"\x1aE\xdf\xa3", (b"V_",), (b"A_",)),
    (
        b"\x30\x26\xb2\x75",  # ASF, the container of WMV and WMA
        (b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11",),
        (b"\x40\x9e\x69\xf8\x4d\x5b\xcf\x11",),
    ),
)
#: Number of bytes in which the tables of containers are searched.
_HEAD, _TABLE = 1 << 16, 64 << 20
#: Types of the first box of MP4 and QuickTime files.
_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")


def why_not_video(path: Path) -> str:
    """Returns why a file cannot be opened as video and what to do, as the end of a sentence.

    Args:
        path: path of a file that no decoder opens.

    Example:
        >>> why_not_video(Path("empty.mp4"))  # doctest: +SKIP
        'it is empty; download or copy the file again'
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            return _why(file, head) or UNKNOWN
    except PermissionError:
        return "it may not be read; check its permissions"
    except OSError as error:
        return f"it cannot be read ({error.strerror or error}); check the file and the disk"


def _why(file: BinaryIO, head: bytes) -> str | None:
    if head[4:8] in _BOXES:
        return _why_mp4(file)
    for start, pictures, sound in _MARKS:
        if head.startswith(start):
            has_sound, has_pictures = (any(mark in head for mark in marks) for marks in (sound, pictures))
            return _SOUND_ONLY if has_sound and not has_pictures else None
    if head.startswith(_SOUND):
        return _SOUND_ONLY
    other = other_kind(head[:HEAD]) or (TEXT if begins_as_text(head[:HEAD]) else None)
    return other and f"it is {other.what}; {other.way_out or 'give the video itself'}"


def _why_mp4(file: BinaryIO) -> str | None:
    """Returns why an MP4 or QuickTime file cannot be opened: its table of tracks is missing, or has sound only."""
    for kind, size in _boxes(file):
        if kind in (b"moov", b"moof"):
            table = file.read(min(size, _TABLE))
            return _SOUND_ONLY if b"soun" in table and b"vide" not in table else None
    return "its table of frames is missing, so it was cut off or is still being written; copy it again when it is done"


def _boxes(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yields type and size of the outer boxes of an MP4 file, which is at the start of the content of the box."""
    end = file.seek(0, 2)
    place = 0
    while place + 8 <= end:
        file.seek(place)
        header = file.read(16)
        size, used = int.from_bytes(header[:4], "big"), 8
        if size == 1:  # the size follows in eight bytes
            size, used = int.from_bytes(header[8:16], "big"), 16
        elif size == 0:  # the box extends to the end of the file
            size = end - place
        if size < used:
            return
        file.seek(place + used)
        yield header[4:8], size - used
        place += size
