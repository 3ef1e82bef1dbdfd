"""``cosod thumbnails``: crops photos around their shared object, and writes labels."""

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
from cosod.cli.parameters import ListOf, LocalPath, OneOf, size_value


@click.command(short_help="Crop photos around the object they share, at one size and place.")
@click.argument("paths", nargs=-1, required=True, type=LocalPath(must_exist=True), metavar="PATH...")
@output_option(LocalPath())
@click.option(
    "--maps",
    type=LocalPath(),
    help="Folder of maps that `cosod segment` wrote, to start from instead of the network.",
)
@click.option(
    "--size", metavar="WxH", default="320x320", show_default=True, help="Width and height of the thumbnails in pixels."
)
@click.option(
    "--fill",
    type=float,
    help="Share of the thumbnail's side that the object takes, above 0 to 1.  [default: chosen for each group, 0.65 to "
    "0.9]",
)
@click.option(
    "--edges",
    type=OneOf(choices.EDGES),
    default="extend",
    show_default=True,
    help="What to do where a crop reaches beyond its photo: extend the background, or move the crop into the photo.",
)
@object_options
@click.option("--sheet", type=LocalPath(), metavar="FILE", help="Also write one picture of all thumbnails.")
@click.option(
    "--labels",
    type=ListOf(choices.LABELS),
    default=(),
    help="Comma-separated list of formats in which the boxes of the objects are also written, for labeling tools.",
)
@click.option(
    "--masks",
    type=OneOf(choices.LABEL_MASKS),
    default="none",
    show_default=True,
    help="With --labels, form of the masks in the labels; rle is for coco only and needs cosod[coco].",
)
@click.option("--each-part", is_flag=True, help="With --labels, write a box for each connected part of the object.")
@network_options(size="--working-size")
@run_options
def command(
    paths,
    output,
    maps,
    size,
    fill,
    edges,
    threshold,
    sheet,
    labels,
    masks,
    each_part,
    overwrite,
    prune,
    as_json,
    absent,
    network,
):
    """Crop the photos of each group around the object they share.

    The thumbnails, OUTPUT/<group>/<photo>.jpg, have one size, and the object has the same size and place in each. It is
    never cut: where a crop would leave its photo, the background is continued (--edges inside moves the crop instead).
    For one photo OUTPUT may be a file, and PATH and OUTPUT may be - for standard input and output.

    Groups are found as by `cosod segment`. Labels describe the photos, not the thumbnails: OUTPUT/coco.json, and
    OUTPUT/labels/ for YOLO, with the name of the group as the class of the object.

    To resume a run that was stopped, give the same command again. Photos that cannot be read are reported at the end,
    with exit code 1; all others are processed.
    """
    from cosod.apps.applications import run
    from cosod.apps.group_job import refuse_others, targets
    from cosod.apps.thumbnails.job import ThumbnailJob
    from cosod.apps.thumbnails.thumbnails import ThumbnailOptions
    from cosod.io.wording import plural

    options = ThumbnailOptions(size_value(size), fill=fill, edges=edges, **object_settings(threshold, absent))
    one = one_file(paths, output, (".jpg", ".jpeg", ".png"), as_json, {"--sheet": sheet, "--labels": labels})
    shown, paths, output = (one.shown, one.paths, one.output) if one else (output, paths, output)
    job = ThumbnailJob(output, options, labels, masks, each_part, overwrite, one and one.file)
    groups = find_inputs(
        paths,
        output,
        maps,
        targets=lambda found: [*targets(job, found), *job.label_files(found)],
        refuse_others=lambda found: refuse_others([job], found),
        read=[*network.files()],
        sheet=sheet,
        overwrite=overwrite,
        one=one is not None,
    )
    job.check_names(groups)
    source = map_source(maps, network, groups)
    job = settled(job, source, groups, absent)
    total = sum(len(group.images) for group in groups)
    click.echo(f"{plural(total, 'image')} in {plural(len(groups), 'group')}", err=True)
    with progress(total, as_json, one=one) as report:
        summary = run(job, source, groups, report)
    for file in job.write_labels(groups):
        click.echo(f"Labels in {file}", err=True)
    if sheet:
        job.write_sheet(groups, sheet)
    look_for_stale(summary, [output], groups, prune)
    if one:
        one.close(summary)
    finish(summary, shown, as_json)
