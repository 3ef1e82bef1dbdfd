"""``cosod active query``: chooses the points that a person should answer next."""

import shlex

import click

from cosod.cli import choices
from cosod.cli.active_run import (
    changed,
    guard_active,
    read_pool,
    report_failed,
    say,
    start_of,
    take_threads,
    threads_option,
)
from cosod.cli.detector_options import use_of
from cosod.cli.one_file import refuse_file_name
from cosod.cli.parameters import ListOf, LocalPath


@click.command(short_help="Write the points that a person should answer next.")
@click.argument("run", type=LocalPath())
@click.option("--data", type=LocalPath(), help="Folder of the images of a new RUN.")
@click.option(
    "--subset", type=click.IntRange(1), help="Number of images that a new RUN takes at random.  [default: all]"
)
@click.option("--preset", help="Set-up of a new RUN; see `cosod active run --list`.  [default: paper10]")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of a new RUN; may be given several times.",
)
@click.option("--seed", type=int, help="Seed of all random choices in a new RUN.  [default: 0]")
@click.option("--backbone", metavar="FILE", help="File of ImageNet weights; 'none' starts from random weights.")
@click.option("--device", default="auto", show_default=True, help="Device to train on: auto, cpu, cuda, cuda:1, ...")
@threads_option
@click.option("--give-up", is_flag=True, help="Continue although some points of this round are not answered.")
@click.option("-o", "--output", type=LocalPath(), help="Folder that the points are also written to.")
@click.option(
    "--format",
    "formats",
    type=ListOf(choices.QUERY_FORMATS),
    help="With -o, comma-separated list of the formats to write.  [default: json]",
)
@click.option(
    "--image-url", metavar="URL", help="With -o, prefix of the names of images in the tasks for Label Studio."
)
def command(run, data, subset, preset, changes, seed, backbone, device, threads, give_up, output, formats, image_url):
    """Choose the next points of every image of RUN, for a person to answer.

    A new RUN starts with --data and random points. When the points of a round are answered, by `cosod active label` or
    `cosod active import`, the command trains on them and chooses the next ones; after the last round it trains the
    final network, whose weights.safetensors `cosod segment --weights` takes. Points that still wait for an answer are
    written again.
    """
    from cosod.active_learning.queries import LOCAL_FILES, check_formats, query_files, write_queries

    refuse_file_name(output)
    if output is None and (formats or image_url):
        raise click.UsageError("--format and --image-url need a folder to write to; give -o FOLDER")
    if data is None and (subset or preset or changes or seed is not None):
        raise click.UsageError("--subset, --preset, --set and --seed are for a new run; give --data FOLDER with them")
    wanted = check_formats(formats or ("json",))  # checked before the slow imports and the work

    from cosod.active_learning.loop import Loop
    from cosod.active_learning.settings import load_preset
    from cosod.active_learning.state import State
    from cosod.io.images import SUFFIXES
    from cosod.io.wording import plural
    from cosod.io.write_guard import InputFiles, files_under

    guard_active(run, [run], data, None, backbone)
    if output:
        state = State(run)
        kept = [state.settings, state.pool_file, state.points_file]
        InputFiles(files_under([data, *kept], SUFFIXES, run)).refuse(query_files(output, wanted))
    take_threads(threads)
    pool, settings, failed = None, None, []
    if data is not None:
        # An existing run has its settings. They are compared with new ones only if the user gives options of settings.
        if preset or changes or seed is not None or not State(run).exists():
            settings = load_preset(preset or "paper10", changed(changes) | {"seed": seed or 0})
        pool, failed = read_pool(data, subset)
    loop = Loop.open(run, pool, settings, device, backbone=start_of(backbone), say=say)
    queries = loop.asked(give_up)
    if not queries:
        weights = loop.finish()
        say(f"All rounds are answered. Weights in {weights}; use them with: {use_of(weights)}")
    else:
        points = sum(map(len, queries.values()))
        found = f"{plural(points, 'point')} in {plural(len(queries), 'image')}"
        say(f"{found} {'waits' if points == 1 else 'wait'} for an answer: cosod active label {shlex.quote(str(run))}")
        if output:
            for path in write_queries(output, loop.pool, queries, wanted, image_url or LOCAL_FILES):
                click.echo(path)
    report_failed(failed)
