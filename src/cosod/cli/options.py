"""What the verbs that work on folders of photos share: options, inputs, progress and the summary."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cosod.cli import choices
from cosod.cli.detector_options import network_options
from cosod.cli.parameters import ListOf, OneOf, threshold_value

if TYPE_CHECKING:
    from cosod.cli.one_file import OneFile

#: Files that are named one by one.
SHOWN = 20
#: Files of one kind that are named where they were left out.
NAMED = 10
#: Where a command keeps the files that it left out.
LEFT_OUT = "cosod.left_out"


def _with(options: Sequence[Callable], function: Callable) -> Callable:
    """Adds options to a command, shown in their order."""
    for option in reversed(options):
        function = option(function)
    return function


def run_options(function: Callable) -> Callable:
    """Adds the options of every command that resumes where it was stopped and reports as it goes."""
    options = [
        click.option("--overwrite", is_flag=True, help="Process again what is finished already."),
        click.option("--prune", is_flag=True, help="Delete the results of photos that no longer exist."),
        click.option(
            "--json",
            "as_json",
            is_flag=True,
            help="Print JSON lines to standard output: one for each image, then the summary.",
        ),
    ]
    return _with(options, function)


def save_option(help_: str = "Comma-separated list of the results to write.") -> Callable:
    """Adds ``--save``."""
    return click.option("--save", type=ListOf(choices.RESULTS), default="maps", show_default=True, help=help_)


def absent_option(function: Callable) -> Callable:
    """Adds ``--absent`` to commands that write maps."""
    return click.option(
        "--absent",
        type=OneOf(choices.ABSENT),
        default="keep",
        show_default=True,
        help="What to do with photos that do not show the object: keep their maps, blank them, or report them.",
    )(function)


def map_options(function: Callable) -> Callable:
    """Adds the options of commands that write maps, with those of the network and of :func:`run_options`."""
    options = [
        save_option(),
        network_options(),
        click.option(
            "--threshold",
            metavar="VALUE",
            help="Threshold of masks and overlays: a number from 0 to 1, adaptive or coseg. With a number, parts of a "
            "mask in which the map is little above it are left out.  [default: the network's]",
        ),
        click.option(
            "--outline",
            type=OneOf(choices.OUTLINES),
            default="map",
            show_default=True,
            help="Outline of masks and overlays: that of the map, or, in more time, one that GrabCut moves to where "
            "colors change.",
        ),
        absent_option,
        run_options,
    ]
    return _with(options, function)


def object_options(function: Callable) -> Callable:
    """Adds the options of commands that start from the object in a map: its threshold, and photos without it."""
    options = [
        click.option(
            "--threshold",
            metavar="VALUE",
            help="Threshold from which on a pixel of the map belongs to the object: a number from 0 to 1, adaptive or "
            "coseg.  [default: that of masks]",
        ),
        # No default of click's: networks without presence scores are refused only if the user asks for them.
        click.option(
            "--absent",
            type=OneOf(choices.ABSENT),
            help="What to do with photos that probably do not show the object: report names them and gives them no "
            "label; blank also leaves the object out of the result; keep treats them like all others.  "
            "[default: report]",
        ),
    ]
    return _with(options, function)


def object_settings(threshold: str | None, absent: str | None) -> dict:
    """Returns the values of :func:`object_options` as fields of the options of an application."""
    given = {"absent": absent} if absent is not None else {}
    return given | {"threshold": None if threshold is None else threshold_value(threshold)}


def settled(job, source, groups, absent: str | None):
    """Returns the application's job with the threshold that masks of these maps have, unless the user gave one.

    Raises:
        InputError: ``absent`` was given, and the network has no presence scores.
    """
    if absent is not None:
        source.check_absent(absent)
    if job.options.threshold is not None:
        return job
    options = dataclasses.replace(job.options, threshold=source.mask_threshold(groups))
    return dataclasses.replace(job, options=options)


def shard_option(function: Callable) -> Callable:
    """Adds ``--shard`` to commands that may do a part of a run; see :mod:`cosod.apps.distributed.shards`."""
    what = "Process only part I of N equal parts of the groups; `cosod shards` shows how far all of them are."
    return click.option("--shard", metavar="I/N", help=what)(function)


def find_inputs(
    paths: Sequence[Path],
    output: Path,
    maps: Path | None = None,
    *,
    targets: Callable[[list], Iterable[Path]],
    refuse_others: Callable[[list], None],
    read: Iterable[Path | str | None] = (),
    sheet: Path | None = None,
    overwrite: bool = False,
    one: bool = False,
):
    """Returns the groups under ``paths``, after checking that ``output`` can be written and no input is overwritten.

    Args:
        paths: files and folders of photos.
        output: folder of the results.
        maps: folder of maps that are read.
        targets: returns every file that is written for groups.
        refuse_others: raises InputError where results of groups would replace what this command has not made.
        read: other files that are read; ``None`` stands for an option that is not given.
        sheet: a contact sheet that is written too.
        overwrite: whether it may replace a file that is none.
        one: whether the result is one file, of one photo.

    Raises:
        InputError: there are no photos, or an input would be overwritten.
    """
    from cosod.apps.preflight import check_output, check_places, check_sheet
    from cosod.apps.segment.job import RESERVED
    from cosod.cli.one_file import check_one
    from cosod.errors import InputError
    from cosod.io.photo_groups import find_groups
    from cosod.io.write_guard import protect

    if any(p.resolve() == output.resolve() for p in paths):
        raise InputError(f"{output} is an input too; give another folder for the results")
    if maps is not None and maps.resolve() == output.resolve():
        raise InputError(f"{output} holds the maps; give another folder for the results")
    excluded = [output, *([maps] if maps else [])]
    groups = find_groups(paths, excluded, RESERVED, note_results, note_left_out) if paths else []
    note_animated(paths)
    others = [Path(path) if isinstance(path, str) else path for path in read if path is not None]
    if maps is not None:
        others += [maps / group.name / f"{stem}.png" for group in groups for stem in group.stems]
    written = list(targets(groups))
    if one:
        check_one(groups, written[-1])
    inputs = check_places(written, groups, others, one)
    if sheet is not None:
        check_sheet(sheet, output, written, paths, inputs, overwrite)
    refuse_others(groups)
    protect(inputs)
    check_output(output)
    return groups


def note_animated(paths: Iterable[Path]) -> None:
    """Says of which of the files that were given one by one the first frame alone is used."""
    from cosod.apps.video.clips import PICTURES, is_animated, is_clip
    from cosod.cli.one_file import INPUT

    for path in paths:
        # Other formats hold more than one picture too: a JPEG of some phones, pages of a TIFF.
        from_input = path.name == INPUT  # which has no suffix
        if is_animated(path) if from_input else path.suffix.lower() in PICTURES and is_clip(path):
            given = INPUT if from_input else path
            click.echo(f"Note: {given} is animated: its first frame is used; cosod segment reads all frames", err=True)


def note_results(folder: Path, verbs: tuple[str, ...]) -> None:
    """Prints that the results in a folder of photos were left out."""
    by = f" of cosod {' and '.join(verbs)}" if verbs else ""
    click.echo(f"Note: {folder} holds results{by}, which are left out", err=True)


def note_left_out(file) -> None:
    """Keeps a file that is not read, to be named at the end of the command."""
    click.get_current_context().meta.setdefault(LEFT_OUT, []).append(file)


def left_out() -> list:
    """Returns the files that the command has left out so far."""
    context = click.get_current_context(silent=True)
    return [] if context is None else context.meta.get(LEFT_OUT, [])


def tell_left_out() -> None:
    """Names the files that were left out, with the way out for each kind; says nothing where there are none."""
    from cosod.io.image_formats import KINDS
    from cosod.io.wording import plural

    if files := left_out():
        click.echo(f"{plural(len(files), 'file was', 'files were')} left out:", err=True)
    for kind, way_out in KINDS.items():
        paths = [file.path for file in files if file.kind == kind]
        if not paths:
            continue
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        click.echo(f"  {plural(len(paths), kind)} ({way_out}): {', '.join(paths[:NAMED])}{more}", err=True)


@contextlib.contextmanager
def progress(
    total: int, as_json: bool, unit: str = "img", one: "OneFile | None" = None
) -> Iterator[Callable[[dict], None]]:
    """Shows a progress bar of so many pieces, and yields the function that a run reports its events to.

    Args:
        total: number of pieces.
        as_json: whether to print events to standard output.
        unit: what a piece is.
        one: the one photo and its result, whose temporary names are not shown.
    """
    from tqdm import tqdm

    named: Callable[[str], str] = one.named if one else str

    with tqdm(total=total, unit=unit, disable=None, dynamic_ncols=True) as bar:

        def report(event: dict) -> None:
            if as_json:
                click.echo(named(json.dumps(event, ensure_ascii=False)))
            kind = event["event"]
            if kind == "skipped":
                bar.total -= event["images"]
                bar.refresh()
            elif kind == "clip":  # until now nobody knew how many frames it has
                bar.total += event["images"]
                bar.refresh()
            elif kind == "image" or (kind == "failed" and "kind" not in event):  # clips do not count, their frames do
                bar.update()
            if kind == "warning":
                tqdm.write(named(f"Warning: {event['group']}: {event['message']}"), file=sys.stderr)
            for note in event.get("notes", ()):
                tqdm.write(named(f"Note: {event['image']}: {note}"), file=sys.stderr)

        yield report


def look_for_stale(summary, outputs: Iterable[Path], groups, prune: bool) -> None:
    """Adds the results whose photos no longer exist to a summary, or deletes them.

    Args:
        summary: summary of the run.
        outputs: folders of results.
        groups: groups of the whole run.
        prune: whether to delete.
    """
    from cosod.apps.stale import find_stale, remove
    from cosod.io.wording import plural

    found = [file for output in outputs for file in find_stale(output, groups)]
    if prune and found:
        remove(found)
        click.echo(f"Deleted {plural(len(found), 'result')} of photos that are gone", err=True)
    elif found:
        summary.stale += [str(file) for file in found]


def list_absent(entries: Sequence[dict]) -> None:
    """Prints the images, and the frames of clips, that probably do not show the object."""
    from cosod.cli.run_summary import absent_lines

    for line in absent_lines(entries):
        click.echo(line, err=True)


def list_failed(sentences: Iterable[str], noun: str = "image", more: str = "") -> None:
    """Prints what was left out and what could not be read; the latter ends the command with exit code 1."""
    from cosod.io.wording import plural

    tell_left_out()
    if sentences := list(sentences):
        _list(f"{plural(len(sentences), noun)} could not be read{more}", sentences)
        raise click.exceptions.Exit(1)


def _list(headline: str, sentences: Iterable[str]) -> None:
    click.echo(f"{headline}:", err=True)
    for sentence in sentences:
        click.echo(f"  {sentence}", err=True)


def finish(summary, output: Path | str, as_json: bool) -> None:
    """Prints the summary of a run; photos and clips that could not be used are listed and make the exit code 1."""
    from cosod.cli.run_summary import done_line, failures

    facts = summary.as_dict()
    if as_json:
        facts["left_out"] = [file.as_dict() for file in left_out()]
        click.echo(json.dumps({"event": "summary", **facts}, ensure_ascii=False))
    click.echo(done_line(summary, output), err=True)
    list_absent(summary.absent)
    if summary.stale:
        are = "result is of a photo that is" if len(summary.stale) == 1 else "results are of photos that are"
        click.echo(f"{len(summary.stale)} {are} gone (--prune deletes):", err=True)
        for file in summary.stale[:SHOWN]:
            click.echo(f"  {file}", err=True)
        if (more := len(summary.stale) - SHOWN) > 0:
            click.echo(f"  and {more} more", err=True)
    tell_left_out()
    for headline, sentences in failures(summary.failed):
        _list(headline, sentences)
    if summary.failed:
        raise click.exceptions.Exit(1)
