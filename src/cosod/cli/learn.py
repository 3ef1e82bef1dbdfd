"""``cosod learn``: keep what photos share in a file."""

from pathlib import Path

import click

from cosod.cli.options import group_options, list_failed, network_options, note_results, open_detector, weights_files


@click.command(short_help="Keep what some photos share in a file, for `cosod apply`.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File for the consensus.")
@click.option(
    "--mask",
    "masks",
    multiple=True,
    metavar="PHOTO=MASK",
    help="A mask of the object in one of the photos, white on black; may be given for several.",
)
@network_options()
@group_options
def command(paths, output, masks, **network):
    """Learn what photos share, and keep it: `cosod apply` finds it in any number of other photos.

    The photos are one group, whatever folders they lie in. With --mask the object is what the mask marks, and one
    marked photo is enough; photos without a mask then help as far as they show the same.
    """
    from cosod.errors import InputError
    from cosod.inference.consensus_file import is_consensus
    from cosod.io.photo_groups import find_groups
    from cosod.io.wording import plural
    from cosod.io.write_guard import guard

    images = [path for group in find_groups(paths, on_results=note_results) for path in group.images]
    marks = _marks(masks, images)
    if output.is_dir():
        raise InputError(f"{output} is a folder; give a file for the consensus, as {output}/object.consensus")
    guard([output], [*images, *marks, *weights_files(network["weights"])])
    if output.exists() and not is_consensus(output):
        raise InputError(f"{output} exists and is not a consensus; give another name, as object.consensus")
    failed = []
    detector, _ = open_detector(**network)
    learned = detector.learn(images, marks, lambda index, error: failed.append(error))
    learned.save(output)
    marked = f", {learned.facts.marked} of them marked" if learned.facts.marked else ""
    photos = plural(learned.facts.images, "photo")
    click.echo(f"Learned from {photos}{marked}: {output}", err=True)
    if learned.facts.images == 1 and not learned.facts.marked:
        click.echo("Warning: one photo has nothing to share: what stands out in it was learned; mark it", err=True)
    list_failed(map(str, failed))


def _marks(masks: tuple[str, ...], images: list[Path]) -> list[Path | None]:
    """For each image its mask, or None."""
    from cosod.errors import InputError

    places = {image.resolve(): number for number, image in enumerate(images)}
    found: list[Path | None] = [None] * len(images)
    for text in masks:
        photo, equals, mask = text.partition("=")
        if not equals or not mask:
            raise InputError(f"--mask {text}: give PHOTO=MASK, as --mask refs/1.jpg=1.png")
        number = places.get(Path(photo).resolve())
        if number is None:
            raise InputError(f"--mask {text}: {photo} is not among the photos given")
        found[number] = Path(mask)
    return found
