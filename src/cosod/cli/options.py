"""What the verbs that work on folders of photos share: options, the detector, progress and the summary."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click


class PathOrURL(click.ParamType):
    """A path, or the URL of a folder or object in a store; click's own type would make ``s3:/`` of ``s3://``."""

    name = "path"

    def convert(self, value, param, ctx):
        from cosod.io.storage import as_path

        return as_path(value)


#: Files that are named one by one.
SHOWN = 20
#: Files of one kind that are named where they were left out.
NAMED = 10
#: Where a command keeps the files that it left out.
LEFT_OUT = "cosod.left_out"


class AtLeast(click.ParamType):
    """A whole number of a smallest value; another is refused in one sentence, as every error of this package."""

    name = "integer"

    def __init__(self, smallest: int):
        self.smallest = smallest

    def convert(self, value, param, ctx):
        from cosod.errors import InputError

        name = param.opts[0] if param else "number"
        try:
            number = int(value)
        except (TypeError, ValueError):
            raise InputError(f"{name} {value}: give a whole number of at least {self.smallest}") from None
        if number < self.smallest:
            raise InputError(f"{name} {value}: give a whole number of at least {self.smallest}")
        return number


#: Of sizes and counts.
POSITIVE = AtLeast(1)


def engine_options(function: Callable) -> Callable:
    """Options that say by what, and how exactly, the network is computed."""
    what = "float32, bfloat16, or auto: bfloat16 where maps stay the same."
    function = click.option("--precision", default="auto", show_default=True, help=what)(function)
    what = "torch, onnxruntime or openvino."
    return click.option("--backend", default="torch", show_default=True, help=what)(function)


