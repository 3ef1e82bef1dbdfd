"""``cosod active import``: adds the answers in a file to a run."""

import click

from cosod.cli.parameters import LocalPath

#: Maximum number of problems that are printed one by one.
SHOWN = 20


@click.command(short_help="Add the answers of a file to a run.")
@click.argument("run", type=LocalPath())
@click.argument("answers", type=LocalPath())
@click.option("--leave-out", is_flag=True, help="Add the answers that fit, although others in the file do not.")
def command(run, answers, leave_out):
    """Add the ANSWERS of people to the points of a RUN.

    ANSWERS is answers.json of the label page, a JSON export of Label Studio, or the XML of CVAT for images 1.1. Answers
    that contradict each other or earlier ones, lie outside their image or were not asked for are listed; then nothing
    is added, and the exit code is 1. With --leave-out all others are added.
    """
    from cosod.active_learning.answers import merge, read_answers
    from cosod.active_learning.state import State
    from cosod.io.write_guard import guard

    state = State(run)
    guard([state.points_file], [answers])
    pool = state.pool()
    asked = [state.queries(number, pool) for number in range(state.rounds())]
    merged = merge(read_answers(answers, pool), state.points(pool), asked, pool)
    for problem in merged.problems[:SHOWN]:
        click.echo(f"  {problem}", err=True)
    if (more := len(merged.problems) - SHOWN) > 0:
        click.echo(f"  and {more} more", err=True)
    if merged.problems and not leave_out:
        click.echo(
            f"Error: {answers}: {len(merged.problems)} answers do not fit, see above; nothing was added. "
            "Correct them, or give --leave-out",
            err=True,
        )
        raise click.exceptions.Exit(1)
    if merged.new:
        merged.points.save(state.points_file)
    click.echo(
        f"Answers added: {merged.new}, known already: {merged.known}, still open in {answers}: {merged.unanswered}, "
        f"left out: {len(merged.problems)}",
        err=True,
    )
    if merged.problems:
        raise click.exceptions.Exit(1)
