"""``cosod active run``: runs the whole loop, in which masks give the answers in place of a person."""

from collections.abc import Sequence
from pathlib import Path

import click

from cosod.cli.detector_options import use_of
from cosod.cli.one_file import refuse_file_name
from cosod.cli.options import list_failed
from cosod.cli.parameters import LocalPath
from cosod.errors import InputError

threads_option = click.option(
    "--threads",
    type=click.IntRange(1),
    help="Number of CPU threads; the same number gives the same results.  [default: the number of free cores]",
)


def run_options(function):
    """Adds the options that ``run`` and ``table`` share."""
    flags = [
        click.option("--data", required=True, type=LocalPath(), help="Folder of the pool: images and their masks."),
        click.option(
            "-o",
            "--output",
            required=True,
            type=LocalPath(),
            help="Folder that the results are written to.",
        ),
        click.option("--subset", type=click.IntRange(1), help="Number of images to take at random.  [default: all]"),
        click.option("--backbone", metavar="FILE", help="File of ImageNet weights; 'none' starts from random weights."),
        click.option(
            "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a setting; may be given several times."
        ),
        click.option(
            "--device", default="auto", show_default=True, help="Device to train on: auto, cpu, cuda, cuda:1, ..."
        ),
        threads_option,
    ]
    for flag in reversed(flags):
        function = flag(function)
    return function


def _list_presets(context, parameter, wanted) -> None:
    if wanted:
        from cosod.active_learning.settings import presets

        click.echo("\n".join(f"{name:<20} {line}" for name, line in presets().items()))
        context.exit()


def _explain(context, parameter, key) -> None:
    if key is not None:
        from cosod.active_learning.settings import explain

        click.echo(explain(key, context.params["preset"]))
        context.exit()


@click.command(short_help="Simulate the loop, with masks that answer in place of a person.")
@run_options
@click.option("--preset", default="paper10", show_default=True, is_eager=True, help="Set-up to run; see --list.")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list_presets, help="List the presets and exit."
)
@click.option(
    "--explain",
    metavar="KEY",
    expose_value=False,
    callback=_explain,
    help="Print what a setting does, its value and its default, and exit; a part, as attack, stands for its keys.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all random choices.")
@click.option("--test", type=LocalPath(), help="Folder of images and masks that the result is scored on.")
def command(data, output, subset, backbone, changes, device, threads, preset, seed, test):
    """Choose clicks in a pool, answer them from its masks, and train on them.

    The pool is a folder with images/ and gts/, with or without groups. The folder of the run holds points.json with the
    clicks, and weights.safetensors, which `cosod segment --weights` takes. Given again, the command resumes where it
    was stopped; on the CPU the result is the same to the bit.
    """
    from cosod.active_learning.loop import Loop
    from cosod.active_learning.scores import MEASURES, score
    from cosod.active_learning.settings import load_preset

    refuse_file_name(output)
    settings = load_preset(preset, changed(changes) | {"seed": seed})
    check_test(test)
    guard_active(output, [output], data, test, backbone)
    take_threads(threads)
    pool, failed = read_pool(data, subset)
    weights = Loop.open(output, pool, settings, device, backbone=start_of(backbone), say=say).run()
    say(f"Weights in {weights}; use them with: {use_of(weights)}")
    if test:
        scores = score(weights, test, output / "maps", device)
        click.echo(" ".join(f"{name} {scores[name]:.4f}" for name in MEASURES))
    report_failed(failed)


def changed(changes: tuple[str, ...]) -> dict[str, str]:
    """Parses the values of ``--set KEY=VALUE`` into a dictionary.

    Raises:
        InputError: a value has no ``=``.

    Example:
        >>> changed(("training.steps=100",))
        {'training.steps': '100'}
    """
    if wrong := [change for change in changes if "=" not in change]:
        raise InputError(f"--set {wrong[0]}: give KEY=VALUE, for instance --set training.steps=100")
    return {key.strip(): value.strip() for key, _, value in (change.partition("=") for change in changes)}


def read_pool(data: Path, subset: int | None):
    """Reads the pool in a folder.

    Args:
        data: folder of the pool.
        subset: number of images that are chosen at random; None for all.

    Returns:
        The pool, and the errors of the images that cannot be read and are left out.
    """
    from cosod.active_learning.pool import Pool

    failed: list[Exception] = []
    return Pool.scan(data, subset, on_error=failed.append), failed


def guard_active(output: Path, runs: Sequence[Path], data: Path | None, test: Path | None, backbone: str | None):
    """Checks that runs do not overwrite their images, their masks or the file of ``--backbone``.

    Args:
        output: folder of all results.
        runs: folders of the runs.
        data: folder of the pool; None if it is not given.
        test: folder on which results are scored; None if it is not given.
        backbone: value of ``--backbone``.

    Raises:
        InputError: one of these files would be overwritten.
    """
    from cosod.active_learning.state import FILES
    from cosod.io.images import SUFFIXES
    from cosod.io.write_guard import guard

    targets = [run / name for run in runs for name in FILES]
    guard(targets, [data, test, start_of(backbone)], SUFFIXES, [run / "maps" for run in runs], output)


def check_test(test: Path | None) -> None:
    """Checks, before hours of work, that the folder of ``--test`` has images and masks.

    Raises:
        InputError: the folder has no images or no masks.
    """
    from cosod.active_learning.pool import Pool

    if test is not None:
        Pool.scan(test, subset=1).masks()


def start_of(backbone: str | None) -> Path | str | None:
    """Converts the value of ``--backbone``: a URL stays a string, and any other text becomes a path.

    Example:
        >>> start_of("https://example.com/weights.pth")
        'https://example.com/weights.pth'
    """
    return backbone if backbone is None or "://" in backbone else Path(backbone)


def take_threads(threads: int | None) -> None:
    """Sets the number of CPU threads of PyTorch.

    If no number is given and fewer threads than usual are used because other programs are running, the number is
    printed. The function also makes the C library keep freed memory, which speeds up training.

    Args:
        threads: number of threads; by default it depends on the load of the machine.
    """
    import torch

    from cosod.inference.cpu_fusion import prefer_kept_memory
    from cosod.inference.threads import set_threads

    prefer_kept_memory()
    most = torch.get_num_threads()
    taken = set_threads(threads)
    if threads is None and taken < most:
        say(f"Computing with {taken} of {most} threads, as other programs use the machine; --threads N takes N")


def say(line: str) -> None:
    """Prints a line to standard error."""
    click.echo(line, err=True)


def report_failed(failed: list[Exception]) -> None:
    """Prints the errors of the images that were left out; if there are any, the command ends with exit code 1."""
    list_failed(map(str, failed), more="; left out")
