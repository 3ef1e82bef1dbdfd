"""``cosod thumbnails``: crops of photos that show their shared object alike, and labels."""

from pathlib import Path

import click

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
from cosod.cli.parameters import size_value, words


@click.command(short_help="Crop photos around the object they share, all alike.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@output_option(click.Path(path_type=Path))
@click.option("--maps", type=click.Path(path_type=Path), help="Start from the maps that `cosod segment` wrote here.")
@click.option("--size", metavar="WxH", default="320x320", show_default=True, help="Of every thumbnail.")
@click.option("--fill", type=float, help="Share of the thumbnail that the object takes.  [default: chosen, .65 to .9]")
@click.option(
    "--edges",
    default="extend",
    show_default=True,
    help="Where a crop leaves its photo: extend the background, or keep the crop inside the photo.",
)
@object_options
@click.option("--sheet", type=click.Path(path_type=Path), help="Also write one picture of all thumbnails.")
@click.option("--labels", default="", help="Also write the objects' boxes for labeling tools: coco, yolo (by commas).")
@click.option("--masks", default="none", show_default=True, help="In the labels: none, rle (COCO) or polygons.")
@click.option("--each-part", is_flag=True, help="In the labels: a box for each separate part of the object.")
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
    """Crop the photos of each group around the object they share: OUTPUT/<group>/<photo>.jpg, all of one size, with
    the object as large and at the same place in each. The object is never cut: where a crop would leave its photo,
    the background is continued (--edges inside moves the crop instead). With one photo OUTPUT may be a file; PATH and
    OUTPUT may be - for standard input and output.

    Groups are found as by `cosod segment`. Labels are of the photos: OUTPUT/coco.json, OUTPUT/labels/ for YOLO, with
    the group's name as the object's class.

    A run that was stopped goes on where it was when given again. Photos that cannot be read are reported at the
    end, with exit code 1; all others are done.
    """
    from cosod.apps.resumable import refuse_others, run, targets
    from cosod.apps.thumbnails.job import ThumbnailJob
    from cosod.apps.thumbnails.thumbnails import ThumbnailOptions
    from cosod.io.wording import plural

    options = ThumbnailOptions(size_value(size), fill=fill, edges=edges, **object_settings(threshold, absent))
    one = one_file(paths, output, (".jpg", ".jpeg", ".png"), as_json, {"--sheet": sheet, "--labels": labels})
    shown, paths, output = (one.shown, one.paths, one.output) if one else (output, paths, output)
    job = ThumbnailJob(output, options, words(labels), masks, each_part, overwrite, one and one.file)
    groups = find_inputs(
        paths,
        output,
        maps,
        targets=lambda found: [*targets(job, found), *job.label_files(found)],
        refuse_others=lambda found: refuse_others(job, found),
        read=[*network.files()],
        sheet=sheet,
        overwrite=overwrite,
        one=one is not None,
    )
    job.check_names(groups)
    source = map_source(maps, network)
    job = settled(job, source, groups, absent)
    total = sum(len(group.images) for group in groups)
    click.echo(f"{plural(total, 'image')} in {plural(len(groups), 'group')}", err=True)
    with progress(total, as_json) as report:
        summary = run(job, source, groups, report)
    for file in job.write_labels(groups):
        click.echo(f"Labels in {file}", err=True)
    if sheet:
        job.write_sheet(groups, sheet)
    look_for_stale(summary, [output], groups, prune)
    if one:
        one.close(summary)
    finish(summary, shown, as_json)
