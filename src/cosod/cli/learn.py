"""``cosod learn``: saves the consensus of photos that share an object in a file."""

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
@click.argument("paths", nargs=-1, required=True, type=LocalPath(must_exist=True), metavar="PATH...")
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
    failed, marked = [], any(mask is not None for mask in marks)
    detector, _ = network.open() if marked or others else network.open_for([len(images)])
    try:
        learned = detector.learn(images, marks, lambda index, error: failed.append(error), others)
    except InputError:  # if no image is left, the errors of the single images give the reasons
        for sentence in failed:
            click.echo(f"  {sentence}", err=True)
        raise
    learned.save(output)
    provenance = learned.provenance
    with_masks = f", {provenance.marked} of them marked" if provenance.marked else ""
    photos = plural(provenance.images, "photo")
    against = f", against {plural(provenance.negatives, 'photo')} without the object" if negatives else ""
    click.echo(f"Learned from {photos}{with_masks}{against}: {output}", err=True)
    if output.suffix != named.suffix:
        click.echo(f"Note: cosod apply takes names that end in .consensus; rename the file to {named}", err=True)
    if provenance.images == 1 and not provenance.marked:
        click.echo("Warning: one photo has nothing to share: what stands out in it was learned; mark it", err=True)
    list_failed(map(str, failed))


def photos_without(negatives: Sequence[Path], paths: Sequence[Path]) -> list[Path]:
    """Finds the photos that do not show the object.

    Args:
        negatives: the paths given with ``--not``.
        paths: the paths of photos that show the object.

    Returns:
        The photos under ``negatives``; an empty list if there are no such paths.

    Raises:
        InputError: a path does not exist, or is also one of ``paths``; or there are no photos under ``negatives``.

    Example:
        >>> photos_without([], [Path("mugs")])
        []
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
    """Finds the mask that the user gave for each photo.

    Args:
        masks: texts of the form ``PHOTO=MASK``. ``PHOTO`` is any path that leads to the file, a path relative to one of
            the folders in ``paths``, or the file name alone if only one photo has this name.
        images: the photos.
        paths: the folders and files under which the photos were found.

    Returns:
        For each photo the path of its mask, or None.

    Raises:
        InputError: a text has another form, its photo is not in ``images`` or is ambiguous, or a photo has two masks.

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
        # Names may contain "=" too, so the text is split at the first "=" whose left side is a photo.
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
    """Returns the indices of the photos that a text may mean, according to the first rule that matches any photo.

    The rules are: the text is a path of the photo; it is a path relative to one of ``paths``; it is the file name.
    """

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
