"""Paths on this machine and in object stores: URLs (with ``://``) are opened through fsspec, other paths by pathlib."""

import contextlib
import io
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cosod.errors import ExtraError, InputError

#: Beginning of a URL. A scheme has at least two characters, so that ``C://photos`` is taken for a folder.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")
#: URL scheme -> the package that opens it. The packages for S3 and Google come with the extra ``cloud``.
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
#: Keys under which stores give the version or the time of an object, the most reliable ones first.
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime", "created")
#: Seconds to wait before the second and the third attempt of a request.
_PAUSES = (0.5, 2.0)
#: Errors after which a request is not repeated, because they would occur again.
_FINAL = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError, ImportError)


class Entry(NamedTuple):
    """An entry of a folder in an object store.

    Attributes:
        name: name of the entry without the path of the folder; never empty, and never with a ``/``.
        is_folder: whether the entry is a folder.
        size: size of the object in bytes; None if the store does not give it.
        version: a value that changes when the object does; None if the store does not give one.
    """

    name: str
    is_folder: bool
    size: int | None
    version: str | None


def as_path(path: Any) -> Any:
    """Returns a :class:`pathlib.Path`, or a ``upath.UPath`` for a URL; ``file://`` becomes a plain path.

    Args:
        path: a string, a path-like object, or a ``UPath``.

    Raises:
        ExtraError: ``path`` is a URL, and the extra ``cloud`` is not installed.
        InputError: ``path`` is a URL that cannot be opened, for instance because its scheme is unknown or the package
            for it is not installed.

    Example:
        >>> as_path("photos").name
        'photos'
    """
    if isinstance(path, str) and _URL.match(path):
        path = _from_url(path)
    return Path(path) if isinstance(path, str | os.PathLike) else path


def is_remote(path: Any) -> bool:
    """Returns whether ``path`` is a ``UPath`` that does not lie on the file system of this machine.

    Example:
        >>> is_remote(Path("photos"))
        False
    """
    upath = sys.modules.get("upath")  # without this module no value can be a UPath
    return upath is not None and isinstance(path, upath.UPath) and not isinstance(path, os.PathLike)


def nothing_at(path: Any, wanted: str) -> str:
    """Returns the error message on a path at which nothing exists: it is a broken link, or is missing.

    Args:
        path: path on this machine or in an object store.
        wanted: the kind of thing that was expected at the path, for instance ``"file"``.

    Example:
        >>> nothing_at(Path("photos/none.jpg"), "file")
        'photos/none.jpg: no such file; check the path'
    """
    link = not is_remote(path) and path.is_symlink()
    found = "a link to a file that does not exist" if link else f"no such {wanted}"
    return f"{path}: {found}; check the path"


def _from_url(url: str) -> Any:
    try:
        from upath import UPath
    except ImportError:
        raise ExtraError(url, "cloud") from None
    try:
        path = UPath(url)
        _ = path.fs
    except ImportError as error:
        package = _PACKAGES.get(url.partition("://")[0].lower())
        how = f"install it with: pip install {package}" if package else "install that by pip"
        raise InputError(f"{url}: its kind of store needs one more package ({error}); {how}") from error
    except Exception as error:
        raise InputError(f"{url}: cannot be opened ({error}); give a folder, or a URL as s3://bucket/folder") from error
    return path


