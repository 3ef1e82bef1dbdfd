"""``cosod watch``: processes the photos that arrive in a folder."""

import contextlib
import json
import signal
import threading
from collections.abc import Iterator

import click

from cosod.cli.apply import load_consensuses, open_for, split_consensuses, tell_absent
from cosod.cli.one_file import refuse_file_name
from cosod.cli.options import finish, map_options, note_left_out
from cosod.cli.parameters import PathOrURL, threshold_value
from cosod.io.wording import hundredths


@click.command(short_help="Process the photos that arrive in a folder.")
@click.argument("paths", nargs=-1, required=True, type=PathOrURL(), metavar="[CONSENSUS]... FOLDER")
@click.option("-o", "--output", required=True, type=PathOrURL(), help="Folder that the results are written to.")
@click.option(
    "--consensus",
    "files",
    multiple=True,
    type=PathOrURL(),
    help="Consensus that `cosod learn` wrote; may be given several times.",
)
@click.option(
    "--every",
    type=click.FloatRange(0.05),
    default=2.0,
    show_default=True,
    help="Seconds between two looks at the folder.",
)
@click.option("--idle", type=click.FloatRange(0), help="End after this number of seconds without a new photo.")
@click.option("--once", is_flag=True, help="End when the photos that are in the folder now are processed.")
@map_options
def command(
    paths,
    output,
    files,
    every,
    idle,
    once,
    save,
    threshold,
    outline,
    absent,
    overwrite,
    prune,
    as_json,
    network,
):
    """Find the object of a consensus in each photo that arrives in FOLDER, until Ctrl-C.

    A consensus is a file ending in .consensus that `cosod learn` wrote. A photo is processed once its file is complete,
    and again when it changes. Results have the names that `cosod apply` gives them: OUTPUT/<folder>/<photo>.png. The
    command may be stopped and started again.

    \b
        cosod learn mugs/ -o mug.consensus
        cosod watch mug.consensus incoming/ -o out/
    """
    from cosod.apps.group_job import targets
    from cosod.apps.preflight import check_output, check_places
    from cosod.apps.segment import SegmentJob
    from cosod.apps.stale import remove
    from cosod.apps.summary import Summary
    from cosod.apps.watch import Watch, watch
    from cosod.errors import InputError
    from cosod.io.write_guard import protect

    given, folders = split_consensuses(paths)
    files = [*given, *files]
    if not files or len(folders) != 1:
        raise InputError("give a consensus and one folder, as: cosod watch mug.consensus incoming/ -o out/")
    (folder,) = folders
    refuse_file_name(output)
    if folder.resolve() == output.resolve():
        raise InputError(f"{output} is the folder that photos come into; give another folder for the results")
    consensuses = load_consensuses(files)
    job = SegmentJob(output, save, threshold_value(threshold or "0.5"), overwrite, absent, outline)
    detector, identity, job = open_for(consensuses, files, job, threshold, network)
    total = Summary()

    def report(event: dict) -> None:
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        elif event["event"] == "image":
            presence = f" (presence {hundredths(event['presence'])})" if "presence" in event else ""
            click.echo(f"{event['image']}: {', '.join(event[kind] for kind in job.save)}{presence}", err=True)
        elif event["event"] == "failed":
            click.echo(f"could not be read: {event['error']}", err=True)

    watched = Watch(detector, identity, folder, job, consensuses, report)
    inputs = check_places(targets(job, watched.groups()), watched.groups(), [*files, *network.files()])
    protect(inputs)
    check_output(output)
    if not as_json:
        click.echo(f"Watching {folder}; results go to {output}; Ctrl-C ends it", err=True)
        tell_absent(detector, job)

    def looked(summary: Summary) -> None:
        nonlocal total
        total += summary
        if prune and (gone := watched.stale()):
            remove(gone)

    with _ended_by_signals() as stop:
        watch(watched, every, idle, once, looked, stop)
    total.failed = list(watched.failed.values())
    total.stale = [str(file) for file in watched.stale()]
    for file in watched.left_out:
        note_left_out(file)
    finish(total, output, as_json)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[threading.Event]:
    """Yields an event that is set by Ctrl-C (SIGINT) and by SIGTERM; a second signal raises KeyboardInterrupt.

    Outside the main thread, which alone can receive signals, the event is never set.
    """
    stop = threading.Event()

    def end(*_) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {}
    with contextlib.suppress(ValueError):
        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
