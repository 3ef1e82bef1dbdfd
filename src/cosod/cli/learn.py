"""``cosod learn``: saves what photos share in a file."""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import click

from cosod.cli.detector_options import group_options, network_options
from cosod.cli.one_file import FILE_ENDINGS
from cosod.cli.options import list_failed, note_animated, note_left_out, note_results
from cosod.cli.parameters import LocalPath


@click.command(short_help="Save what some photos share as a consensus, for `cosod apply`.")
@click.argument("paths", nargs=-1, required=True, type=LocalPath(), metavar="PATH...")
@click.option("-o", "--output", required=True, type=LocalPath(), help="File that the consensus is written to.")
@click.option(
    "--mask",
    "masks",
    multiple=True,
    metavar="PHOTO=MASK",
    help="Mask of the object in one of the photos, white on black; may be given for several photos.",
)
@click.option(
    "--not",
    "negatives",
    multiple=True,
    type=LocalPath(),
    metavar="PATH",
    help="A photo, or a folder of photos, of what the object is not; may be given several times.",
)
@network_options()
@group_options
def command(paths, output, masks, negatives, network):
    """Learn what photos share, and save it: `cosod apply` finds it in any number of other photos.

    The photos are one group, whatever folders they lie in. With --mask the object is what the mask marks, and one
    marked photo is enough; photos without a mask then help as far as they show the same.

    Photos given with --not do not show the object, but things that are taken for it: where `cosod apply` finds
    something that resembles one of these more than the object, it leaves it out, and presence is low.
    """
    from cosod.errors import InputError
    from cosod.inference.consensus_file import is_consensus
    from cosod.io.photo_groups import find_groups
    from cosod.io.wording import plural
    from cosod.io.write_guard import guard

    others = photos_without(negatives, paths)
    groups = find_groups(paths, negatives, on_results=note_results, on_left_out=note_left_out)
    note_animated([*paths, *negatives])
    real = {os.path.realpath(path) for path in others}
    images = [path for group in groups for path in group.images if os.path.realpath(path) not in real]
    if not images:
        raise InputError("every photo is given with --not too; give photos that show the object")
    marks = marks_of(masks, images, paths)
    if output.is_dir():
        raise InputError(f"{output} is a folder; give a file for the consensus, as {output}/object.consensus")
    named = output.with_suffix(".consensus")
    if output.suffix != named.suffix and output.suffix.lower() in FILE_ENDINGS:
        raise InputError(f"-o {output}: is the name of another kind of file; give one as {named}")
    guard([output], [*images, *others, *marks, *network.files()])
    if output.exists() and not is_consensus(output):
        raise InputError(f"{output} exists and is not a consensus; give another name, as object.consensus")
    failed = []
    detector, _ = network.open()
    try:
        learned = detector.learn(images, marks, lambda index, error: failed.append(error), others)
    except InputError:  # with none left, the reasons are those of the single images
        for sentence in failed:
            click.echo(f"  {sentence}", err=True)
        raise
    learned.save(output)
    provenance = learned.provenance
    marked = f", {provenance.marked} of them marked" if provenance.marked else ""
    photos = plural(provenance.images, "photo")
    against = f", against {plural(provenance.negatives, 'photo')} without the object" if negatives else ""
    click.echo(f"Learned from {photos}{marked}{against}: {output}", err=True)
    if output.suffix != named.suffix:
        click.echo(f"Note: cosod apply takes names that end in .consensus; rename the file to {named}", err=True)
    if provenance.images == 1 and not provenance.marked:
        click.echo("Warning: one photo has nothing to share: what stands out in it was learned; mark it", err=True)
    list_failed(map(str, failed))


def photos_without(negatives: Sequence[Path], paths: Sequence[Path]) -> list[Path]:
    """Returns the photos under the paths given with ``--not``; none if there are no such paths.

    Raises:
        InputError: a path does not exist, holds no photos, or is given as showing the object too.
    """
    from cosod.errors import InputError
    from cosod.io.photo_groups import find_groups

    given = {os.path.realpath(path) for path in paths}
    for path in negatives:
        if os.path.realpath(path) in given:
            raise InputError(f"{path} is given with --not and as showing the object; give it once")
    if not negatives:
        return []
    groups = find_groups(negatives, on_results=note_results, on_left_out=note_left_out)
    return [image for group in groups for image in group.images]


def marks_of(masks: Sequence[str], images: Sequence[Path], paths: Sequence[Path] = ()) -> list[Path | None]:
    """Returns the mask of each image, or None.

    Args:
        masks: ``PHOTO=MASK``. The photo may be spelled in any way that leads to the file, as it is called in one of the
            folders given, or by its name alone where only one photo has it.
        images: the photos.
        paths: folders and files that they were found in.

    Raises:
        InputError: not of this form, of a photo that was not given, or a second mask of a photo.

    Example:
        >>> marks_of(["1.jpg=1.png"], [Path("refs/1.jpg"), Path("refs/2.jpg")])
        [PosixPath('1.png'), None]
    """
    from cosod.errors import InputError

    found: list[Path | None] = [None] * len(images)
    for text in masks:
        cuts = [place for place, letter in enumerate(text) if letter == "=" and 0 < place < len(text) - 1]
        if not cuts:
            raise InputError(f"--mask {text}: give PHOTO=MASK, as --mask refs/1.jpg=1.png")
        # Names may hold the sign too: the first cut that gives a photo is meant.
        hits = ((_photo_of(text[:cut], images, paths), text[cut + 1 :]) for cut in cuts)
        numbers, mask = next((hit for hit in hits if hit[0]), ([], ""))
        photo = text[: cuts[0]]
        if not numbers:
            raise InputError(f"--mask {text}: {photo} is not among the photos given")
        if len(numbers) > 1:
            several = " and ".join(str(images[number]) for number in numbers[:2])
            raise InputError(f"--mask {text}: {photo} may be {several}; give its path")
        if found[numbers[0]] is not None:
            raise InputError(f"--mask {text}: {images[numbers[0]]} has another mask already; give one for each photo")
        found[numbers[0]] = Path(mask)
    return found


def _photo_of(text: str, images: Sequence[Path], paths: Sequence[Path]) -> list[int]:
    """Returns the numbers of the photos that a spelling may mean; by the first rule that gives any."""

    def place(path: Path) -> str:
        return unicodedata.normalize("NFC", os.path.normcase(os.path.realpath(path)))

    given = Path(text).expanduser()
    places = [place(image) for image in images]
    for candidate in (given, *(path / given for path in paths if path.is_dir())):
        if numbers := [number for number, known in enumerate(places) if known == place(candidate)]:
            return numbers
    if given.name != text:
        return []
    wanted = unicodedata.normalize("NFC", text)
    return [number for number, image in enumerate(images) if unicodedata.normalize("NFC", image.name) == wanted]
