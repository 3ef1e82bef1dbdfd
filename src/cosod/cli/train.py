"""``cosod train``: a recipe, a set of groups, a folder for the run."""

from pathlib import Path

import click

from cosod.cli.detector_options import weights_files
from cosod.cli.one_file import refuse_file_name
from cosod.cli.parameters import POSITIVE, place_of
from cosod.errors import InputError


def recipe_options(function):
    """The flags that change a recipe, for every command that takes one; :func:`overrides` reads them."""
    flags = [
        click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change any key; repeat for more."),
        click.option("--epochs", type=POSITIVE, help="Passes over the groups."),
        click.option("--size", type=POSITIVE, help="Side in pixels that images are resized to."),
        click.option("--batch", type=POSITIVE, help="Images of each of the two groups of a step, at most."),
        click.option("--lr", type=float, help="Learning rate at its peak."),
        click.option("--hold-out", metavar="N|FILE", help="Groups for validation: how many, or a file of names."),
    ]
    for flag in reversed(flags):
        function = flag(function)
    return function


def overrides(changes, epochs=None, size=None, batch=None, lr=None, hold_out=None, **more) -> dict:
    """What the flags change, by the keys of a recipe.

    Raises:
        InputError: a ``--set`` without ``=``, or a ``--hold-out`` that is neither a number nor a file of names.
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


@click.command(short_help="Train a network by a recipe, or go on where a run was stopped.")
@click.argument("recipe", required=False)
@click.option("--list", "listing", is_flag=True, help="List the recipes and stop.")
@click.option(
    "--data",
    multiple=True,
    metavar="[NAME=]DIR|JSON",
    help="Training set, a folder or COCO's instances; repeat to train on several jointly.",
)
@click.option(
    "--validate", multiple=True, metavar="[NAME=]DIR", help="Development set that validation scores; repeat for more."
)
@click.option("--images", type=click.Path(path_type=Path), metavar="DIR", help="Images of a COCO file not beside it.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder of the run.")
@click.option("--backbone", metavar="FILE", help="ImageNet weights of the backbone; 'none' starts from random ones.")
@click.option(
    "--init", type=click.Path(path_type=Path), metavar="FILE", help="Weights file, or earlier run, to start from."
)
@click.option("--replay", multiple=True, type=click.Path(path_type=Path), metavar="DIR", help="Order files to follow.")
@recipe_options
@click.option("--seed", type=int, help="Seed of all random choices.")
@click.option("--workers", type=click.IntRange(0), help="Processes that prepare images.  [default: by the cores]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--checkpoint-every", type=click.IntRange(1), default=250, show_default=True, help="Steps.")
@click.option("--log-every", type=click.IntRange(1), default=25, show_default=True, help="Steps.")
@click.option("--tensorboard", is_flag=True, help="Also write TensorBoard's event files.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(
    recipe, listing, data, output, backbone, seed, quiet, changes, epochs, size, batch, lr, hold_out, **machine
):
    """Train a network by RECIPE: a name (see --list), or a TOML file with a `base`.

    The folder of the run gets log.jsonl, checkpoint.pt, the order of the images, and at the end
    weights.safetensors for `cosod segment --weights`. Given again, the command goes on from the last checkpoint, on
    the CPU to the same numbers. On several GPUs: torchrun --nproc-per-node N -m cosod train ...
    """
    from cosod.training.config.recipe import load_recipe, recipe_names

    if listing:
        click.echo(_table([load_recipe(name) for name in recipe_names()]))
        return
    if not recipe or not data or output is None:
        raise click.UsageError("give a recipe, --data and -o; the recipes are shown by --list")
    refuse_file_name(output)
    changed = overrides(changes, epochs, size, batch, lr, hold_out, seed=seed)
    if backbone == "none":
        changed["pretrained"] = False
    chosen = load_recipe(recipe, changed)

    from cosod.training.loop import train
    from cosod.training.run import TrainingJob

    start = Path(backbone) if backbone not in (None, "none") else None
    read = [recipe, hold_out, start, machine["images"], *map(place_of, data)]
    guard_run(output, [*read, *weights_files(machine["init"])], machine["replay"])
    weights = train(TrainingJob(chosen, data, output, start, progress=not quiet, **machine))
    click.echo(f"Weights in {weights}; use them with: cosod segment --weights {weights} PHOTOS -o OUTPUT", err=True)


def guard_run(output: Path, read, replay=(), parent: Path | None = None) -> None:
    """Raises InputError where a run in ``output`` would write over what it reads.

    Args:
        output: folder of the run.
        read: files, and folders of images; ``None`` stands for an option that is not given.
        replay: folders of order files.
        parent: folder of several runs that this one is among.
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
