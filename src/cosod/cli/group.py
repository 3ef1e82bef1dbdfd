"""``cosod group``: sorts photos into albums that share an object."""

import json
from pathlib import Path

import click

from cosod.cli.detector_options import network_options
from cosod.cli.one_file import refuse_file_name
from cosod.cli.options import (
    left_out,
    list_absent,
    list_failed,
    note_animated,
    note_left_out,
    note_results,
    progress,
    save_option,
)
from cosod.cli.parameters import LocalPath


@click.command(short_help="Sort photos into albums that share an object.")
@click.argument("paths", nargs=-1, required=True, type=LocalPath(must_exist=True), metavar="PATH...")
@click.option("-o", "--output", required=True, type=LocalPath(), help="Folder that the albums are written to.")
@click.option("--copy", is_flag=True, help="Copy the photos instead of linking to them.")
@click.option("--segment/--no-segment", default=True, show_default=True, help="Also segment the object of each album.")
@save_option("With --segment, comma-separated list of the results to write.")
@click.option(
    "--absent",
    type=click.Choice(["keep", "blank", "report"]),
    default="keep",
    show_default=True,
    help="What to do with photos that do not show the object of their album: keep their maps, blank them, or report "
    "them.",
)
@click.option("--smallest", type=int, default=2, show_default=True, help="Minimum number of photos in an album.")
@network_options()
@click.option(
    "--overwrite",
    is_flag=True,
    help="Sort again if the folder contains albums of other photos or made with other options.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the albums as JSON to standard output.")
def command(paths, output, copy, segment, save, absent, smallest, overwrite, as_json, network):
    """Sort the photos under PATH, at any depth, into albums whose photos share an object.

    OUTPUT/album-001 is the largest album, and OUTPUT/leftovers holds the photos that share their object with no other.
    Albums hold links to the photos, or copies with --copy; albums.jpg shows and albums.json lists them. Each album is
    then segmented as a group: OUTPUT/results/<album>/<photo>.png.

    The photos themselves are not changed. To resume a run that was stopped, give the same command again. Photos that
    cannot be read are left out and reported at the end, with exit code 1.
    """
    from tqdm import tqdm

    from cosod.apps.absence import check_calibrated
    from cosod.apps.albums.job import RESULTS, AlbumJob, check_albums, find_photos, sort_photos
    from cosod.apps.preflight import check_output
    from cosod.apps.segment import SegmentJob, run
    from cosod.errors import InputError
    from cosod.io.write_guard import protect

    refuse_file_name(output)
    job = AlbumJob(output, copy, overwrite, smallest)
    results = SegmentJob(output / RESULTS, save, overwrite=overwrite, absent=absent)
    if any(p.resolve() == output.resolve() for p in paths):
        raise InputError(f"{output} is an input too; give another folder for the albums")
    photos = find_photos(paths, output, note_results, note_left_out)
    note_animated(paths)
    protect(check_albums(job, [*photos, *network.files()]))
    check_output(output)
    detector, identity = network.open()
    if segment:
        check_calibrated(detector.calibration, results.absent)
    with tqdm(total=len(photos), unit="img", desc="describing", disable=None, dynamic_ncols=True) as bar:
        found = sort_photos(detector, identity, photos, job, bar.update)
    failed, absent_photos = list(found.failed), []
    if segment and found.albums:
        total = sum(len(album.images) for album in found.albums)
        with progress(total, as_json=False) as report:
            summary = run(detector, identity, list(found.albums), results, report)
        known = {entry["image"] for entry in failed}
        failed += [
            {"image": entry["image"], "error": entry["error"]}
            for entry in summary.failed
            if entry["image"] not in known
        ]
        absent_photos = summary.absent
    if as_json:
        albums = {album.name: [str(photo) for photo in album.images] for album in found.albums}
        shown = {"albums": albums, "leftovers": [str(p) for p in found.leftovers], "failed": failed}
        shown["left_out"] = [file.as_dict() for file in left_out()]
        shown |= {"absent": absent_photos} if absent != "keep" else {}
        click.echo(json.dumps(shown, ensure_ascii=False))
    _print_found(found, output)
    list_absent(absent_photos)
    list_failed((entry["error"] for entry in failed), "photo")


def _print_found(found, output: Path) -> None:
    from cosod.io.wording import plural

    rest = len(found.leftovers)
    if not found.albums:
        line = f"No two of the {rest} photos share an object: all are in {output / 'leftovers'}"
        click.echo(
            line if rest > 1 else f"One photo has no other to share an object with: {output / 'leftovers'}", err=True
        )
        return
    sizes = ", ".join(str(len(album.images)) for album in found.albums[:10]) + (
        ", ..." if len(found.albums) > 10 else ""
    )
    albums = f"{plural(len(found.albums), 'album')} of {sizes} photos"
    line = f"{albums}, {plural(rest, 'leftover')}. Albums in {output}, shown in albums.jpg"
    click.echo(line + (" (sorted by an earlier run)" if found.earlier else ""), err=True)
