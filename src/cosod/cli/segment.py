"""``cosod segment``: from folders of photos to maps."""

import dataclasses
from pathlib import Path

import click

from cosod.cli.options import find_inputs, finish, map_options, open_detector, progress, threshold_value, words


@click.command(short_help="Find the object that the photos of a folder share.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@map_options
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Also write one picture that shows results of all groups."
)
def command(paths, output, save, threshold, absent, overwrite, sheet, as_json, **network):
    """Find the object that the photos of each group share, and write a map for each photo.

    A folder of images is one group; a folder of folders is one group each; single files are one group. Maps are
    8-bit, at the size of the photo: OUTPUT/<group>/<photo>.png.

    The frames of a video file are a group too: OUTPUT/<clip>/000001.png and so on, overlays as one video.

    A run that was stopped goes on where it was when given again: finished groups are skipped. Photos that cannot
    be read are reported at the end, with exit code 1; all others are done.
    """
    from cosod.errors import InputError
    from cosod.models import registry
    from cosod.segmentation import Job, run
    from cosod.video.job import run_clips, split

    job = Job(output, words(save), threshold_value(threshold or "0.5"), overwrite, absent)
    if sheet and "maps" not in job.save:
        raise InputError("--sheet shows the maps that are written; add maps to --save")
    clips, paths = split(paths)
    groups = find_inputs(paths, output) if paths else []
    detector, identity = open_detector(**network)
    if threshold is None:
        job = dataclasses.replace(job, threshold=detector.network.mask_threshold)
    total = sum(len(group.images) for group in groups)
    where = f"{registry.name_of(detector.network)} at {detector.size} px on {detector.device}"
    found = [f"{total} images in {len(groups)} groups"] if groups else []
    found += [f"{len(clips)} video clip{'s' if len(clips) > 1 else ''}"] if clips else []
    click.echo(f"{' and '.join(found)}; {where}", err=True)
    with progress(total, as_json) as report:
        summary = run(detector, identity, groups, job, report)
        if clips:
            summary += run_clips(detector, identity, clips, job, report, [group.name for group in groups])
    if sheet and groups:
        _write_sheet(sheet, groups, job)
    finish(summary, output, as_json)


def _write_sheet(sheet: Path, groups, job) -> None:
    from cosod.results import contact_sheet

    shown = []
    for group in groups:
        pairs = zip(group.images, group.stems, strict=True)
        files = [(image, job.target("maps", group.name, stem)) for image, stem in pairs]
        shown.append((group.name, [pair for pair in files if pair[1].exists()]))
    contact_sheet(shown, sheet, job.threshold)
