"""Ablation studies: training of several recipes with several seeds, and a table of their scores on test sets."""

import csv
import dataclasses
import io
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosod.apps.segment import SegmentJob
from cosod.apps.segment import run as segment
from cosod.datasets import open as open_set
from cosod.errors import InputError, WeightsError
from cosod.evaluation import evaluate
from cosod.evaluation.protocols import get
from cosod.inference.detector import Detector
from cosod.io.atomic_write import write_text
from cosod.io.photo_groups import Group
from cosod.io.run_records import read_record
from cosod.models import load
from cosod.models.checkpoints.loading import identity
from cosod.models.checkpoints.safetensors_file import describe
from cosod.training.config.recipe import Recipe, to_table, with_defaults
from cosod.training.loop import train
from cosod.training.run import TrainingJob


@dataclass(frozen=True)
class TestSet:
    """Test set of an ablation study.

    Attributes:
        name: name of the set in the table.
        groups: groups of photos.
        truths: folder with the ground truth, in which each group has a subfolder.
    """

    name: str
    groups: tuple[Group, ...]
    truths: Path


@dataclass(frozen=True)
class AblationRow:
    """Scores of one recipe on one test set.

    Attributes:
        recipe: name of the recipe.
        test: name of the test set.
        figures: score of each seed, by measure.
    """

    recipe: str
    test: str
    figures: dict[str, tuple[float, ...]]

    def mean(self, measure: str) -> float:
        """Computes the mean of a measure over the seeds."""
        return statistics.fmean(self.figures[measure])

    def deviation(self, measure: str) -> float:
        """Computes the sample standard deviation (N - 1) of a measure over the seeds; returns 0 for a single seed."""
        values = self.figures[measure]
        return statistics.stdev(values) if len(values) > 1 else 0.0


def open_test(text: str) -> TestSet:
    """Opens a test set.

    Args:
        text: ``NAME=FOLDER``, or a folder, of which the set gets its name.

    Raises:
        InputError: the folder does not exist, or has no groups or no masks.

    Example:
        >>> open_test("CoCA=sets/CoCA").name  # doctest: +SKIP
    """
    name, _, folder = text.rpartition("=")
    found = open_set(folder, strict=False)
    if set(found.groups) == {""} or not found.pairs:
        raise InputError(f"{folder} has no groups with masks; give a folder with images/GROUP and gts/GROUP")
    filled = {group: pairs for group, pairs in found.groups.items() if pairs}
    groups = tuple(
        Group(group, tuple(image for image, _ in pairs), tuple(mask.stem for _, mask in pairs))
        for group, pairs in filled.items()
    )
    return TestSet(name or found.name, groups, next(iter(filled.values()))[0][1].parents[1])


def ablate(
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    tests: Sequence[TestSet],
    job: TrainingJob,
    protocol: str = "papers",
    say: Callable[[str], None] = print,
) -> list[AblationRow]:
    """Trains every recipe with every seed, and evaluates each network on every test set.

    The folder of a run is ``<output>/<recipe>/seed_<seed>``, with the scores in ``scores.json``. Finished runs, their
    maps, and scores of the same weights are not computed again.

    Args:
        recipes: the recipes, with different names.
        seeds: seeds, which replace those of the recipes.
        tests: test sets of :func:`open_test`.
        job: data, output folder and machine of all runs; its recipe is not used.
        protocol: protocol of the evaluation.
        say: called with a message when a run begins.

    Returns:
        One row for each recipe and test set.

    Raises:
        InputError: two recipes have the same name, the data cannot be used, or an image of a test set cannot be read.
        TrainingError: a run cannot continue.

    Example:
        >>> tests = [open_test("CoCA=sets/CoCA")]  # doctest: +SKIP
        >>> rows = ablate([load_recipe("gconet_released")], [1, 2], tests, job)  # doctest: +SKIP
    """
    names = [recipe.name for recipe in recipes]
    if len(set(names)) < len(names):
        raise InputError("two recipes of one name; give each once")
    rows = []
    for recipe in recipes:
        scores = []
        for seed in seeds:
            one = dataclasses.replace(
                job,
                recipe=dataclasses.replace(recipe, seed=seed),
                output=job.output / recipe.name / f"seed_{seed}",
            )
            say(f"{recipe.name}, seed {seed}: {one.output}")
            if not _is_trained(one):
                train(one)
            scores.append(_scores(one, tests, protocol))
        for test in tests:
            keys = get(protocol).columns
            figures = {key: tuple(found[test.name][key] for found in scores) for key in keys}
            rows.append(AblationRow(recipe.name, test.name, figures))
    return rows


