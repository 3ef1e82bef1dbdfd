"""Reading weights files of other programs without running code from them.

Training scripts save more than tensors in a checkpoint: numbers of NumPy, the arguments of the run, sometimes the whole
module. The restricted reader of PyTorch refuses all of these. Here, numbers and arrays of NumPy are allowed, and
objects of all other classes are replaced by empty stand-ins with the same attributes; their code is not imported.
"""

import os
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from cosod.errors import WeightsError
from cosod.io.file_names import text_path
from cosod.io.other_kinds import AGAIN, HEAD, TEXT, ZIP, OtherKind, begins_as_text, other_kind

#: Modules whose functions and classes can access the machine; a file that names them is refused.
_REFUSED = frozenset(
    "builtins os posix nt sys subprocess shutil importlib runpy socket pty code ctypes multiprocessing "  # noqa: SIM905
    "threading webbrowser pip pickle marshal inspect io tempfile operator".split()
)
#: Names in lower case that are data and not functions.
_DATA = frozenset(
    "collections.defaultdict datetime.datetime datetime.date datetime.timedelta functools.partial "  # noqa: SIM905
    "easydict.edict builtins.list builtins.dict builtins.int builtins.float builtins.str builtins.bool "
    "builtins.tuple builtins.object builtins.frozenset builtins.slice builtins.range".split()
)
#: First bytes of images, which are not weights.
_IMAGES = (b"\x89PNG", b"\xff\xd8\xff")


class StandIn:
    """Replaces an object of a class that is not imported; it has the attributes that the file contains."""

    def __init__(self, *args: Any, **options: Any):
        pass

    def __new__(cls, *args: Any, **options: Any):
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update({str(key): value for key, value in state.items()})


class _Table:
    """Replaces a class of dictionaries."""

    def __new__(cls, *args: Any, **options: Any):
        return OrderedDict()


def read(path: str | os.PathLike) -> Any:
    """Reads the content of a PyTorch or safetensors file, on the CPU, without running any code from it.

    The format is recognized by the content. Objects of foreign classes become :class:`StandIn` objects.

    Example:
        >>> content = read("final_gconet.pth")  # doctest: +SKIP

    Raises:
        WeightsError: the file is missing, damaged, of another kind, or calls functions.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path}; check the path")
    refuse_other_kinds(path)
    try:
        if is_safetensors(path):
            from safetensors.torch import load_file

            with text_path(path) as name:
                return load_file(name)
        return _unpickled(path)
    except WeightsError:
        raise
    except Exception as error:  # readers raise errors of many kinds for damaged files
        raise WeightsError(f"cannot read the weights in {path}: {_why(path) or cause(error)}; {AGAIN}") from error


def _why(path: Path) -> str | None:
    """Returns why a file that no reader takes is none of weights, where that is better known than by the reader."""
    with path.open("rb") as file:
        start = file.read(HEAD)
    if start.startswith(b"PK") and not zipfile.is_zipfile(path):
        return "it is cut off, or damaged"
    # Not before it was tried to be read: the oldest kind of pickle is text too.
    return f"it is {TEXT.what}" if begins_as_text(start) else None


def is_safetensors(path: Path) -> bool:
    """Returns whether a file has the safetensors format, by its content, or by its name if the content does not tell.

    Example:
        >>> is_safetensors(Path("gconet.safetensors"))  # doctest: +SKIP
        True
    """
    with path.open("rb") as file:
        start = file.read(9)
    size = int.from_bytes(start[:8], "little")
    if len(start) == 9 and start[8:] == b"{" and size < path.stat().st_size:
        return True
    return path.suffix == ".safetensors" and not start.startswith((b"PK", b"\x80"))


def refuse_other_kinds(path: Path) -> None:
    """Refuses files that are named like weights but are something else, such as a web page.

    Raises:
        WeightsError: the file is of another kind.
    """
    with path.open("rb") as file:
        start = file.read(HEAD)
    other = OtherKind("an image") if start.startswith(_IMAGES) else other_kind(start)
    if other == ZIP:
        other = None if _holds_a_pickle(path) else other._replace(what="a ZIP archive without a checkpoint at its top")
    if other is not None:
        way_out = other.way_out or "give a PyTorch checkpoint"
        raise WeightsError(f"cannot read the weights in {path}: it is {other.what}; {way_out}")


def _holds_a_pickle(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.count("/") <= 1 and name.endswith("data.pkl") for name in archive.namelist())
    except zipfile.BadZipFile:
        return True  # truncated; the reader has a better message


def _unpickled(path: Path) -> Any:
    allowed = {name: kind for kind, name in _numpy()}
    for name in _foreign(path):
        if name not in allowed:
            allowed[name] = _stand_in(name, path)
    while True:
        try:
            with (
                safe_globals([(kind, name) for name, kind in allowed.items()]),
                path.open("rb") as file,  # with a path, the suffix would decide
            ):
                return torch.load(file, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:  # files of PyTorch before 1.6 give the names one by one
            found = re.search(r"Unsupported global: GLOBAL (\S+) was not", str(error))
            if not found or (name := _full_name(found[1])) in allowed:
                raise
            allowed[name] = _stand_in(name, path)


def _foreign(path: Path) -> list[str]:
    """Returns the names of classes and functions in the file that PyTorch's reader does not know."""
    try:
        return sorted(_full_name(name) for name in get_unsafe_globals_in_checkpoint(path))
    except ValueError as error:
        if "torchscript" in str(error).lower():
            raise WeightsError(
                f"cannot read the weights in {path}: it is a TorchScript program; give the checkpoint that it is of"
            ) from None
        return []  # the format of PyTorch before 1.6
    except (RuntimeError, pickle.UnpicklingError, KeyError):
        return []  # damaged; torch.load has a better message


