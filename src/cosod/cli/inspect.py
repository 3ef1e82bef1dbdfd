"""``cosod inspect``: draws what a network computes for groups of photos, and the curves of training runs."""

from pathlib import Path

import click

from cosod.cli import choices
from cosod.cli.detector_options import Network, network_options
from cosod.cli.one_file import refuse_file_name
from cosod.cli.options import list_failed, note_animated, note_left_out, note_results
from cosod.cli.parameters import POSITIVE, ListOf, LocalPath


@click.command(short_help="Show what a network sees in groups, and the curves of training runs.")
@click.argument("paths", nargs=-1, type=LocalPath(must_exist=True), metavar="[PATH]...")
@click.option("-o", "--output", required=True, type=LocalPath(), help="Folder that the results are written to.")
@click.option(
    "--show",
    type=ListOf(choices.INSPECTIONS),
    help="Comma-separated list of what to show.  [default: all that the network has]",
)
@click.option(
    "--images", type=POSITIVE, default=8, show_default=True, help="Maximum number of photos of a group on a sheet."
)
@click.option(
    "--run",
    "--curves",
    "runs",
    multiple=True,
    metavar="DIR",
    type=LocalPath(),
    help="Folder of a training run whose learning curves are drawn; may be given several times, to compare runs.",
)
@network_options(without=("flip", "closer", "keep_regions", "backend", "precision"))
def command(paths, output, show, images, runs, network):
    """Show what a network computes for the groups in PATH, and the learning curves of training runs.

    \b
    cosod inspect photos/ -o seen/
    cosod inspect photos/ -o seen/ --show consensus,decoder --weights run/weights.safetensors
    cosod inspect --run runs/one --run runs/two -o curves/

    Groups are found as by `cosod segment`. OUTPUT/consensus holds a t-SNE plot, cosine similarities and tables of the
    consensus vectors of the groups; attention/<group>.png, activation/<group>.png and decoder/<group>.png show each
    group; learning_curves.png and learning_curves.csv show the runs. Photos that cannot be read are reported at the
    end, with exit code 1; all others are processed.
    """
    from cosod.analysis.training_curves import LOG, curve_files
    from cosod.errors import InputError
    from cosod.io.write_guard import guard

    refuse_file_name(output)
    if not paths and not runs:
        raise click.UsageError("give folders of photos, or --run with the folder of a training run")
    if any(path.resolve() == output.resolve() for path in (*paths, *runs)):
        raise InputError(f"{output} is an input too; give another folder for the results")
    weights = network.files()
    if runs:
        guard(curve_files(output), [*(run / LOG for run in runs), *weights])
    groups = _groups(paths, output, weights)
    if runs:
        _draw_curves(runs, output)
    if paths:
        _inspect(groups, output, show, images, network)


def _draw_curves(runs, output: Path) -> None:
    from cosod.analysis import plots
    from cosod.analysis.training_curves import draw, read_runs
    from cosod.io.wording import plural

    plots.check()
    found = read_runs(runs)
    written = draw(found, output)
    for run in found:
        if run.damaged:
            click.echo(f"{run.name}: damaged lines of its log that were left out: {run.damaged}", err=True)
    click.echo(f"Curves of {plural(len(found), 'run')} in {' and '.join(map(str, written))}", err=True)


def _groups(paths, output: Path, weights):
    """Finds the groups, and protects the inputs from being overwritten.

    Raises:
        InputError: there are no photos, or a result would overwrite an input.
    """
    from cosod.analysis.run import targets
    from cosod.apps.preflight import check_places
    from cosod.io.photo_groups import find_groups
    from cosod.io.write_guard import protect

    groups = find_groups(paths, exclude=[output], on_results=note_results, on_left_out=note_left_out) if paths else []
    note_animated(paths)
    protect(check_places(targets(output, groups), groups, weights))
    return groups


def _inspect(groups, output: Path, kinds, images: int, network: Network) -> None:
    from tqdm import tqdm

    from cosod.analysis.run import inspect
    from cosod.io.wording import plural
    from cosod.models import registry

    detector, _ = network.open()
    total = sum(len(group.images) for group in groups)
    where = f"{registry.name_of(detector.network)} at {detector.size} px on {detector.device}"
    click.echo(f"{plural(total, 'image')} in {plural(len(groups), 'group')}; {where}", err=True)
    with tqdm(total=total, unit="img", disable=None, dynamic_ncols=True) as bar:

        def report(event):
            if event["event"] == "image":
                bar.update()

        found = inspect(detector, groups, output, kinds, images, report)
    for notice in found.notices:
        click.echo(f"Note: {notice}", err=True)
    for line in _summary_lines(found.summary):
        click.echo(line)
    click.echo(f"{plural(len(found.written), 'file')} in {output}", err=True)
    list_failed(failure["error"] for failure in found.failed)


def _summary_lines(summary: dict) -> list[str]:
    """Formats the numbers that measure how well groups are separated; numbers that are not known are left out."""
    words = {
        "mean_cosine_of_groups": "mean cosine of different groups' consensus",
        "mean_cosine_with_own": "mean cosine of images with their own group's",
        "mean_cosine_with_nearest_other": "mean cosine of images with the nearest other group's",
        "margin": "own less nearest other",
    }
    lines = [f"{text:<54} {summary[key]:.3f}" for key, text in words.items() if summary.get(key) is not None]
    if summary.get("nearest_is_own") is not None:
        lines.append(f"{'images nearer to their own group than to any other':<54} {summary['nearest_is_own']:.1%}")
    return lines
