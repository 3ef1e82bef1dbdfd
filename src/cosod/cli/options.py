"""The common part of the commands that work on folders of photos: options, inputs, progress and the summary."""

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

#: Maximum number of stale results that are listed one by one.
SHOWN = 20
#: Maximum number of left-out files of one kind that are listed.
NAMED = 10
#: Key in click's context under which a command keeps the list of the files that it left out.
LEFT_OUT = "cosod.left_out"


def _with(options: Sequence[Callable], function: Callable) -> Callable:
    """Adds options to a command, so that its help lists them in the given order."""
    for option in reversed(options):
        function = option(function)
    return function


def run_options(function: Callable) -> Callable:
    """Adds the options of commands whose runs can be resumed and report their progress."""
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
    """Returns the option ``--save``, with the help text ``help_``."""
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
    """Adds the options of commands that use the object in a map: its threshold, and the treatment of its absence."""
    options = [
        click.option(
            "--threshold",
            metavar="VALUE",
            help="Threshold from which on a pixel of the map belongs to the object: a number from 0 to 1, adaptive or "
            "coseg.  [default: that of masks]",
        ),
        # The option has no default in click, because a network without presence scores is refused only if the user
        # gives the option.
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
    """Returns the values of :func:`object_options` as keyword arguments for the options of an application.

    Example:
        >>> object_settings("0.4", None)
        {'threshold': 0.4}
    """
    given = {"absent": absent} if absent is not None else {}
    return given | {"threshold": None if threshold is None else threshold_value(threshold)}


def settled(job, source, groups, absent: str | None):
    """Completes the job of an application: if the user gave no threshold, the default for these maps is set.

    Args:
        job: job of the application.
        source: source of the maps.
        groups: the groups.
        absent: value of ``--absent``; None if the user did not give the option.

    Raises:
        InputError: ``absent`` needs presence scores, which the source cannot give.
    """
    if absent is not None:
        source.check_absent(absent)
    if job.options.threshold is not None:
        return job
    options = dataclasses.replace(job.options, threshold=source.mask_threshold(groups))
    return dataclasses.replace(job, options=options)


def shard_option(function: Callable) -> Callable:
    """Adds ``--shard`` to commands that can process a part of a run, see :mod:`cosod.apps.distributed.shards`."""
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
    """Finds the groups under ``paths``, after checking that ``output`` can be written and no input is overwritten.

    Args:
        paths: files and folders of photos.
        output: folder of the results.
        maps: folder of maps that are read; None if no maps are read.
        targets: function that returns all files that are written for a list of groups.
        refuse_others: function that raises InputError if results of the groups would replace files that this command
            has not written.
        read: other files that are read; None stands for an option that was not given.
        sheet: path of a contact sheet that is written too.
        overwrite: whether the sheet may replace a file that is not a contact sheet.
        one: whether the run has one photo and one result file.

    Raises:
        InputError: there are no photos; or a result would overwrite an input or a file that this command has not
            written, or would lie among the photos.
        OutputError: ``output`` cannot be written.
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
    """Prints a note for each animated image among ``paths``, of which only the first frame is used."""
    from cosod.apps.video.clips import PICTURES, is_animated, is_clip
    from cosod.cli.one_file import INPUT

    for path in paths:
        # The suffix is checked because other formats may contain several pictures too, which are no animation: JPEG
        # files of some phones, and TIFF files with pages. The file of standard input has no suffix.
        from_input = path.name == INPUT
        if is_animated(path) if from_input else path.suffix.lower() in PICTURES and is_clip(path):
            given = INPUT if from_input else path
            click.echo(f"Note: {given} is animated: its first frame is used; cosod segment reads all frames", err=True)


def note_results(folder: Path, verbs: tuple[str, ...]) -> None:
    """Prints a note that the results in a folder of photos were left out."""
    by = f" of cosod {' and '.join(verbs)}" if verbs else ""
    click.echo(f"Note: {folder} holds results{by}, which are left out", err=True)


def note_left_out(file) -> None:
    """Remembers a file that is not read, so that it is listed at the end of the command."""
    click.get_current_context().meta.setdefault(LEFT_OUT, []).append(file)


def left_out() -> list:
    """Returns the files that the command has left out so far."""
    context = click.get_current_context(silent=True)
    return [] if context is None else context.meta.get(LEFT_OUT, [])


def tell_left_out() -> None:
    """Prints the files that were left out, with advice for each kind; prints nothing if there are none."""
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
    """Shows a progress bar, and yields the function to which a run reports its events.

    Args:
        total: number of pieces of work.
        as_json: whether to print the events to standard output.
        unit: name of a piece of work, shown beside the bar.
        one: the photo and its result file, whose temporary names are replaced in messages; None for several photos.
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
            elif kind == "clip":  # the number of frames of a clip is known only now
                bar.total += event["images"]
                bar.refresh()
            elif kind == "image" or (kind == "failed" and "kind" not in event):  # only frames of clips are counted
                bar.update()
            if kind == "warning":
                tqdm.write(named(f"Warning: {event['group']}: {event['message']}"), file=sys.stderr)
            for note in event.get("notes", ()):
                tqdm.write(named(f"Note: {event['image']}: {note}"), file=sys.stderr)

        yield report


def look_for_stale(summary, outputs: Iterable[Path], groups, prune: bool) -> None:
    """Finds the results whose photos no longer exist, and adds them to the summary or deletes them.

    Args:
        summary: summary of the run.
        outputs: folders of results.
        groups: groups of the whole run.
        prune: whether to delete the results.
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
    """Prints the files that were left out, and the images that could not be read.

    If any images could not be read, the command ends with exit code 1.

    Args:
        sentences: a sentence for each image that could not be read.
        noun: word for an image.
        more: text that is appended to the headline.
    """
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
    """Prints the summary of a run; if photos or clips could not be used, the command ends with exit code 1.

    Args:
        summary: summary of the run.
        output: place of the results.
        as_json: whether to also print the summary as JSON to standard output.
    """
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
