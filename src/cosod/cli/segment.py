"""``cosod segment``: computes maps, masks and overlays for folders of photos."""

import dataclasses
from pathlib import Path

import click

from cosod.cli import choices
from cosod.cli.detector_options import group_options, numbers
from cosod.cli.one_file import one_file, output_option
from cosod.cli.options import find_inputs, finish, look_for_stale, map_options, progress, shard_option
from cosod.cli.parameters import POSITIVE, OneOf, PathOrURL, threshold_value


@click.command(short_help="Find the object that the photos of a folder share.")
@click.argument("paths", nargs=-1, required=True, type=PathOrURL(must_exist=True), metavar="PATH...")
@output_option(PathOrURL())
@map_options
@group_options
@click.option(
    "--sheet", type=PathOrURL(), metavar="FILE", help="Also write one picture with the results of all groups."
)
@shard_option
@click.option(
    "--runner",
    type=OneOf(choices.RUNNERS),
    default="local",
    show_default=True,
    help="Where groups are processed: on this machine, or on a Ray cluster.",
)
@click.option(
    "--workers",
    type=POSITIVE,
    help="With --runner ray, number of detectors that work at once.  [default: one for each GPU, or each machine]",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="With --runner ray, address of a running cluster, or auto.  [default: Ray is started on this machine]",
)
def command(
    paths,
    output,
    save,
    threshold,
    outline,
    absent,
    overwrite,
    prune,
    sheet,
    shard,
    runner,
    workers,
    address,
    as_json,
    network,
):
    """Find the object that the photos of each group share, and write a map for each photo.

    A folder of images is one group, each folder in a folder is a group, and single files are one group. Maps are 8-bit
    images of the size of the photo: OUTPUT/<group>/<photo>.png. For one photo OUTPUT may be a file, and PATH and OUTPUT
    may be - for standard input and output.

    The frames of a video file, or of an animated GIF, PNG or WebP picture given by itself, are a group too. Their maps
    are OUTPUT/<clip>/000001.png and so on; overlays become one video, with the sound of the clip where ffmpeg is
    installed.

    PATH and OUTPUT may be URLs of object stores, for instance s3://bucket/photos.

    To resume a run that was stopped, give the same command again: finished groups are skipped. Photos that cannot be
    read are reported at the end, with exit code 1; all others are processed.
    """
    from cosod.apps.distributed.manifest import sharded
    from cosod.apps.distributed.shards import Shard
    from cosod.apps.group_job import refuse_others, targets
    from cosod.apps.segment.job import SegmentJob
    from cosod.apps.segment.runner import run
    from cosod.apps.video.clips import split
    from cosod.errors import InputError
    from cosod.io.wording import plural

    endings = (".jpg", ".jpeg", ".png") if save == ("overlays",) else (".png",)
    refused = {"--sheet": sheet, "--shard": shard, "--runner ray": runner == "ray"}
    one = one_file(paths, output, endings, as_json, refused)
    shown, paths, output = (one.shown, one.paths, one.output) if one else (output, paths, output)
    job = SegmentJob(output, save, threshold_value(threshold or "0.5"), overwrite, absent, outline, one and one.file)
    part = Shard.parse(shard) if shard else None
    if sheet and "maps" not in job.save:
        raise InputError("--sheet shows the maps that are written; add maps to --save")
    if runner == "local" and (workers is not None or address):
        raise InputError("--workers and --address need --runner ray; add it, or leave them out")
    clips, paths = split(paths)
    if clips:
        from cosod.apps.video.job import clip_targets, run_clips
    if one and clips:
        raise InputError(f"{clips[0]}: is a video, whose results are a folder; give one with -o")
    _check_places(clips, output, sheet, part, runner)
    groups = find_inputs(
        paths,
        output,
        targets=lambda found: [*targets(job, found), *(clip_targets(job, clips, found) if clips else [])],
        refuse_others=lambda found: refuse_others([job], found),
        read=[*clips, *network.files()],
        sheet=sheet,
        overwrite=overwrite,
        one=one is not None,
    )
    on_ray, here = None, network
    if runner == "ray":
        from cosod.apps.distributed.ray_runner import RayRunner

        on_ray = RayRunner(network.open, workers, address, network.options.device)
        here = network.using(device="cpu", precision="float32")  # opened only for its options and its identity
    detector, identity = here.open() if on_ray else here.open_for(numbers(groups), clips)
    if threshold is None:
        job = dataclasses.replace(job, threshold=detector.mask_threshold)
    everything = groups
    with sharded(part, output, groups, {"model": identity} | detector.options.views | job.facts) as (groups, finished):
        total = sum(len(group.images) for group in groups)
        where = f"{detector.identity[0]} at {detector.size} px on {on_ray or detector.options.device}"
        found = [f"{plural(total, 'image')} in {plural(len(groups), 'group')}"] if groups or part else []
        found += [plural(len(clips), "video clip")] if clips else []
        click.echo(f"{' and '.join(found)}; {where}", err=True)
        with progress(total, as_json, "img" if groups else "frame", one) as report:
            if on_ray:
                summary = on_ray.run(detector, identity, groups, job, report, finished)
            else:
                summary = run(detector, identity, groups, job, report, finished=finished)
            if clips:
                summary += run_clips(detector, identity, clips, job, report, groups)
    if sheet and groups:
        _write_sheet(sheet, groups, job, detector.options.max_pixels)
    look_for_stale(summary, [output], everything, prune)
    if one:
        one.close(summary)
    finish(summary, shown, as_json)


def _check_places(clips, output, sheet, part, runner: str) -> None:
    """Checks that videos and contact sheets are not combined with object stores, and videos not with shards or Ray.

    Raises:
        InputError: they are.
    """
    from cosod.errors import InputError
    from cosod.io.storage import is_remote

    if clips and (part or runner != "local"):
        raise InputError(
            f"{clips[0]}: videos are done on one machine; give them to a run of their own without --shard and --runner"
        )
    for place in (*clips, *([output] if clips else [])):
        if is_remote(place):
            raise InputError(f"{place}: videos are read and written on local disks only; copy it to one")
    if sheet and (is_remote(sheet) or is_remote(output)):
        raise InputError("--sheet reads and writes local files only; leave it out, or give a local folder with -o")


def _write_sheet(sheet: Path, groups, job, max_pixels: int) -> None:
    from cosod.postprocess.render import contact_sheet

    shown = []
    for group in groups:
        pairs = zip(group.images, group.stems, strict=True)
        files = [(image, job.target("maps", group.name, stem)) for image, stem in pairs]
        shown.append((group.name, [pair for pair in files if pair[1].exists()]))
    contact_sheet(shown, sheet, job.threshold, max_pixels=max_pixels)
