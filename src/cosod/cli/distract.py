"""``cosod distract``: the distractor test of a set."""

from pathlib import Path

import click

from cosod.cli.one_file import refuse_file_name


@click.command(short_help="Make the distractor test of a set: each image beside one of another group.")
@click.argument("folder", metavar="[NAME=]DIR")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, file_okay=False), help="New folder.")
@click.option("--seed", default=0, show_default=True, help="Decides which images meet, and on which side.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
def command(folder, output, seed, quiet):
    """Join every image of the grouped set in DIR, left or right, with an image of another group, at its own size.

    The truth is the group's object only: a network that ignores the group finds both objects. OUTPUT gets
    images/<group> and gts/<group>; the same seed gives the same test on every machine.
    """
    from tqdm import tqdm

    from cosod.io.wording import plural
    from cosod.training.data.distractor_test import make_distractors

    refuse_file_name(output)
    made = make_distractors(folder, output, seed)
    count = sum(1 for _ in tqdm(made, unit="img", disable=True if quiet else None))
    click.echo(f"{plural(count, 'image')} in {output}", err=True)