def kind(path: Any) -> str | None:
    """Returns ``"folder"``, ``"file"``, or None if nothing exists at the path.

    Raises:
        InputError: the object store cannot be reached or denies access.

    Example:
        >>> kind(Path("photos/none.jpg")) is None
        True
    """
    if not is_remote(path):
        return "folder" if path.is_dir() else "file" if path.exists() else None
    try:
        path.fs.invalidate_cache(path.parent.path)
        found = _patiently(lambda: path.fs.info(path.path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as error:
        raise InputError(f"{path}: cannot be opened ({error}); check its name and your credentials") from error
    return "folder" if found["type"] == "directory" else "file"


def entries(folder: Any, hidden: Collection[str] = ()) -> list[Entry]:
    """Lists the current entries of a folder in an object store, sorted by name.

    Hidden entries, the marker object of the folder itself, and keys that no file system could store (``a//b``,
    ``a/../b``) are left out, so that no name leads out of the folder.

    Args:
        folder: the folder as a ``UPath``.
        hidden: names that are listed although they begin with a dot.

    Returns:
        The entries; an empty list if there is no such folder.

    Raises:
        InputError: the folder cannot be listed.

    Example:
        >>> names = [entry.name for entry in entries(as_path("s3://bucket/photos"))]  # doctest: +SKIP
    """
    fs, prefix = folder.fs, folder.path.rstrip("/") + "/"
    try:
        fs.invalidate_cache(folder.path)
        listing = _patiently(lambda: fs.ls(folder.path, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except Exception as error:
        raise InputError(f"{folder}: cannot be listed ({error}); check its name and your credentials") from error
    found = []
    for info in listing:
        name = info["name"].removeprefix(prefix).removesuffix("/")
        if (name.startswith(".") and name not in hidden) or "/" in name or not name:
            continue
        version = next((str(info[key]) for key in _VERSIONS if info.get(key) is not None), None)
        found.append(Entry(name, info["type"] == "directory", info.get("size"), version))
    return sorted(found, key=lambda entry: (entry.name, entry.is_folder))


def all_there(paths: Iterable[Any]) -> bool:
    """Returns whether every path exists. In an object store, each folder is listed only once.

    Raises:
        InputError: a folder in an object store cannot be listed.

    Example:
        >>> all_there([])
        True
    """
    listed: dict[Any, set[str]] = {}
    for path in paths:
        if not is_remote(path):
            if not path.exists():
                return False
            continue
        if path.parent not in listed:
            listed[path.parent] = {entry.name for entry in entries(path.parent)}
        if path.name not in listed[path.parent]:
            return False
    return True


def open_binary(path: Any) -> BinaryIO:
    """Opens a file for reading in binary mode; an object in a store is fetched as a whole, in one request.

    Raises:
        OSError: the file cannot be opened, see :meth:`pathlib.Path.open`.
        InputError: the object store does not answer any of three attempts.

    Example:
        >>> with open_binary(Path("photo.jpg")) as file:  # doctest: +SKIP
        ...     data = file.read()
    """
    return io.BytesIO(fetch(path)) if is_remote(path) else path.open("rb")


def fetch(path: Any) -> bytes:
    """Fetches the bytes of an object in a store; raises the same errors as :func:`open_binary`.

    Example:
        >>> data = fetch(as_path("s3://bucket/photo.jpg"))  # doctest: +SKIP
    """
    try:
        return _patiently(lambda: path.fs.cat_file(path.path))
    except (*_FINAL, InputError):
        raise
    except Exception as error:
        raise InputError(
            f"{path}: cannot be fetched ({error}); check connection and credentials and run again, "
            "what is finished is kept"
        ) from error


def put(file: Path, path: Any) -> None:
    """Copies a local file to an object store, where it appears complete or not at all.

    Args:
        file: the local file.
        path: the object to write, as a ``UPath``.

    Raises:
        Exception: the object cannot be written; stores raise errors of their own kinds.

    Example:
        >>> put(Path("map.png"), as_path("s3://bucket/map.png"))  # doctest: +SKIP
    """
    try:
        _patiently(lambda: path.fs.put_file(str(file), path.path))
    except FileNotFoundError:  # some stores have real folders, which must exist first
        path.fs.makedirs(path.parent.path, exist_ok=True)
        _patiently(lambda: path.fs.put_file(str(file), path.path))


def _patiently(call: Callable[[], Any]) -> Any:
    """Calls a function up to three times, unless it raises one of :data:`_FINAL`."""
    for pause in _PAUSES:
        try:
            return call()
        except _FINAL:
            raise
        except Exception:  # stores raise errors of their own kinds
            time.sleep(pause)
    return call()


def remove(path: Any) -> None:
    """Removes a file, on this machine or in an object store; a missing file is not an error.

    Example:
        >>> remove(Path("photos/none.jpg"))
    """
    if not is_remote(path):
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):
        path.fs.rm_file(path.path)
