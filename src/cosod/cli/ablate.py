"""``cosod ablate``: trains recipes over seeds, and prints the table of their scores."""

from pathlib import Path

import click

from cosod.cli import choices
from cosod.cli.one_file import refuse_file_name
from cosod.cli.parameters import LocalPath, OneOf, place_of, whole_numbers
from cosod.cli.train import coco_images_option, guard_run, overrides, recipe_options
from cosod.errors import InputError, nearest

#: The four measures of the papers, which come first in every table.
MEASURES = "max_e,s,max_f,mae"


@click.command(short_help="Train recipes over several seeds and print the table of their scores.")
@click.argument("recipes", nargs=-1, required=True, metavar="RECIPE...")
@click.option("--seeds", default="1,2", show_default=True, help="Comma-separated list of seeds.")
@click.option(
    "--data", multiple=True, required=True, metavar="[NAME=]DIR|JSON", help="Training set; see `cosod train`."
)
@coco_images_option
@click.option(
    "--test",
    "tests",
    multiple=True,
    required=True,
    metavar="[NAME=]DIR",
    help="Test set to score on; may be given several times.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=LocalPath(file_okay=False),
    help="Folder that the runs and the table are written to.",
)
@click.option(
    "--protocol",
    type=OneOf(choices.PROTOCOLS),
    default="papers",
    show_default=True,
    help="Protocol that defines the measures; see `cosod evaluate`.",
)
@click.option(
    "--measures", default=MEASURES, show_default=True, help="Comma-separated list of the measures in the table."
)
@click.option(
    "--backbone", metavar="FILE", help="File of ImageNet weights for the backbone; 'none' starts from random weights."
)
@recipe_options
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Number of processes that prepare images.  [default: by the number of cores]",
)
@click.option("--device", default="auto", show_default=True, help="Device to train on: auto, cpu, cuda, cuda:1, ...")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(
    recipes, seeds, data, images, tests, output, protocol, measures, backbone, workers, device, quiet, **changes
):
    """Train each RECIPE with each seed, score the results on the test sets, and print mean and standard deviation.

    The table is also written to OUTPUT/table.md and, with every measure and seed, to OUTPUT/table.csv. Given again, the
    command resumes: what is trained and scored already is kept.
    """
    from cosod.analysis.ablation import ablate, as_csv, as_markdown, open_test
    from cosod.evaluation.protocols import get
    from cosod.inference.cpu_fusion import prefer_kept_memory
    from cosod.io.atomic_write import write_text
    from cosod.io.images import SUFFIXES
    from cosod.io.write_guard import guard
    from cosod.training.config.recipe import load_recipe
    from cosod.training.run import TrainingJob

    refuse_file_name(output)
    keys = get(protocol).columns
    chosen = [measure.strip() for measure in measures.split(",")]
    if unknown := [measure for measure in chosen if measure not in keys]:
        raise InputError(f"protocol {protocol} has no measure {unknown[0]!r}; {nearest(unknown[0], keys)}")
    changed = overrides(**changes)
    if backbone == "none":
        changed["pretrained"] = False
    loaded = [load_recipe(recipe, changed) for recipe in recipes]
    start = Path(backbone) if backbone not in (None, "none") else None
    job = TrainingJob(loaded[0], data, output, start, images, device=device, workers=workers, progress=not quiet)
    numbers = whole_numbers(seeds, "--seeds")
    sets = [open_test(test) for test in tests]
    read = [*map(place_of, (*data, *tests)), images, start, *(Path(recipe) for recipe in recipes)]
    for recipe in loaded:
        for seed in numbers:
            folder = output / recipe.name / f"seed_{seed}"
            guard_run(folder, read, parent=output)
            guard([folder / "scores.json"], read, SUFFIXES, [folder / "maps"], output)
    guard([output / "table.md", output / "table.csv"], read, SUFFIXES, output=output)
    prefer_kept_memory()
    rows = ablate(loaded, numbers, sets, job, protocol, say=lambda line: click.echo(line, err=True))
    table = as_markdown(rows, chosen, len(numbers))
    write_text(output / "table.md", table + "\n")
    write_text(output / "table.csv", as_csv(rows))
    click.echo(table)
