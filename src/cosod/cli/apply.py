"""``cosod apply``: finds the object of a saved consensus in photos."""

import dataclasses

import click

from cosod.cli.detector_options import Network, numbers
from cosod.cli.one_file import one_file, output_option
from cosod.cli.options import find_inputs, finish, look_for_stale, map_options, progress, shard_option
from cosod.cli.parameters import PathOrURL, threshold_value


@click.command(short_help="Find the object of a saved consensus in any number of photos.")
@click.argument("paths", nargs=-1, required=True, type=PathOrURL(), metavar="CONSENSUS... PHOTOS...")
@output_option(PathOrURL())
@map_options
@shard_option
def command(paths, output, save, threshold, outline, absent, overwrite, prune, shard, as_json, network):
    """Find the object of a consensus, a file that `cosod learn` wrote, in each photo by itself.

    Give files ending in .consensus, then photos and folders of photos. Maps are 8-bit images of the size of the photo:
    OUTPUT/<folder>/<photo>.png. With several consensuses each photo gets a map for each of them:
    OUTPUT/<consensus>/<folder>/<photo>.png. With one photo and one consensus OUTPUT may be a file, and PHOTOS and
    OUTPUT may be - for standard input and output.

    PHOTOS and OUTPUT may be URLs of object stores, for instance s3://bucket/photos.

    To resume a run that was stopped, give the same command again. Photos that cannot be read are reported at the end,
    with exit code 1; all others are processed.
    """
    from cosod.apps.distributed.manifest import sharded
    from cosod.apps.distributed.shards import Shard
    from cosod.apps.group_job import refuse_others, targets
    from cosod.apps.segment.job import SegmentJob, jobs_of
    from cosod.apps.segment.runner import in_parts, run
    from cosod.errors import InputError
    from cosod.io.wording import plural

    files, photos = split_consensuses(paths)
    if not files or not photos:
        missing = "files ending in .consensus (from cosod learn)" if not files else "photos or folders of photos"
        raise InputError(f"nothing to apply: give {missing} too, as: cosod apply bottle.consensus photos/ -o out/")
    endings = (".jpg", ".jpeg", ".png") if save == ("overlays",) else (".png",)
    one = one_file(photos, output, endings, as_json, {"--shard": shard, "more than one consensus": len(files) > 1})
    shown, photos, output = (one.shown, one.paths, one.output) if one else (output, photos, output)
    part = Shard.parse(shard) if shard else None
    job = SegmentJob(output, save, threshold_value(threshold or "0.5"), overwrite, absent, outline, one and one.file)
    consensuses = load_consensuses(files)
    jobs = jobs_of(job, consensuses)
    groups = find_inputs(
        photos,
        output,
        targets=lambda found: [path for one in jobs for path in targets(one, found)],
        refuse_others=lambda found: refuse_others(jobs, found),
        read=[*files, *network.files()],
        one=one is not None,
    )
    detector, identity, job = open_for(consensuses, files, job, threshold, network, numbers(groups))
    if part:
        groups = [some for group in groups for some in in_parts(group)]
    facts = {"model": identity} | detector.options.views | job.facts
    facts |= {"consensuses": {name: kept.fingerprint for name, kept in consensuses.items()}}
    everything = groups
    with sharded(part, output, groups, facts) as (groups, finished):
        total = sum(len(group.images) for group in groups)
        kinds = plural(len(consensuses), "consensus", "consensuses")
        click.echo(f"{plural(total, 'image')}, {kinds}; {detector.identity[0]} at {detector.size} px", err=True)
        tell_absent(detector, job)
        with progress(total * len(consensuses), as_json, one=one) as report:
            summary = run(detector, identity, groups, job, report, consensuses, finished)
    look_for_stale(summary, [one.output for one in jobs], everything, prune)
    if one:
        one.close(summary)
    finish(summary, shown, as_json)


def tell_absent(detector, job) -> None:
    """Prints the presence below which the object counts as absent, if the network has presence scores."""
    from cosod.apps.absence import ABSENT

    if detector.calibration is not None:
        way = "; --absent report names such photos" if job.absent == "keep" else ""
        click.echo(f"The object counts as absent where presence is below {ABSENT:.2f}{way}", err=True)


def split_consensuses(paths) -> tuple[list, tuple]:
    """Splits paths into consensus files, which have the suffix ``.consensus``, and other paths.

    Raises:
        InputError: a consensus file is in an object store.

    Example:
        >>> from pathlib import Path
        >>> files, others = split_consensuses((Path("mug.consensus"), Path("photos")))
        >>> files[0].name, others[0].name
        ('mug.consensus', 'photos')
    """
    from cosod.errors import InputError
    from cosod.io.storage import is_remote

    files = [path for path in paths if path.suffix == ".consensus"]
    for path in files:
        if is_remote(path):
            raise InputError(f"{path}: a consensus is read from a local disk only; copy it to one")
    return files, tuple(path for path in paths if path.suffix != ".consensus")


def open_for(consensuses: dict, files, job, threshold, network: Network, photos=None) -> tuple:
    """Opens the detector with which consensuses can be applied.

    Args:
        consensuses: name -> consensus.
        files: the files of the consensuses, in the same order.
        job: what to write.
        threshold: the threshold that the user gave; None for that of the network.
        network: the network.
        photos: number of photos of each group; None for photos that come later.

    Returns:
        The detector, the identity of its network and weights, and the job with its threshold.

    Raises:
        InputError: a consensus was made with another network, other weights or another size; the message names its
            file.
    """
    first = next(iter(consensuses.values()))
    sized = network.using(size=network.options.size or first.provenance.size)
    detector, identity = sized.open_for(photos, alone=True)
    for path, consensus in zip(files, consensuses.values(), strict=True):
        detector.check(consensus, str(path))
    if threshold is None:
        job = dataclasses.replace(job, threshold=detector.mask_threshold)
    return detector, identity, job


def load_consensuses(files) -> dict:
    """Loads consensus files.

    Returns:
        Name -> consensus. The names are the stems of the files; numbers are appended where stems occur twice or are
        reserved for folders of results.
    """
    from cosod.apps.segment.job import RESERVED
    from cosod.inference.consensus_file import GroupConsensus
    from cosod.io.photo_groups import unique_names
    from cosod.io.run_records import RECORDS

    names = unique_names([path.stem for path in files], (*RESERVED, RECORDS))
    return {name: GroupConsensus.load(path) for name, path in zip(names, files, strict=True)}
