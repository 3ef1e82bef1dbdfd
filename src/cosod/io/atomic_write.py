"""Writing files whole or not at all."""

import contextlib
import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosod.errors import CosodError, OutputError
from cosod.io import storage, write_guard


@contextlib.contextmanager
def whole(path: str | os.PathLike | Any) -> Iterator[Path]:
    """Yields a temporary local path that replaces ``path`` when the block ends without an error.

    The folder is made where it is missing. After an error, Ctrl-C included, the temporary file is gone and
    what stood at ``path`` before is untouched. May be used by many threads and processes at once.

    Args:
        path: a path, or the URL or ``UPath`` of an object in a store (see :mod:`cosod.io.storage`).

    Raises:
        OutputError: the folder or the file cannot be written (read-only, no space left, ...).
        InputError: ``path`` is a protected input, see :mod:`cosod.io.write_guard`.

    Example:
        >>> with whole("map.png") as temporary:  # doctest: +SKIP
        ...     temporary.write_bytes(data)
    """
    path = storage.as_path(path)
    write_guard.check(path)
    with _whole_object(path) if storage.is_remote(path) else _whole_file(path) as temporary:
        yield temporary


@contextlib.contextmanager
def _whole_file(path: Path) -> Iterator[Path]:
    temporary = path.parent / f".{secrets.token_hex(8)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)  # with the rights that new files get here
        rights = temporary.stat().st_mode
        yield temporary
        temporary.chmod(rights)  # a library that puts a file of its own in its place may have kept it to the user
        temporary.replace(path)
    except OSError as error:
        way_out = "shorten the name" if error.errno == errno.ENAMETOOLONG else "check space and permissions"
        raise OutputError(f"cannot write {path}: {error.strerror or error}; {way_out}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _whole_object(path: Any) -> Iterator[Path]:
    """Does the same in a store, which shows an object once it is there whole: written here, then put there."""
    try:
        with tempfile.TemporaryDirectory(prefix="cosod-") as folder:
            temporary = Path(folder) / "whole"
            temporary.touch()
            yield temporary
            _put(temporary, path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; check the space for temporary files"
        ) from error


def _put(file: Path, path: Any) -> None:
    try:
        storage.put(file, path)
    except CosodError:
        raise
    except Exception as error:  # stores raise errors of their own kinds
        raise OutputError(f"cannot write {path}: {error}; check its name and your credentials") from error


def write_text(path: str | os.PathLike | Any, text: str) -> None:
    """Writes ``text`` as UTF-8 to ``path``, whole or not at all.

    Bytes of file names that are not UTF-8 are written as ``\\udcff``, which is what JSON reads them from.

    Example:
        >>> write_text("notes.txt", "whole or not at all")  # doctest: +SKIP
    """
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(path: str | os.PathLike | Any, data: bytes) -> None:
    """Writes ``data`` to ``path``, whole or not at all.

    Example:
        >>> write_bytes("map.png", data)  # doctest: +SKIP
    """
    with whole(path) as temporary:
        temporary.write_bytes(data)
