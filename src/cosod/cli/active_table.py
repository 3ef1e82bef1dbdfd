"""``cosod active table``: compares the scores of several settings, as shares of the scores with full supervision."""

import click

from cosod.cli.active_run import (
    changed,
    check_test,
    guard_active,
    read_pool,
    report_failed,
    run_options,
    say,
    start_of,
    take_threads,
)
from cosod.cli.one_file import refuse_file_name
from cosod.cli.parameters import LocalPath, whole_numbers

ROWS = "full,random10,margin10,paper10,paper10_no_attack,paper10_no_ensemble,paper10_no_diversity,paper10_regions"


@click.command(short_help="Run several set-ups over seeds, and print the table of their scores.")
@run_options
@click.option(
    "--test",
    required=True,
    type=LocalPath(),
    help="Folder of images and masks that the results are scored on.",
)
@click.option(
    "--presets",
    default=ROWS,
    show_default=True,
    help="Comma-separated list of set-ups, the rows of the table; see `cosod active run --list`.",
)
@click.option("--seeds", default="0,1", show_default=True, help="Comma-separated list of seeds.")
def command(data, output, subset, backbone, changes, device, threads, test, presets, seeds):
    """Run every set-up with every seed on one pool, score the final networks on a test set, and print the table.

    The table is also written to OUTPUT/table.md. What is finished in OUTPUT already is kept. Settings that --set
    changes hold for every row.
    """
    from cosod.active_learning.scores import ScoreRow, as_markdown, measure
    from cosod.active_learning.settings import load_preset
    from cosod.io.atomic_write import write_text

    refuse_file_name(output)
    numbers = whole_numbers(seeds, "--seeds")
    rows = [ScoreRow(name, load_preset(name, changed(changes))) for name in presets.split(",")]
    check_test(test)
    runs = [output / row.name / f"seed-{seed}" for row in rows for seed in numbers]
    guard_active(output, runs, data, test, backbone)
    take_threads(threads)
    pool, failed = read_pool(data, subset)
    measure(rows, numbers, pool, test, output, start_of(backbone), device, say)
    table = as_markdown(rows)
    write_text(output / "table.md", table + "\n")
    click.echo(table)
    report_failed(failed)