def _full_name(name: str) -> str:
    return name if "." in name else f"builtins.{name}"


def _stand_in(name: str, path: Path) -> type:
    """Returns the class that replaces a class of the file.

    Raises:
        WeightsError: the name is not a class, or a class that can access the machine.
    """
    module, _, last = name.rpartition(".")
    is_class = last.lstrip("_")[:1].isupper() and module.split(".")[0] not in _REFUSED
    if name not in _DATA and not is_class:
        raise WeightsError(
            f"cannot read the weights in {path}: loading it would run {name}, which may do anything to this machine; "
            "have its author save the state dict alone, with torch.save(model.state_dict(), FILE)"
        )
    is_table = last.lower().endswith("dict")
    return type(last, (_Table if is_table else StandIn,), {"__module__": module})


def _numpy() -> list[tuple[Any, str]]:
    """Returns the classes of NumPy's numbers and arrays with their names in NumPy 1 and 2."""
    core = np.array(0).__reduce__()[0].__module__  # numpy.core.multiarray, or since NumPy 2 numpy._core.multiarray
    scalar, array = np.float64(0).__reduce__()[0], np.array(0).__reduce__()[0]
    found: list[tuple[Any, str]] = [(np.ndarray, "numpy.ndarray"), (np.dtype, "numpy.dtype")]
    for place in {core, "numpy.core.multiarray", "numpy._core.multiarray"}:
        found += [(scalar, f"{place}.scalar"), (array, f"{place}._reconstruct")]
    kinds = (type(np.dtype(t)) for t in "?bhilqBHILQefdgFDSUMm")
    return found + [(kind, f"numpy.dtypes.{kind.__name__}") for kind in dict.fromkeys(kinds)]


def cause(error: Exception) -> str:
    """Returns the cause of a reading error in one line, without PyTorch's advice to read the file unsafely.

    Example:
        >>> cause(EOFError())
        'EOFError'
    """
    text = str(error).strip() or type(error).__name__
    if isinstance(error, pickle.UnpicklingError):
        found = re.search(r"WeightsUnpickler error: (.+)", text)
        if "persistent_load" in text:
            return "it is a whole module in the format of PyTorch before 1.6; have its author save the state dict alone"
        reason = found[1] if found and "safe_globals" not in found[1] else ""
        return "it is no checkpoint of PyTorch, or damaged" + (f" ({reason.rstrip('. ')})" if reason else "")
    return text.splitlines()[0]
