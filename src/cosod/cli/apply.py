"""``cosod apply``: find in photos what a kept consensus stands for."""

import dataclasses

import click

from cosod.cli.one_file import one_file, output_option
from cosod.cli.options import (
    PathOrURL,
    find_inputs,
    finish,
    look_for_stale,
    map_options,
    open_detector,
    progress,
    shard_option,
    threshold_value,
    weights_files,
    words,
)


@click.command(short_help="Find what `cosod learn` kept in any number of photos.")
@click.argument("paths", nargs=-1, required=True, type=PathOrURL(), metavar="CONSENSUS... PHOTOS...")
@output_option(PathOrURL())
@map_options
@shard_option
def command(paths, output, save, threshold, outline, absent, overwrite, prune, shard, as_json, working_size, **network):
    """Find in each photo by itself what a consensus stands for: files ending in .consensus, then photos and folders.

    Maps are 8-bit, at the size of the photo: OUTPUT/<folder>/<photo>.png. With several consensuses each photo gets a
    map for each: OUTPUT/<consensus>/<folder>/<photo>.png. With one photo and one consensus OUTPUT may be a file; PHOTOS
    and OUTPUT may be - for standard input and output.

    PHOTOS and OUTPUT may be URLs of object stores, as s3://bucket/photos.

    A run that was stopped goes on where it was when given again. Photos that cannot be read are reported at the end,
    with exit code 1; all others are done.
    """
    from cosod.apps.distributed.manifest import sharded
    from cosod.apps.distributed.shards import Shard
    from cosod.apps.segment import Job, in_parts, jobs_of, refuse_others, run
    from cosod.errors import InputError
    from cosod.io.wording import plural

    files, photos = split_consensuses(paths)
    if not files or not photos:
        missing = "files ending in .consensus (from cosod learn)" if not files else "photos or folders of photos"
        raise InputError(f"nothing to apply: give {missing} too, as: cosod apply bottle.consensus photos/ -o out/")
    kinds = words(save)
    endings = (".jpg", ".jpeg", ".png") if kinds == ("overlays",) else (".png",)
    one = one_file(photos, output, endings, as_json, {"--shard": shard, "several consensuses": len(files) > 1})
    shown, photos, output = (one.shown, one.paths, one.output) if one else (output, photos, output)
    part = Shard.parse(shard) if shard else None
    job = Job(output, kinds, threshold_value(threshold or "0.5"), overwrite, absent, outline, one and one.file)
    consensuses = load_consensuses(files)
    jobs = jobs_of(job, consensuses)
    groups = find_inputs(
        photos,
        output,
        targets=lambda found: [path for one in jobs for path in one.targets(found)],
        refuse_others=lambda found: refuse_others(jobs, found),
        read=[*files, *weights_files(network["weights"])],
        one=one is not None,
    )
    detector, identity, job = open_for(consensuses, files, job, threshold, working_size, network)
    if part:
        groups = [some for group in groups for some in in_parts(group)]
    facts = {"model": identity} | detector.views | job.facts
    facts |= {"consensuses": {name: kept.fingerprint for name, kept in consensuses.items()}}
    everything = groups
    with sharded(part, output, groups, facts) as (groups, finished):
        total = sum(len(group.images) for group in groups)
        kinds = plural(len(consensuses), "consensus", "consensuses")
        click.echo(f"{plural(total, 'image')}, {kinds}; {detector.identity[0]} at {detector.size} px", err=True)
        tell_absent(detector, job)
        with progress(total * len(consensuses), as_json) as report:
            summary = run(detector, identity, groups, job, report, consensuses, finished)
    look_for_stale(summary, [one.output for one in jobs], everything, prune)
    if one:
        one.close(summary)
    finish(summary, shown, as_json)


def tell_absent(detector, job) -> None:
    """Says below which presence the object counts as absent, where presence is known."""
    from cosod.inference.presence import ABSENT

    if detector.calibration is not None:
        way = "; --absent report names such photos" if job.absent == "keep" else ""
        click.echo(f"The object counts as absent where presence is below {ABSENT:.2f}{way}", err=True)


def split_consensuses(paths) -> tuple[list, tuple]:
    """The files of consensuses among ``paths``, and the other paths.

    Raises:
        InputError: a consensus is in an object store.
    """
    from cosod.errors import InputError
    from cosod.io.storage import is_remote

    files = [path for path in paths if path.suffix == ".consensus"]
    for path in files:
        if is_remote(path):
            raise InputError(f"{path}: a consensus is read from a local disk only; copy it to one")
    return files, tuple(path for path in paths if path.suffix != ".consensus")


def open_for(consensuses: dict, files, job, threshold, working_size, network: dict) -> tuple:
    """The detector that consensuses were learned with, its identity, and the job with its threshold.

    Raises:
        InputError: a consensus is of another network, other weights or another size; the message names its file.
    """
    first = next(iter(consensuses.values()))
    detector, identity = open_detector(working_size=working_size or first.facts.size, **network)
    for path, consensus in zip(files, consensuses.values(), strict=True):
        detector.check(consensus, str(path))
    if threshold is None:
        job = dataclasses.replace(job, threshold=detector.network.mask_threshold)
    return detector, identity, job


def load_consensuses(files) -> dict:
    """Name -> consensus; the names are those of the files, unique and none of a folder of results."""
    from cosod.apps.segment import RESERVED
    from cosod.inference.consensus_file import GroupConsensus
    from cosod.io.photo_groups import unique_names
    from cosod.io.run_records import RECORDS

    names = unique_names([path.stem for path in files], (*RESERVED, RECORDS))
    return {name: GroupConsensus.load(path) for name, path in zip(names, files, strict=True)}
