"""Writing files atomically: a file appears complete or not at all."""

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
    """Yields the path of a temporary local file that replaces ``path`` when the block ends without an error.

    Missing folders are created. After an error (or Ctrl-C), the temporary file is removed, and a file that existed at
    ``path`` stays as it was. Many threads and processes may use the function at the same time.

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
        temporary.touch(exist_ok=False)  # the file gets the default permissions of new files in this folder
        rights = temporary.stat().st_mode
        yield temporary
        temporary.chmod(rights)  # a library that replaced the file by its own may have restricted the permissions
        temporary.replace(path)
    except OSError as error:
        way_out = "shorten the name" if error.errno == errno.ENAMETOOLONG else "check space and permissions"
        raise OutputError(f"cannot write {path}: {error.strerror or error}; {way_out}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _whole_object(path: Any) -> Iterator[Path]:
    """Does the same as :func:`_whole_file` in an object store: the file is written locally, then uploaded at once."""
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
    """Writes text as UTF-8 to a file, whole or not at all.

    Surrogates, by which Python represents bytes of file names that are not valid UTF-8, are written as escape sequences
    such as ``\\udcff``, which JSON readers turn back into the same surrogates.

    Args:
        path: as for :func:`whole`.
        text: content of the file.

    Raises:
        OutputError: the file cannot be written.
        InputError: ``path`` is a protected input.

    Example:
        >>> write_text("notes.txt", "whole or not at all")  # doctest: +SKIP
    """
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_bytes(path: str | os.PathLike | Any, data: bytes) -> None:
    """Writes bytes to a file, whole or not at all.

    Args:
        path: as for :func:`whole`.
        data: content of the file.

    Raises:
        OutputError: the file cannot be written.
        InputError: ``path`` is a protected input.

    Example:
        >>> write_bytes("map.png", data)  # doctest: +SKIP
    """
    with whole(path) as temporary:
        temporary.write_bytes(data)
