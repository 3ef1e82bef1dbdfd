"""What a file is that is not of the kind that its name or its place promises, judged by its first bytes."""

from pathlib import Path
from typing import NamedTuple

#: Number of first bytes by which files are judged.
HEAD = 2048


class OtherKind(NamedTuple):
    """A kind of file that is neither an image, a video nor weights.

    Attributes:
        what: the end of a sentence that begins with "it is".
        way_out: what to do; None if only another file helps.
    """

    what: str
    way_out: str | None = None


#: What to do with files that cannot be used as they are.
AGAIN = "download or copy the file again"
UNPACK = "unpack it first"
EMPTY = OtherKind("empty", AGAIN)
ZIP = OtherKind("a ZIP archive", UNPACK)
TEXT = OtherKind("a text file")
_SIGNATURES = (
    (
        b"version https://git-lfs",
        OtherKind("a pointer of Git LFS, which stands for the file", "fetch it with: git lfs pull"),
    ),
    (b"PK\x03\x04", ZIP),
    (b"Rar!", OtherKind("a RAR archive", UNPACK)),
    (b"7z\xbc\xaf", OtherKind("a 7z archive", UNPACK)),
    (b"\x1f\x8b\x08", OtherKind("a gzip archive", UNPACK)),
    (b"BZh", OtherKind("a bzip2 archive", UNPACK)),
    (b"%PDF", OtherKind("a PDF document")),
    (b"\x89HDF", OtherKind("an HDF5 file, as Keras and MATLAB write")),
)
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")
_MESSAGE = (b"<?xml", b"<error", b'{"', b"{'")


def other_kind(head: bytes) -> OtherKind | None:
    """Returns what a file is if its first bytes show that it is neither an image, a video nor weights, else None.

    Plain text is not recognized here, because some images and weights begin as text; see :func:`begins_as_text`.

    Args:
        head: the first :data:`HEAD` bytes of the file.

    Example:
        >>> other_kind(b"<!DOCTYPE html><html>").way_out
        'open the address in a browser and download the file itself'
    """
    if not head:
        return EMPTY
    if not any(head):
        return OtherKind("all zeros at its beginning, as an unfinished download is", AGAIN)
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[257:262] == b"ustar":
        return OtherKind("a TAR archive", UNPACK)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(_PAGE) or b"<html" in text:
        return OtherKind(
            "a web page, as is saved when a download asks for confirmation or fails",
            "open the address in a browser and download the file itself",
        )
    if text.startswith(_MESSAGE):
        return OtherKind("a message of the server, not the file", "download the file itself")
    return None


def other_kind_of(path: Path) -> OtherKind | None:
    """Returns :func:`other_kind` of a file.

    Raises:
        OSError: the file cannot be read.

    Example:
        >>> other_kind_of(Path("page.html"))  # doctest: +SKIP
    """
    with path.open("rb") as file:
        return other_kind(file.read(HEAD))


def begins_as_text(head: bytes) -> bool:
    """Returns whether the first bytes of a file are text, whose last character may be incomplete.

    Text has printable characters, line breaks, form feeds, tabs and byte order marks.

    Example:
        >>> begins_as_text("für".encode()[:2]), begins_as_text(bytes(9))
        (True, False)
    """
    text = head.decode("utf-8", "ignore")
    printable = all(character.isprintable() or character in "\t\r\n\f\ufeff" for character in text)
    return printable and len(text.encode()) >= len(head) - 3
