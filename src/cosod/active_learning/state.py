"""The folder of an active-learning run, with the following files.

::

    run.json               settings and seed
    backbone.json          file or URL of the ImageNet weights, unless these are downloaded
    pool.json              names and sizes of the images
    points.json            all answers so far
    round-00/queries.json  the pixels asked for in round 0, which are chosen at random
    round-00/model.pt      snapshots of the network trained on these answers; removed when those of round 1 are saved
    round-01/queries.json  the pixels asked for in round 1, which this network has chosen
    ...
    stage-0.json, ...      report on each training: number of clicks, share of labeled pixels, loss
    regions.npz            superpixels, if clicks label superpixels
    weights.safetensors    weights of the final network
"""

import json
import shlex
from pathlib import Path

from cosod.active_learning.points import PointSet, Queries, load_queries, save_queries
from cosod.active_learning.pool import Pool
from cosod.errors import InputError
from cosod.io.atomic_write import write_text

#: Files that a run writes in its folder, without those of its rounds and stages.
FILES = ("run.json", "backbone.json", "pool.json", "points.json", "regions.npz", "weights.safetensors")


class State:
    """Folder of a run, with methods that return, read and write its files.

    Args:
        folder: the folder, which need not exist.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.settings = self.folder / "run.json"
        self.pool_file = self.folder / "pool.json"
        self.points_file = self.folder / "points.json"

    def exists(self) -> bool:
        """Returns whether the folder contains a run."""
        return self.pool_file.exists()

    def no_run(self) -> str:
        """Returns the error message for a folder that does not contain a run."""
        command = f"cosod active query {shlex.quote(str(self.folder))} --data IMAGES"
        return f"{self.folder}: holds no active-learning run; begin one with: {command}"

    def round(self, number: int) -> Path:
        """Returns the folder of a round, counted from 0."""
        return self.folder / f"round-{number:02d}"

    def queries_file(self, number: int) -> Path:
        """Returns the file with the pixels asked for in a round."""
        return self.round(number) / "queries.json"

    def model_file(self, number: int) -> Path:
        """Returns the file with the snapshots of the network that was trained after a round."""
        return self.round(number) / "model.pt"

    def rounds(self) -> int:
        """Returns the number of rounds whose pixels have been chosen."""
        number = 0
        while self.queries_file(number).exists():
            number += 1
        return number

    def pool(self) -> Pool:
        """Loads the pool of the run.

        Raises:
            InputError: there is no run in the folder, or the file of the pool is damaged.
        """
        if not self.exists():
            raise InputError(self.no_run())
        return Pool.load(self.pool_file)

    def points(self, pool: Pool) -> PointSet:
        """Loads all answers so far; the set is empty if there are none.

        Raises:
            InputError: the file is damaged or of another pool.
        """
        if not self.points_file.exists():
            return PointSet(pool.fingerprint)
        points = PointSet.load(self.points_file)
        pool.check_points(points, self.points_file)
        return points

    def points_until(self, number: int, pool: Pool) -> PointSet:
        """Returns the answers to the pixels asked for up to round ``number``, inclusive.

        Raises:
            InputError: a file is missing, damaged, or of another pool.
        """
        asked: dict[str, set[tuple[int, int]]] = {}
        for earlier in range(number + 1):
            for image, places in self.queries(earlier, pool).items():
                asked.setdefault(image, set()).update(places)
        points = PointSet(pool.fingerprint)
        for image, clicks in self.points(pool):
            points.add(image, (p for p in clicks if (p.x, p.y) in asked.get(image, ())))
        return points

    def queries(self, number: int, pool: Pool) -> Queries:
        """Loads the pixels asked for in a round.

        Raises:
            InputError: the file is missing, damaged, or of another pool.
        """
        path = self.queries_file(number)
        fingerprint, queries = load_queries(path)
        if fingerprint != pool.fingerprint:
            raise InputError(f"{path}: belongs to another pool than that of {pool.root}; begin another run")
        for image, points in queries.items():
            pool.check(image, points)
        return queries

    def backbone(self) -> Path | str | None:
        """Returns the file or the URL of the ImageNet weights, or ``Path("none")`` for a random initialization.

        Returns:
            None if the known weights are downloaded.

        Raises:
            InputError: ``backbone.json`` is damaged.
        """
        path = self.folder / "backbone.json"
        if not path.exists():
            return None
        try:
            given = json.loads(path.read_text(encoding="utf-8"))["file"]
            return given if "://" in given else Path(given)
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}: damaged ({error}); delete it, and give --backbone again") from error

    def save_backbone(self, backbone: Path | str | None) -> None:
        """Saves the file or the URL of the ImageNet weights to ``backbone.json``, a local file by its absolute path."""
        if backbone is None:
            return
        given = str(backbone)
        if given != "none" and "://" not in given:
            given = str(Path(given).absolute())
        content = json.dumps({"file": given}) + "\n"
        path = self.folder / "backbone.json"
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            write_text(path, content)

    def save_queries(self, number: int, pool: Pool, queries: Queries) -> None:
        """Writes the pixels asked for in a round, atomically."""
        save_queries(self.queries_file(number), pool.fingerprint, queries)