def network_options(size: str = "--size") -> Callable:
    """Options that choose network and device, as arguments of the command; ``size`` names the working size's."""
    options = [
        click.option(
            "--model",
            default="default",
            show_default=True,
            help="Network: default, accurate, or a name that `cosod models` lists.",
        ),
        click.option(
            "--weights",
            type=click.Path(path_type=Path),
            help="Weights file, or training run, in place of the package's own.",
        ),
        click.option("--flip", is_flag=True, help="Look at mirrored photos too: better maps, twice the time."),
        click.option("--closer", is_flag=True, help="Look again at small objects, enlarged: better maps, more time."),
        click.option(
            "--keep-regions", is_flag=True, help="Leave in what resembles the shared object less than the rest."
        ),
        click.option(
            size,
            "working_size",
            type=POSITIVE,
            help="Side in pixels that images are resized to.  [default: the network's]",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ..."),
        click.option(
            "--batch", type=POSITIVE, default=8, show_default=True, help="Images at once; changes memory, not results."
        ),
        click.option("--max-pixels", type=POSITIVE, help="Refuse larger images.  [default: 200 million]"),
    ]

    def add(function):
        function = engine_options(function)
        for option in reversed(options):
            function = option(function)
        return function

    return add


def group_options(function: Callable) -> Callable:
    """Options of the commands that form the consensus of a group; with :func:`network_options`."""
    what = "Compare each photo of a group of more than 200 with so many of them; 0: with all.  [default: 128]"
    return click.option("--references", type=AtLeast(0), help=what)(function)


def run_options(function: Callable) -> Callable:
    """Options of every command that goes on where it was stopped and reports as it goes."""
    lines = "JSON lines on standard output: each image, then the summary."
    function = click.option("--json", "as_json", is_flag=True, help=lines)(function)
    gone = "Delete results of an earlier run whose photos are gone."
    function = click.option("--prune", is_flag=True, help=gone)(function)
    return click.option("--overwrite", is_flag=True, help="Redo what is finished already.")(function)


def map_options(function: Callable) -> Callable:
    """Options of the commands that write maps: what is written, and how; with :func:`run_options`."""
    options = [
        click.option("--threshold", help="Of masks and overlays: 0 to 1, adaptive or coseg.  [default: the network's]"),
        click.option(
            "--outline",
            default="map",
            show_default=True,
            help="Of masks and overlays: the map's, or grabcut: moved to where colours change, for more time.",
        ),
        click.option(
            "--absent",
            default="keep",
            show_default=True,
            help="Photos without the object: keep their maps, blank them, or report them.",
        ),
    ]
    function = run_options(function)
    for option in reversed(options):
        function = option(function)
    what = "What to write: maps, masks, overlays (by commas)."
    return click.option("--save", default="maps", show_default=True, help=what)(network_options()(function))


def object_options(function: Callable) -> Callable:
    """Options of the commands that start from the object in a map: what belongs to it, and where it is missing."""
    what = (
        "Photos that probably do not show the object: report names them and gives them no label; blank also leaves "
        "the object out of the result; keep treats them as all others.  [default: report]"
    )
    # No default of click's: networks without presence scores are refused only if the user asks for them.
    function = click.option("--absent", help=what)(function)
    what = "Value of the map from which on a pixel is the object's: 0 to 1, adaptive or coseg.  [default: as of masks]"
    return click.option("--threshold", help=what)(function)


def object_settings(threshold: str | None, absent: str | None) -> dict:
    """Values of :func:`object_options` as fields of the options of an application."""
    given = {"absent": absent} if absent is not None else {}
    return given | {"threshold": None if threshold is None else threshold_value(threshold)}


def settled(job, source, groups, absent: str | None):
    """The application's job with the threshold that masks of these maps have, unless the user gave one.

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
    """The option of commands that may do a part of a run; see :mod:`cosod.apps.distributed.shards`."""
    return click.option("--shard", metavar="I/N", help="Do part I of N only; see `cosod shards`.")(function)


def open_detector(
    model: str,
    weights: Path | None,
    working_size: int | None,
    device: str,
    batch: int,
    max_pixels: int | None,
    references: int | None = None,
    **options,
):
    """The detector that :func:`network_options` describe, and the identity of its network and weights."""
    from cosod.inference import cpu_fusion
    from cosod.inference.detector import Detector
    from cosod.inference.reference_sampling import Sampling
    from cosod.io.images import MAX_PIXELS
    from cosod.models.checkpoints import loading

    cpu_fusion.prefer_kept_memory()
    named = model if model != "default" else None
    network = loading.load(weights or model, expected=named if weights else None)
    sampling = Sampling() if references is None else Sampling(references)
    detector = Detector(network, device, working_size, batch, max_pixels or MAX_PIXELS, sampling=sampling, **options)
    return detector, loading.identity(network)


def map_source(maps: Path | None, max_pixels: int | None, **network):
    """Where maps come from: the folder of an earlier run, or the detector that :func:`network_options` describe."""
    from cosod.apps.map_sources import DetectedMaps, StoredMaps
    from cosod.io.images import MAX_PIXELS

    if maps is not None:
        return StoredMaps(maps, max_pixels or MAX_PIXELS)
    return DetectedMaps(*open_detector(max_pixels=max_pixels, **network))


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
    """The groups under ``paths``, once it is clear that ``output`` can be written and that no input is written over.

    Args:
        paths: files and folders of photos.
        output: folder of the results.
        maps: folder of maps that are read.
        targets: gives every file that is written for groups.
        refuse_others: raises InputError where results of groups would replace what this command has not made.
        read: other files that are read; ``None`` stands for an option that is not given.
        sheet: a contact sheet that is written too.
        overwrite: whether it may replace a file that is none.
        one: whether the result is one file, of one photo.
    """
    from cosod.apps.preflight import check_places, check_sheet
    from cosod.apps.segment import RESERVED, check_output
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


def note_results(folder: Path, verbs: tuple[str, ...]) -> None:
    """Says that the results in a folder of photos were left out."""
    by = f" of cosod {' and '.join(verbs)}" if verbs else ""
    click.echo(f"Note: {folder} holds results{by}, which are left out", err=True)


def note_left_out(file) -> None:
    """Keeps a file that is not read, to be named at the end of the command."""
    click.get_current_context().meta.setdefault(LEFT_OUT, []).append(file)


def left_out() -> list:
    """The files that the command has left out so far."""
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


def weights_files(weights: Path | None) -> list[Path]:
    """The files that ``--weights`` may read: the file given, or that of the training run given."""
    from cosod.models.checkpoints.loading import RESULT

    if weights is None:
        return []
    return [weights / RESULT if weights.is_dir() else weights]


def place_of(text: str) -> Path:
    """The path in ``[NAME=]PATH``."""
    return Path(text if Path(text).exists() else text.rpartition("=")[2])


def threshold_value(text: str) -> float | str:
    """A threshold as :func:`cosod.postprocess.threshold.binarise` takes it; words are left for it to judge."""
    try:
        return float(text)
    except ValueError:
        return text


def size_value(text: str) -> tuple[int, int]:
    """``800x600`` as width and height, ``800`` as a square."""
    from cosod.errors import InputError

    numbers = text.lower().split("x")
    if len(numbers) > 2 or not all(number.isdigit() for number in numbers):
        raise InputError(f"--size {text}: give WIDTHxHEIGHT in pixels, as 800x600, or one number")
    return int(numbers[0]), int(numbers[-1])


def words(text: str) -> tuple[str, ...]:
    """A list written with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


@contextlib.contextmanager
def progress(total: int, as_json: bool) -> Iterator[Callable[[dict], None]]:
    """A progress bar; gives the function that a run reports its events to."""
    from tqdm import tqdm

    with tqdm(total=total, unit="img", disable=None, dynamic_ncols=True) as bar:

        def report(event: dict) -> None:
            if as_json:
                click.echo(json.dumps(event, ensure_ascii=False))
            kind = event["event"]
            if kind == "skipped":
                bar.total -= event["images"]
                bar.refresh()
            elif kind in ("image", "failed"):
                bar.update()
            if kind == "warning":
                tqdm.write(f"Warning: {event['group']}: {event['message']}", file=sys.stderr)
            for note in event.get("notes", ()):
                tqdm.write(f"Note: {event['image']}: {note}", file=sys.stderr)

        yield report


def look_for_stale(summary, outputs: Iterable[Path], groups, prune: bool) -> None:
    """Adds the results whose photos are gone to a summary, or deletes them.

    Args:
        summary: of the run.
        outputs: folders of results.
        groups: of the whole run.
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
    """Names the images in which the object probably is not."""
    from cosod.inference.presence import ABSENT
    from cosod.io.wording import plural

    if entries:
        some = plural(len(entries), "image is", "images are")
        click.echo(f"{some} without the object (presence below {ABSENT:.2f}):", err=True)
    for entry in entries:
        of = f", {entry['consensus']}" if "consensus" in entry else ""
        click.echo(f"  {entry['image']} (presence {entry['presence']:.2f}{of})", err=True)


def list_failed(sentences: Iterable[str], noun: str = "image", more: str = "") -> None:
    """Names what was left out and what could not be read; the latter ends the command with exit code 1."""
    from cosod.io.wording import plural

    tell_left_out()
    if sentences := list(sentences):
        click.echo(f"{plural(len(sentences), noun)} could not be read{more}:", err=True)
        for sentence in sentences:
            click.echo(f"  {sentence}", err=True)
        raise click.exceptions.Exit(1)


def finish(summary, output: Path | str, as_json: bool) -> None:
    """Prints the summary of a run; images that could not be used are listed and make the exit code 1."""
    from cosod.io.wording import plural

    facts = summary.as_dict()
    if as_json:
        facts["left_out"] = [file.as_dict() for file in left_out()]
        click.echo(json.dumps({"event": "summary", **facts}, ensure_ascii=False))
    done = f"{plural(summary.images, 'image')} in {plural(summary.groups, 'group')}"
    line = f"{done} done in {summary.seconds:.1f} s"
    if summary.images:
        line += f" ({facts['images_per_second']:.1f} images/s)"
    if summary.skipped_groups:
        were = "group was" if summary.skipped_groups == 1 else "groups were"
        them = "it" if summary.skipped_groups == 1 else "them"
        line += f"; {summary.skipped_groups} {were} finished already (--overwrite redoes {them})"
    click.echo(f"{line}. Results in {output}", err=True)
    list_absent(summary.absent)
    if summary.stale:
        are = "result is of a photo that is" if len(summary.stale) == 1 else "results are of photos that are"
        click.echo(f"{len(summary.stale)} {are} gone (--prune deletes):", err=True)
        for file in summary.stale[:SHOWN]:
            click.echo(f"  {file}", err=True)
        if (more := len(summary.stale) - SHOWN) > 0:
            click.echo(f"  and {more} more", err=True)
    list_failed(failure["error"] for failure in summary.failed)
