"""Scores of the final network of a run on a test set, and a table that compares several runs."""

import dataclasses
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cosod.active_learning.loop import Loop, Material
from cosod.active_learning.pool import Pool, key_of
from cosod.active_learning.settings import Settings
from cosod.evaluation import evaluate
from cosod.inference.detector import Detector
from cosod.io.atomic_write import write_text
from cosod.io.run_records import begin, read_record, record_of
from cosod.models.checkpoints import loading
from cosod.postprocess.render import save_image, to_8bit

#: Measures in the table: maximum F-measure, S-measure and MAE.
MEASURES = ("max_f", "s", "mae")
#: Name of the row of full supervision, relative to which the other rows are given.
FULL = "full"


def score(weights: Path, test: Path, maps: Path, device: str = "auto") -> dict[str, float]:
    """Writes the maps of a test set, and evaluates them with the protocol ``papers``.

    The scores are saved as ``scores.json`` in the folder of the maps, and are not computed again for the same weights
    and test set. The maps are the same as those of ``cosod segment --weights``, at the default size of the network. The
    default size of the light network is a sixth larger than its default size in training, which gives a maximum
    F-measure that is .004 higher on images for validation.

    Args:
        weights: weights file of a network for single images.
        test: folder with images and masks, see :meth:`cosod.active_learning.pool.Pool.scan`.
        maps: folder to write the maps to.
        device: device of the computation, see :func:`cosod.load`.

    Returns:
        All scores of the protocol, by name.

    Raises:
        InputError: the folder has no images, or an image without a mask.
        ImageError: an image cannot be read.
        OutputError: a file cannot be written.

    Example:
        >>> score(Path("run/weights.safetensors"), Path("sets/ECSSD"), Path("run/maps"))["mae"]  # doctest: +SKIP
    """
    network = loading.load(weights)
    known = maps / "scores.json"
    key = {"weights": loading.identity(network), "test": str(test.resolve()), "size": network.size}
    if (found := read_record(known)).get("of") == key:
        return found["scores"]
    pool = Pool.scan(test)
    pool.masks()
    detector = Detector(network, device, batch=16)
    for index, saliency in detector.stream([pool.path(name) for name in pool.names]):
        save_image(to_8bit(saliency), maps / f"{'/'.join(key_of(pool.names[index]))}.png")
    scores = evaluate(maps, test).all
    begin(record_of(maps.parent, maps.name), "active run")  # maps are not taken for photos
    write_text(known, json.dumps({"of": key, "scores": scores}, indent=2) + "\n")
    return scores


@dataclass
class ScoreRow:
    """Row of the table: settings with a name, and their scores.

    Attributes:
        name: name of the row.
        settings: settings of the runs, whose seed is replaced.
        figures: score of each seed, by measure.
    """

    name: str
    settings: Settings
    figures: dict[str, list[float]] = field(default_factory=dict)

    def mean(self, measure: str) -> float:
        """Computes the mean of a measure over the seeds."""
        return statistics.fmean(self.figures[measure])


def measure(
    rows: Sequence[ScoreRow],
    seeds: Sequence[int],
    pool: Pool,
    test: Path,
    output: Path,
    backbone: Path | None = None,
    device: str = "auto",
    say: Callable[[str], None] = print,
) -> None:
    """Runs active learning for every row with every seed, and adds the scores to the rows.

    The folder of a run is ``<output>/<row>/seed-<seed>``. Runs that are finished are not repeated, and unfinished ones
    are resumed. Images, masks and superpixels are read once for all runs.

    Args:
        rows: the rows, whose ``figures`` are filled.
        seeds: seeds of the runs.
        pool: images with masks, which give the answers.
        test: folder with images and masks on which the final networks are scored.
        output: folder of all runs.
        backbone: file with the ImageNet weights of the backbone; by default they are downloaded.
        device: device of the computation, see :func:`cosod.load`.
        say: called with messages about the progress.

    Raises:
        InputError: a folder contains a run with another pool or other settings, or masks are missing.

    Example:
        >>> rows = [ScoreRow("paper10", Settings())]  # doctest: +SKIP
        >>> measure(rows, [0, 1, 2], pool, Path("sets/ECSSD"), Path("runs"))  # doctest: +SKIP
    """
    shared: dict[int, Material] = {}
    for seed in seeds:
        for row in rows:
            settings = dataclasses.replace(row.settings, seed=seed)
            side = settings.training.side
            material = shared.setdefault(side, Material(pool, side, output / f"regions-{side}.npz"))
            folder = output / row.name / f"seed-{seed}"
            say(f"{row.name}, seed {seed}: {folder}")
            loop = Loop.open(folder, pool, settings, device, backbone=backbone, material=material, say=say)
            scores = score(loop.run(), test, folder / "maps", device)
            say("  " + " ".join(f"{name} {scores[name]:.4f}" for name in MEASURES))
            for name, value in scores.items():
                row.figures.setdefault(name, []).append(value)


def as_markdown(rows: Sequence[ScoreRow]) -> str:
    """Returns a Markdown table with the number of clicks per image and the mean of each measure over the seeds.

    With several seeds, standard deviations are added; if there is a row ``full``, the means are also given as shares of
    its means.

    Example:
        >>> row = ScoreRow("paper10", Settings(), {"max_f": [0.5], "s": [0.5], "mae": [0.1]})
        >>> print(as_markdown([row]).splitlines()[2])
        | paper10 | 10 | 0.5000 | 0.5000 | 0.1000 |
    """
    full = next((row for row in rows if row.name == FULL), None)
    lines = [
        "| set-up | clicks | " + " | ".join(MEASURES) + " |",
        "| --- | --- |" + " --- |" * len(MEASURES),
    ]
    for row in rows:
        cells = [_cell(row, name, full) for name in MEASURES]
        clicks = "masks" if row.settings.labels == "masks" else str(row.settings.budget)
        lines.append(f"| {row.name}{_note(row)} | {clicks} | " + " | ".join(cells) + " |")
    seeds = len(next(iter(rows[0].figures.values()))) if rows and rows[0].figures else 0
    share = " (share of full supervision)" if full else ""
    return "\n".join(
        [
            *lines,
            "",
            (
                f"Mean{share} ± standard deviation (N - 1) over {seeds} seeds"
                if seeds > 1
                else f"Scores{share} of one seed"
            )
            + "; protocol papers.",
        ]
    )


def _cell(row: ScoreRow, name: str, full: ScoreRow | None) -> str:
    values = row.figures[name]
    share = f" ({row.mean(name) / full.mean(name):.1%})" if full and full is not row else ""
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{row.mean(name):.4f}{share}{spread}"


def _note(row: ScoreRow) -> str:
    return " (reads masks)" if row.settings.labels == "gt_in_region" else ""
