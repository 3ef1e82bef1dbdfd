"""Paths on this machine and in object stores: whatever has ``://`` is opened through fsspec, the rest by pathlib."""

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

#: A scheme has two letters at least, so that ``C://photos`` is a folder.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")
#: Kind of store -> the package that opens it; those of S3 and Google come with the extra ``cloud``.
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
#: What stores call the version or the time of an object, the surest first.
_VERSIONS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "last_modified", "updated", "mtime", "created")
#: Seconds to wait before an object is asked for again.
_PAUSES = (0.5, 2.0)
#: Errors that asking again does not mend.
_FINAL = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError, ImportError)


class Entry(NamedTuple):
    """Of a folder in a store.

    Attributes:
        name: without the folder's path; never empty, hidden, or with a ``/``.
        is_folder: whether it has entries of its own.
        size: in bytes; None where the store does not say.
        version: changes when the object does; None where the store does not say.
    """

    name: str
    is_folder: bool
    size: int | None
    version: str | None


def as_path(path: Any) -> Any:
    """Returns a :class:`pathlib.Path`, or a ``upath.UPath`` for a URL; ``file://`` becomes a plain path.

    Args:
        path: a string, anything with a file system path, or a ``UPath``.

    Raises:
        ExtraError: a URL, and the extra ``cloud`` is not installed.
        InputError: a URL of a kind that is unknown or whose package is not installed.
    """
    if isinstance(path, str) and _URL.match(path):
        path = _from_url(path)
    return Path(path) if isinstance(path, str | os.PathLike) else path


def is_remote(path: Any) -> bool:
    """Whether this is a ``UPath`` that is not on this machine's file system."""
    upath = sys.modules.get("upath")  # where nobody imported it nothing can be one
    return upath is not None and isinstance(path, upath.UPath) and not isinstance(path, os.PathLike)


def nothing_at(path: Any, wanted: str) -> str:
    """Returns what to say of a path where nothing is: that it is a link that leads nowhere, or that it does not exist.

    Args:
        path: path of this machine or of a store.
        wanted: what was expected there.

    Example:
        >>> nothing_at(Path("photos/none.jpg"), "file")
        'no such file'
    """
    link = not is_remote(path) and path.is_symlink()
    return "a link to a file that does not exist" if link else f"no such {wanted}"


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
    """Returns ``"folder"``, ``"file"`` or, where there is nothing, None.

    Raises:
        InputError: the store does not say.
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
    """Returns what is in a folder of a store, sorted by name, as it is now; an empty list where there is no such
    folder.

    Keys that no file system could hold as they are (``a//b``, ``a/../b``), hidden ones and the folder's own marker are
    passed over, so that no name leads out of the folder.

    Args:
        folder: a ``UPath``.
        hidden: names that are listed although they begin with a dot.

    Raises:
        InputError: it cannot be listed.
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
    return sorted(found)


def all_there(paths: Iterable[Any]) -> bool:
    """Whether every path exists; a store is asked once for each folder."""
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
    """Opens a file for reading; an object of a store is fetched whole, in one request.

    Raises:
        OSError: as :meth:`pathlib.Path.open`.
        InputError: the store does not answer, at the third time of asking.
    """
    return io.BytesIO(fetch(path)) if is_remote(path) else path.open("rb")


def fetch(path: Any) -> bytes:
    """Fetches the bytes of an object in a store; raises as :func:`open_binary`."""
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
    """Copy a local file to a store, where it appears whole or not at all; raises whatever the store does."""
    try:
        _patiently(lambda: path.fs.put_file(str(file), path.path))
    except FileNotFoundError:  # some stores have folders that must be there first
        path.fs.makedirs(path.parent.path, exist_ok=True)
        _patiently(lambda: path.fs.put_file(str(file), path.path))


def _patiently(call: Callable[[], Any]) -> Any:
    """Calls a function up to three times, unless it fails in a way that waiting does not mend."""
    for pause in _PAUSES:
        try:
            return call()
        except _FINAL:
            raise
        except Exception:  # stores raise errors of their own kinds
            time.sleep(pause)
    return call()


def remove(path: Any) -> None:
    """Remove a file; it is no error where there is none."""
    if not is_remote(path):
        path.unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):
        path.fs.rm_file(path.path)
