"""Checkpoints of training runs: single files that contain only plain values and tensors, and are written atomically."""

from pathlib import Path
from typing import Any

import torch

from cosod.errors import InputError, OutputError
from cosod.io.atomic_write import whole
from cosod.models.checkpoints.reading import cause
from cosod.training.config.typed_tables import flat

#: Version of the file format; increased if earlier versions of this code could not read the files.
FORMAT = 1

#: Keys of a recipe that may be changed when a run is resumed, because they do not change the steps that are done.
FREE = ("description", "source", "epochs", "steps", "keep_epochs", "validation.images", "validation.every")


def write(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint; after an error, an earlier file at ``path`` is unchanged.

    Args:
        path: file to write.
        state: plain values and tensors.

    Raises:
        OutputError: the file cannot be written, e.g. because no space is left.

    Example:
        >>> write(Path("run/checkpoint.pt"), {"recipe": {}, "step": 100})  # doctest: +SKIP
    """
    with whole(path) as temporary:
        try:
            torch.save({"format": FORMAT, **state}, temporary)
        except RuntimeError as error:  # PyTorch's writer reports a full disk by this error
            raise OSError(f"{error}".splitlines()[0]) from error


def read(path: Path) -> dict[str, Any]:
    """Reads a checkpoint to the CPU; only plain values and tensors are unpickled, so that no code of the file is run.

    Raises:
        InputError: the file is damaged, is not a checkpoint of a training run, or has a newer format.

    Example:
        >>> state = read(Path("run/checkpoint.pt"))  # doctest: +SKIP
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can cause nearly any error
        raise InputError(f"cannot read the checkpoint {path}: {cause(error)}; delete it to begin again") from error
    if not isinstance(state, dict) or "recipe" not in state:
        raise InputError(f"{path} is no checkpoint of cosod train; give another folder with -o")
    if state["format"] > FORMAT:
        raise InputError(f"{path} has format {state['format']}, newer than this version reads; update cosod")
    return state


def check_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Checks that a run can be resumed from a checkpoint, by comparing the two recipes.

    Args:
        path: file of the checkpoint, for messages.
        found: recipe in the checkpoint, as :func:`cosod.training.config.recipe.to_table` returns it.
        wanted: recipe of the run, in the same form.

    Raises:
        InputError: the recipes differ in a key that is not in :data:`FREE`; the message lists all such keys.

    Example:
        >>> check_same(Path("checkpoint.pt"), {"network": "gconet", "epochs": 50}, {"network": "gconet", "epochs": 60})
    """
    one, other = flat(found), flat(wanted)
    keys = [k for k in one | other if one.get(k) != other.get(k) and k not in FREE]
    keys.sort(key=lambda k: not k.startswith(("network", "options")))
    if keys:
        named = ", ".join(f"{k} {one.get(k)!r} there and {other.get(k)!r} here" for k in keys)
        raise InputError(f"{path} is of another run: {named}; give the same recipe to go on, or another folder with -o")


def check_data(path: Path, found: list, wanted: list) -> None:
    """Checks that a run has the same training data as a checkpoint.

    Args:
        path: file of the checkpoint, for messages.
        found: training sets of the checkpoint, ``[name, number of groups, number of images, digest]`` each.
        wanted: training sets of the run, in the same form.

    Raises:
        InputError: the training sets differ; the message names the first one that does.

    Example:
        >>> check_data(Path("checkpoint.pt"), [["CoCo-SEG", 65, 9213, "1f"]], [["CoCo-SEG", 65, 9213, "1f"]])
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
    """Creates the folder of a run if it does not exist.

    Raises:
        OutputError: the folder cannot be created.

    Example:
        >>> make_folder(Path("runs/gconet"))  # doctest: +SKIP
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; give another one") from error
