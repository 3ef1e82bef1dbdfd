"""Scores of the final network of a run on a test set, and the table that compares runs."""

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

#: Measures of the table: F_max, S and MAE.
MEASURES = ("max_f", "s", "mae")
#: The row that the others are given as shares of.
FULL = "full"


def score(weights: Path, test: Path, maps: Path, device: str = "auto") -> dict[str, float]:
    """Write the maps of a test set and score them with the protocol ``papers``; kept in ``scores.json`` beside them.

    The maps are those that ``cosod segment --weights`` gives, at the network's own size: the light network's is a
    sixth more than it is trained at by default, where F_max is .004 better on images for validation.

    Args:
        weights: weights of a network for single images.
        test: folder of images and masks, as a pool is.
        maps: folder to write to.
        device: see :func:`cosod.load`.

    Raises:
        InputError: no images or masks there.
        ImageError: an image that cannot be read.
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
    begin(record_of(maps.parent, maps.name), "active run")  # no photos, then
    write_text(known, json.dumps({"of": key, "scores": scores}, indent=2) + "\n")
    return scores


@dataclass
class ScoreRow:
    """One set-up: its name, its settings, and measure -> figure for each seed."""

    name: str
    settings: Settings
    figures: dict[str, list[float]] = field(default_factory=dict)

    def mean(self, measure: str) -> float:
        """Computes the mean over the seeds."""
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
    """Run every row with every seed, and fill in its figures; runs that are finished are not run again.

    Each run is in ``<output>/<row>/seed-<seed>``. Images, masks and superpixels are read once for all of them.
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
    """Returns a table in Markdown: clicks, each measure's mean over the seeds, and its share of full supervision."""
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