def as_markdown(rows: Sequence[AblationRow], measures: Sequence[str], seeds: int) -> str:
    """Returns a Markdown table with ``mean ± deviation`` in each cell, or ``mean ± -`` for a single seed.

    Args:
        rows: rows of :func:`ablate`.
        measures: names of the measures, which are the columns.
        seeds: number of seeds, for the caption.

    Example:
        >>> rows = [AblationRow("gconet_released", "CoCA", {"s": (0.67, 0.68), "mae": (0.10, 0.11)})]
        >>> print(as_markdown(rows, ["mae", "s"], 2).splitlines()[2])
        | gconet_released | CoCA | 0.1050 ± 0.0071 | 0.6750 ± 0.0071 |
    """
    lines = [
        "| recipe | test set | " + " | ".join(measures) + " |",
        "| --- | --- |" + " --- |" * len(measures),
    ]
    for row in rows:
        cells = [f"{row.mean(m):.4f} ± {_spread(row, m, 4) or '-'}" for m in measures]
        lines.append(f"| {row.recipe} | {row.test} | " + " | ".join(cells) + " |")
    note = f"Mean ± standard deviation (N - 1) over {seeds} seeds."
    return "\n".join([*lines, "", note if seeds > 1 else "One seed, which has no standard deviation."])


def as_csv(rows: Sequence[AblationRow]) -> str:
    """Returns all measures as CSV, each with its mean, its deviation, and the scores of the seeds joined by ``;``.

    Example:
        >>> rows = [AblationRow("gconet_released", "CoCA", {"s": (0.67, 0.68)})]
        >>> as_csv(rows).splitlines()[0]
        'recipe,test,s mean,s std,s seeds'
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    measures = list(rows[0].figures) if rows else []
    table.writerow(["recipe", "test", *(f"{m} {kind}" for m in measures for kind in ("mean", "std", "seeds"))])
    for row in rows:
        cells = []
        for m in measures:
            each = ";".join(f"{value:.6f}" for value in row.figures[m])
            cells += [f"{row.mean(m):.6f}", _spread(row, m, 6), each]
        table.writerow([row.recipe, row.test, *cells])
    return out.getvalue()


def _spread(row: AblationRow, measure: str, digits: int) -> str:
    """Returns the standard deviation as text, which is empty for a single seed, for which there is none."""
    return f"{row.deviation(measure):.{digits}f}" if len(row.figures[measure]) > 1 else ""


def _is_trained(job: TrainingJob) -> bool:
    """Returns whether the weights of a run exist and were trained with the same recipe."""
    try:
        return with_defaults(describe(job.weights).extra.get("recipe", {})) == to_table(job.recipe)
    except WeightsError:
        return False


def _scores(job: TrainingJob, tests: Sequence[TestSet], protocol: str) -> dict[str, dict[str, float]]:
    """Returns the scores of a run by test set and measure; scores that are not in ``scores.json`` are computed."""
    path = job.output / "scores.json"
    network = load(job.weights)
    weights = identity(network)
    known = read_record(path)
    if known.get("weights") != weights:
        known = {"weights": weights, "scores": {}}
    detector = Detector(network, job.device, job.recipe.side)
    for test in tests:
        key = f"{protocol}/{test.name}/{test.truths}"
        if key not in known["scores"]:
            maps = job.output / "maps" / test.name
            summary = segment(detector, weights, list(test.groups), SegmentJob(maps))
            if summary.failed:
                raise InputError(f"{test.name}: {len(summary.failed)} images cannot be read: {summary.failed[0]}")
            known["scores"][key] = evaluate(maps, test.truths, protocol).all
            write_text(path, json.dumps(known, indent=2) + "\n")
    return {test.name: known["scores"][f"{protocol}/{test.name}/{test.truths}"] for test in tests}
