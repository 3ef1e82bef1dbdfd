"""Checkpoints: one file, written whole or not at all, that holds plain values and tensors only."""

from pathlib import Path
from typing import Any

import torch

from cosod.errors import InputError, OutputError
from cosod.io.atomic_write import whole
from cosod.models.checkpoints.reading import cause
from cosod.training.config.typed_tables import flat

#: Raised when files of this version could not be read by the code before it.
FORMAT = 1

#: Keys of a recipe in which a run that goes on may differ from what it was: they change no step that is done.
FREE = ("description", "source", "epochs", "steps", "keep_epochs", "validation.images", "validation.every")


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; after an error what stood there before is untouched.

    Raises:
        OutputError: it cannot be written (no space left, ...).
    """
    with whole(path) as temporary:
        try:
            torch.save({"format": FORMAT, **state}, temporary)
        except RuntimeError as error:  # how PyTorch's writer reports a full disk
            raise OSError(f"{error}".splitlines()[0]) from error


def read(path: Path) -> dict[str, Any]:
    """Reads a checkpoint, on the CPU, without running any code from it.

    Raises:
        InputError: it is damaged, of another kind, or of a newer version.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the reader raise nearly anything
        raise InputError(f"cannot read the checkpoint {path}: {cause(error)}; delete it to begin again") from error
    if not isinstance(state, dict) or "recipe" not in state:
        raise InputError(f"{path} is no checkpoint of cosod train; give another folder with -o")
    if state["format"] > FORMAT:
        raise InputError(f"{path} has format {state['format']}, newer than this version reads; update cosod")
    return state


def check_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Compare two recipes as tables: may a run of ``wanted`` go on from a checkpoint of ``found``?

    Raises:
        InputError: naming every difference, the network's first.
    """
    one, other = flat(found), flat(wanted)
    keys = [k for k in one | other if one.get(k) != other.get(k) and k not in FREE]
    keys.sort(key=lambda k: not k.startswith(("network", "options")))
    if keys:
        named = ", ".join(f"{k} {one.get(k)!r} there and {other.get(k)!r} here" for k in keys)
        raise InputError(f"{path} is of another run: {named}; give the same recipe to go on, or another folder with -o")


def check_data(path: Path, found: list, wanted: list) -> None:
    """Compare what the two runs train on: ``[name, groups, images, digest]`` for each set.

    Raises:
        InputError: naming the first set that differs.
    """
    if found == wanted:
        return
    for one, other in zip(found, wanted, strict=False):
        if one != other:
            raise InputError(
                f"{path} was trained on {one[0]} ({one[1]} groups, {one[2]} images), which differs from the "
                f"{other[0]} given ({other[1]} groups, {other[2]} images); give the same data, or another folder"
            )
    raise InputError(f"{path} was trained on {len(found)} sets, not {len(wanted)}; give the same data")


def make_folder(folder: Path) -> None:
    """Creates the folder of a run.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; give another one") from error
