"""``cosod cutout``: cuts out the object that photos share."""

import click

from cosod.cli import choices
from cosod.cli.detector_options import map_source, network_options
from cosod.cli.one_file import one_file, output_option
from cosod.cli.options import (
    find_inputs,
    finish,
    look_for_stale,
    object_options,
    object_settings,
    progress,
    run_options,
    settled,
)
from cosod.cli.parameters import LocalPath, OneOf, size_value


@click.command(short_help="Cut out the object that photos share.")
@click.argument("paths", nargs=-1, required=True, type=LocalPath(must_exist=True), metavar="PATH...")
@output_option(LocalPath())
@click.option(
    "--maps",
    type=LocalPath(),
    help="Folder of maps that `cosod segment` wrote, to start from instead of the network.",
)
@click.option(
    "--method",
    type=OneOf(choices.CUTOUT_METHODS),
    default="grabcut",
    show_default=True,
    help="How the outline is found: grabcut from the map and the colors, threshold from the map alone; alpha takes the "
    "map as the opacity.",
)
@object_options
@click.option(
    "--background",
    help="New background: a color (white, '#f4f4f4'), a gradient (white:#ccc), an image file, or blur.  "
    "[default: transparent]",
)
@click.option(
    "--size",
    metavar="WxH",
    help="Width and height of the results in pixels; the object is scaled to fit.  [default: those of the photo]",
)
@click.option(
    "--padding",
    type=float,
    help="Margin around the object, as a share of the shorter side; without --size the result is cropped to the object "
    "and this margin.",
)
@click.option(
    "--align",
    type=OneOf(choices.ALIGNMENTS),
    default="center",
    show_default=True,
    help="With --size, where the object is placed in the result.",
)
@click.option(
    "--format",
    "format_",
    type=OneOf(choices.CUTOUT_FORMATS),
    help="Format of the results; jpg needs a background.  [default: that of OUTPUT if it is a file, else png]",
)
@network_options(size="--working-size")
@run_options
def command(
    paths,
    output,
    maps,
    method,
    threshold,
    background,
    size,
    padding,
    align,
    format_,
    overwrite,
    prune,
    as_json,
    absent,
    network,
):
    """Cut out the object that the photos of each group share.

    The results, OUTPUT/<group>/<photo>.png, are transparent around the object, with soft edges and without the colors
    of the old background. For one photo OUTPUT may be a file, and PATH and OUTPUT may be - for standard input and
    output.

    Groups are found as by `cosod segment`. For product photos: --background white --size 1200x1200.

    The object is also cut out of each frame of a video file, or of an animated GIF, PNG or WebP picture given by
    itself: OUTPUT/<clip>/000001.png and so on.

    To resume a run that was stopped, give the same command again. Photos that cannot be read are reported at the end,
    with exit code 1; all others are processed.
    """
    from cosod.apps.applications import run
    from cosod.apps.cutout.backgrounds import background as check_background
    from cosod.apps.cutout.cutout import CutoutOptions
    from cosod.apps.cutout.job import ENDINGS, CutoutJob
    from cosod.apps.group_job import refuse_others, targets
    from cosod.apps.video.clips import split
    from cosod.errors import InputError
    from cosod.io.wording import plural

    if background is not None:
        check_background(background)
    fitted = size_value(size) if size else None
    objects = object_settings(threshold, absent)
    options = CutoutOptions(method, background=background, size=fitted, padding=padding, align=align, **objects)
    endings = [ending for ending, of in ENDINGS.items() if format_ in (None, of)]
    one = one_file(paths, output, endings, as_json, {})
    shown, paths, output = (one.shown, one.paths, one.output) if one else (output, paths, output)
    format_ = format_ or (ENDINGS[one.file.suffix.lower()] if one else "png")
    job = CutoutJob(output, options, format_, overwrite, one and one.file)
    clips, paths = split(paths)
    if clips:
        from cosod.apps.video.cutouts import CutoutTask
        from cosod.apps.video.job import clip_targets, run_clips
    if one and clips:
        raise InputError(f"{clips[0]}: is a video, whose results are a folder; give one with -o")
    if clips and maps is not None:
        raise InputError(f"{clips[0]}: the maps of a clip are always computed anew; leave out --maps, or give photos")
    read = [background, *clips, *network.files()]
    groups = find_inputs(
        paths,
        output,
        maps,
        targets=lambda found: [
            *targets(job, found),
            *(clip_targets(CutoutTask(job), clips, found) if clips else []),
        ],
        refuse_others=lambda found: refuse_others([job], found),
        read=read,
        one=one is not None,
    )
    source = map_source(maps, network, groups, clips)
    job = settled(job, source, groups, absent)
    total = sum(len(group.images) for group in groups)
    found = [f"{plural(total, 'image')} in {plural(len(groups), 'group')}"] if groups else []
    found += [plural(len(clips), "video clip")] if clips else []
    click.echo(" and ".join(found), err=True)
    with progress(total, as_json, "img" if groups else "frame", one) as report:
        summary = run(job, source, groups, report)
        if clips:
            summary += run_clips(source.detector, source.model, clips, CutoutTask(job), report, groups)
    look_for_stale(summary, [output], groups, prune)
    if one:
        one.close(summary)
    finish(summary, shown, as_json)
