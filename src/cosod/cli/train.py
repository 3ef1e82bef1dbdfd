"""``cosod train``: trains a network by a recipe."""

from pathlib import Path

import click

from cosod.cli.detector_options import use_of, weights_files
from cosod.cli.one_file import refuse_file_name
from cosod.cli.parameters import POSITIVE, LocalPath, place_of
from cosod.errors import InputError

#: The option for the folder of the images of a training set that is a COCO file.
coco_images_option = click.option(
    "--images",
    type=LocalPath(),
    metavar="DIR",
    help="Folder of the images of a COCO file, if not beside it.",
)


def recipe_options(function):
    """Adds the options that change a recipe; :func:`overrides` turns their values into keys of the recipe."""
    flags = [
        click.option(
            "--set",
            "changes",
            multiple=True,
            metavar="KEY=VALUE",
            help="Change a key of the recipe; may be given several times.",
        ),
        click.option("--epochs", type=POSITIVE, help="Number of passes over the groups."),
        click.option(
            "--size",
            type=POSITIVE,
            help="Working size: images are resized to as many pixels as a square of this side has.",
        ),
        click.option("--batch", type=POSITIVE, help="Maximum number of images of each group of a step."),
        click.option("--lr", type=float, help="Peak learning rate."),
        click.option(
            "--hold-out",
            metavar="N|FILE",
            help="Groups that are held out for validation: their number, or a file of their names.",
        ),
    ]
    for flag in reversed(flags):
        function = flag(function)
    return function


def overrides(changes, epochs=None, size=None, batch=None, lr=None, hold_out=None, **more) -> dict:
    """Returns the changes that the options make to a recipe, as a dictionary of key -> value.

    Args:
        changes: values of ``--set``, of the form ``KEY=VALUE``.
        epochs, size, batch, lr, hold_out: values of the options of the same names; None for those that are not given.
        more: further keys and values of the recipe; values that are None are left out.

    Raises:
        InputError: a value of ``--set`` has no ``=``, or the value of ``--hold-out`` is neither a number nor a file
            that can be read.
    """
    found = {} if hold_out is None else _held_out(hold_out)
    if epochs is not None:
        found |= {"epochs": epochs, "steps": 0}
    named = {"size": size, "sampling.images": batch, "optimizer.lr": lr, **more}
    found |= {key: value for key, value in named.items() if value is not None}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise InputError(f"--set {change}: give KEY=VALUE, for instance --set steps=100")
        found[key.strip()] = value.strip()
    return found


@click.command(short_help="Train a network by a recipe, or resume a run.")
@click.argument("recipe", required=False)
@click.option("--list", "listing", is_flag=True, help="List the recipes and exit.")
@click.option(
    "--explain",
    metavar="KEY",
    help="Print what a key of RECIPE does, its value and default, and exit; a part, as augment, stands for its keys.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="[NAME=]DIR|JSON",
    help="Training set: a folder of groups, or a COCO file of instances; may be given several times.",
)
@click.option(
    "--validate",
    multiple=True,
    metavar="[NAME=]DIR",
    help="Further set that is scored at each validation; may be given several times.",
)
@coco_images_option
@click.option("-o", "--output", type=LocalPath(file_okay=False), help="Folder that the run is written to.")
@click.option(
    "--backbone", metavar="FILE", help="File of ImageNet weights for the backbone; 'none' starts from random weights."
)
@click.option(
    "--init",
    type=LocalPath(),
    metavar="FILE",
    help="Weights file, or folder of an earlier run, to start from.",
)
@click.option(
    "--replay",
    multiple=True,
    type=LocalPath(),
    metavar="DIR",
    help="Folder of order files that say which images meet in each step; one for each --data.",
)
@recipe_options
@click.option("--seed", type=int, help="Seed of all random choices.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    help="Number of processes that prepare images.  [default: by the number of cores]",
)
@click.option("--device", default="auto", show_default=True, help="Device to train on: auto, cpu, cuda, cuda:1, ...")
@click.option(
    "--checkpoint-every",
    type=click.IntRange(1),
    default=250,
    show_default=True,
    help="Number of steps between two checkpoints.",
)
@click.option(
    "--log-every",
    type=click.IntRange(1),
    default=25,
    show_default=True,
    help="Number of steps between two lines of the log.",
)
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard's event files.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(
    recipe, listing, explain, data, output, backbone, seed, quiet, changes, epochs, size, batch, lr, hold_out, **machine
):
    """Train a network by RECIPE, which is a name (see --list) or a TOML file.

    The folder of the run holds log.jsonl, checkpoint.pt, the order of the images, and at the end weights.safetensors,
    which `cosod segment --weights` takes. Given again, the command resumes from the last checkpoint; on the CPU the
    result is the same to the bit. On several GPUs: torchrun --nproc-per-node N -m cosod train ...
    """
    from cosod.training.config import recipe as recipes

    if listing:
        click.echo(_table([recipes.load_recipe(name) for name in recipes.recipe_names()]))
        return
    if explain is not None:
        click.echo(recipes.explain(explain, recipe))
        return
    if not recipe or not data or output is None:
        raise click.UsageError("give a recipe, --data and -o; the recipes are shown by --list")
    refuse_file_name(output)
    changed = overrides(changes, epochs, size, batch, lr, hold_out, seed=seed)
    if backbone == "none":
        changed["pretrained"] = False
    chosen = recipes.load_recipe(recipe, changed)

    from cosod.inference.cpu_fusion import prefer_kept_memory
    from cosod.training.loop import train
    from cosod.training.run import TrainingJob

    start = Path(backbone) if backbone not in (None, "none") else None
    read = [recipe, hold_out, start, machine["images"], *map(place_of, data)]
    guard_run(output, [*read, *weights_files(machine["init"])], machine["replay"])
    prefer_kept_memory()
    weights = train(TrainingJob(chosen, data, output, start, progress=not quiet, **machine))
    click.echo(f"Weights in {weights}; use them with: {use_of(weights)}", err=True)


def guard_run(output: Path, read, replay=(), parent: Path | None = None) -> None:
    """Checks that a training run does not overwrite its inputs, and protects the inputs.

    Args:
        output: folder of the run.
        read: files, and folders of images, that are read; None stands for an option that was not given.
        replay: folders of files that give the order of the training samples.
        parent: folder of several runs that contains ``output``; None if there is none.

    Raises:
        InputError: an input would be overwritten.
    """
    from cosod.io.images import SUFFIXES
    from cosod.io.write_guard import files_under, guard
    from cosod.training.run import FILES, FOLDERS

    orders = files_under(replay)
    folders = [output / name for name in FOLDERS]
    guard([output / name for name in FILES], [*filter(None, read), *orders], SUFFIXES, folders, parent or output)


def _table(recipes) -> str:
    width = max(len(recipe.name) for recipe in recipes)
    return "\n".join(
        f"{recipe.name:<{width}}  {recipe.description}\n{'':<{width}}  ({recipe.source})" for recipe in recipes
    )


def _held_out(text: str) -> dict:
    if text.isdecimal():
        return {"validation.held_out": int(text), "validation.names": []}
    try:
        names = Path(text).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--hold-out {text}: give a number of groups, or a file of names ({error})") from error
    return {"validation.names": [name.strip() for name in names if name.strip()]}
