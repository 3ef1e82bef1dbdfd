"""``cosod make-distractors``: makes the distractor test of a data set."""

import click

from cosod.cli.one_file import refuse_file_name
from cosod.cli.parameters import LocalPath, place_of


@click.command(short_help="Make the distractor test of a set: each image beside one of another group.")
@click.argument("folder", metavar="[NAME=]DIR")
@click.option(
    "-o",
    "--output",
    required=True,
    type=LocalPath(file_okay=False),
    help="Folder that the test is written to; new, empty, or begun by the same command.",
)
@click.option(
    "--seed", default=0, show_default=True, help="Seed of the choice of each distractor and of the side it stands on."
)
@click.option("-q", "--quiet", is_flag=True, help="Show no progress bar.")
def command(folder, output, seed, quiet):
    """Place each image of the grouped set in DIR beside a distractor, an image of another group.

    The two images stand left and right of each other at the size of the first. The ground truth marks the object of
    the image's own group only, so that a network that ignores the group finds both objects. The images are written to
    OUTPUT/images/<group> and the masks to OUTPUT/gts/<group>. The same seed gives the same test on every machine.
    """
    from tqdm import tqdm

    from cosod.io.wording import plural
    from cosod.training.data.distractor_test import make_distractors

    place_of(folder)
    refuse_file_name(output)
    made = make_distractors(folder, output, seed)
    count = sum(1 for _ in tqdm(made, unit="img", disable=True if quiet else None))
    click.echo(f"{plural(count, 'image')} in {output}", err=True)
