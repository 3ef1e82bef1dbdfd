"""Order files, which record the images of each step of an epoch, in the format published by the authors of GCoNet.

``group_<epoch>.txt`` has a line for each step, ``epoch:step:a,b:path,path,...,``, with the numbers a and b of two
groups (``a,b,c,d`` for four groups), the n images of group a, and those of group b. ``df_group_<epoch>.csv`` has a row
for each of these images, with its ``angle`` and ``flip``, its path (``img_path``), the number a (``item``), and the
numbers of the other groups (``other_item``: b, or ``b,c,d``). In the published files, the columns ``img_1`` to
``img_3`` are sums over pixels, by which the authors compared machines; these columns are ignored, and written empty.
"""

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

from cosod.errors import InputError
from cosod.io.atomic_write import write_text
from cosod.training.data.group_sampler import Meeting, Shot
from cosod.training.data.training_set import TrainingSet

COLUMNS = ("img_3", "angle", "img_2", "flip", "img_1", "img_path", "item", "other_item")


def write_order(folder: str | os.PathLike, epoch: int, plan: list[Meeting], data: TrainingSet) -> None:
    """Writes the two order files of an epoch, each atomically.

    The paths of images are ``./data/images/<set>/<group>/<file>``, as in the published files, wherever the set is.

    Args:
        folder: folder of the order files.
        epoch: number of the epoch, from 0.
        plan: the meetings of the epoch.
        data: the training set that the plan is made for.

    Raises:
        OutputError: a file cannot be written.

    Example:
        >>> write_order("run/order", 0, sampler.plan(0), data)  # doctest: +SKIP
    """
    numbers = {group: number for number, group in enumerate(data.groups)}
    lines = []
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    for step, meeting in enumerate(plan, start=1):
        first, *others = [str(numbers[group]) for group in meeting.groups]
        paths = [_published_path(data, shot.item) for shot in meeting.shots]
        lines.append(f"{epoch}:{step}:{','.join([first, *others])}:{','.join(paths)},\n")
        for path, shot in zip(paths, meeting.shots, strict=True):
            rows.writerow(("", repr(shot.angle), "", int(shot.flip), "", path, first, ",".join(others)))
    write_text(Path(folder) / f"group_{epoch}.txt", "".join(lines))
    write_text(Path(folder) / f"df_group_{epoch}.csv", table.getvalue())


class Replay:
    """Plans of the epochs of a run, read from order files, including the published ones.

    Args:
        folder: folder with ``group_<epoch>.txt`` and ``df_group_<epoch>.csv`` for each epoch of the run.
        data: the training set that the order files were made for. Images are identified by their group and stem.
    """

    def __init__(self, folder: str | os.PathLike, data: TrainingSet):
        self.folder, self.data = Path(folder), data
        self._items = {(item.group, item.image.stem): i for i, item in data.numbered()}

    def check(self, epochs: int) -> None:
        """Checks that order files exist for a number of epochs.

        Raises:
            InputError: a file is missing; the message names the first one.
        """
        for epoch in range(epochs):
            for name in (f"group_{epoch}.txt", f"df_group_{epoch}.csv"):
                if not (self.folder / name).is_file():
                    raise InputError(
                        f"{self.folder} has no {name}, and the run has {epochs} epochs; give fewer --epochs"
                    )

    def plan(self, epoch: int, nearest: Mapping[str, str] | None = None) -> list[Meeting]:
        """Returns the meetings of an epoch, in the order of the file.

        Args:
            epoch: number of the epoch, from 0.
            nearest: unused; part of the signature of :data:`cosod.training.data.group_sampler.Plan`.

        Raises:
            InputError: the files of the epoch are missing or damaged, contain images that the set does not have (the
                message lists all of them), or do not have exactly one step for each group of the set.
        """
        steps = self.folder / f"group_{epoch}.txt"
        changes = self._changes(self.folder / f"df_group_{epoch}.csv")
        unknown: list[str] = []
        plan = []
        for number, line in enumerate(self._read(steps).splitlines(), start=1):
            try:
                _, _, groups, names = line.split(":", 3)
                first, *others = groups.split(",")
                paths = [path for path in names.split(",") if path]
                n, rest = divmod(len(paths), 1 + len(others))
                if rest or not n:
                    raise ValueError(f"{len(paths)} images for {1 + len(others)} groups")
                shots = [self._shot(path, changes[path, first], unknown) for path in paths]
            except (ValueError, KeyError) as error:
                raise InputError(f"{steps}, line {number}: not epoch:step:a,b:path,... ({error})") from error
            plan.append(Meeting(tuple(_place(path)[0] for path in paths[::n]), tuple(shots)))
        if unknown:
            listed = "\n".join(f"  {path}" for path in dict.fromkeys(unknown))
            raise InputError(f"{steps} names {len(set(unknown))} images that {self.data.name} lacks:\n{listed}")
        if len(plan) != len(self.data.groups):
            raise InputError(
                f"{steps} has {len(plan)} steps, and {self.data.name} {len(self.data.groups)} groups to train on; "
                "give the same set, and hold out the same groups"
            )
        return plan

    def _shot(self, path: str, change: tuple[bool, float], unknown: list[str]) -> Shot:
        item = self._items.get(_place(path))
        if item is None:
            unknown.append(path)
        return Shot(-1 if item is None else item, *change)

    def _changes(self, path: Path) -> dict[tuple[str, str], tuple[bool, float]]:
        """Reads the flip and the angle of each image, by its path and the number of the first group of its step."""
        try:
            rows = csv.DictReader(io.StringIO(self._read(path)))
            return {(r["img_path"], r["item"]): (r["flip"] == "1", float(r["angle"])) for r in rows}
        except (KeyError, ValueError, csv.Error) as error:
            raise InputError(f"{path} is no table with angle, flip, img_path and item ({error})") from error

    @staticmethod
    def _read(path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot read the order file {path}: {error}; check the path") from error


def _published_path(data: TrainingSet, item: int) -> str:
    entry = data.items[item]
    # Commas are separators in this format.
    return f"./data/images/{data.name}/{entry.group}/{entry.image.name}".replace(",", "%2C")


def _place(path: str) -> tuple[str, str]:
    r"""Returns the group and stem of a path with ``/`` or ``\`` between its parts."""
    parts = path.replace("%2C", ",").replace("\\", "/").split("/")
    return parts[-2] if len(parts) > 1 else "", parts[-1].rpartition(".")[0] or parts[-1]
