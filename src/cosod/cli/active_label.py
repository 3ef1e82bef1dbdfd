"""``cosod active label``: serves the page on which a person answers the points."""

import contextlib
import shlex
from pathlib import Path

import click

from cosod.cli.parameters import LocalPath


@click.command(short_help="Serve the page on which a person answers the points.")
@click.argument("source", metavar="RUN|QUERIES", type=LocalPath())
@click.option("--images", type=LocalPath(), help="Folder of the images of a QUERIES file.")
@click.option(
    "-o",
    "--output",
    type=LocalPath(),
    help="File that the answers to QUERIES are written to.  [default: answers.json beside it]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8620,
    show_default=True,
    help="Port of the page; 0 takes a free one.",
)
@click.option("--open", "opened", is_flag=True, help="Also open the page in a browser.")
def command(source, images, output, port, opened):
    """Serve the page on which a person answers the points, to this machine only.

    With the folder of a RUN, the answers become points of the run at once. With a queries.json that `cosod active query
    -o` wrote, they are written to answers.json beside it, for `cosod active import`. Every answer is saved before the
    next one is asked for; the page may be closed and opened again, and be open twice. Ctrl-C stops the server.
    """
    from cosod.errors import ExtraError

    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ExtraError("cosod active label", "active") from error

    from cosod.apps.serve.labeling import create_label_app
    from cosod.apps.serve.running import address_of, listen, run

    session = _session(source, images, output)
    if source.is_dir():
        then = f"cosod active query {shlex.quote(str(source))}"
        then_skipped = f"{then} --give-up"
        open_points = "; without the open points"
    else:
        then = then_skipped = f"cosod active import RUN {shlex.quote(str(session.path))}"
        open_points = "; with the answers so far"
    with listen("127.0.0.1", port) as listening:
        total = len(session.asked)
        address = f"{address_of(listening)}/"
        what = "See or correct the answers" if session.answered == total else "Answer the others"
        click.echo(f"{session.answered} of {total} points are answered. {what} at {address}", err=True)
        if opened:
            click.launch(address)
        with contextlib.suppress(KeyboardInterrupt):
            run(create_label_app(session, then, then_skipped), listening)
    click.echo(f"\n{session.answered} of {total} points are answered, and saved in {session.path}", err=True)
    if session.answered == total:
        click.echo(f"Go on with: {then}", err=True)
        return
    again = [f"cosod active label {shlex.quote(str(source))}"]
    again += [f"{option} {shlex.quote(str(path))}" for option, path in (("--images", images), ("-o", output)) if path]
    instead = f"{open_points}: {then_skipped}" if session.answered else ""
    click.echo(f"Answer the others with: {' '.join(again)}{instead}", err=True)


def _session(source: Path, images: Path | None, output: Path | None):
    from cosod.active_learning.points import unanswered
    from cosod.active_learning.queries import read_queries
    from cosod.active_learning.session import Session
    from cosod.active_learning.state import State
    from cosod.errors import InputError
    from cosod.io.write_guard import guard

    if not source.is_dir():
        pool, queries = read_queries(source, images)
        answers = output or source.with_name("answers.json")
        guard([answers], [source, source.with_name("pool.json"), *(pool.path(name) for name in pool.names)])
        return Session(pool, queries, answers)
    if images or output:
        raise InputError("--images and -o belong to a QUERIES file; a run knows its images and keeps its answers")
    state = State(source)
    pool = state.pool()
    backbone = state.backbone()
    if isinstance(backbone, Path) and backbone != Path("none") and not backbone.is_file():
        click.echo(
            f"Warning: {backbone}: the ImageNet weights of this run are not here; cosod active query will need them, "
            "or others by --backbone",
            err=True,
        )
    *earlier, last = [state.queries(number, pool) for number in range(state.rounds())] or [{}]
    known = state.points(pool)
    asked = {image: list(points) for image, points in last.items()}
    for queries in earlier:
        for image, points in unanswered(queries, known).items():
            asked.setdefault(image, []).extend(points)
    return Session(pool, asked, state.points_file)
