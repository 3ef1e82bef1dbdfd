"""The last lines that a run prints: how much was processed, and what could not be read."""

from collections.abc import Iterator, Mapping, Sequence

from cosod.apps.absence import ABSENT
from cosod.apps.summary import CLIP, PART, Summary
from cosod.io.wording import hundredths, plural

#: Maximum number of ranges of frames of a clip that are listed.
MOST_RANGES = 10


def done_line(summary: Summary, place: object) -> str:
    """Returns the line that tells what a run has processed and where its results are.

    Args:
        summary: summary of the run.
        place: file or folder of the results.

    Example:
        >>> done_line(Summary(groups=1, images=9, clips=1, frames=9, seconds=3.0), "out")
        '9 frames of 1 clip done in 3.0 s (3.0 frames/s). Results in out'
    """
    kinds = [failure.get("kind") for failure in summary.failed]
    of_clips = summary.clips + summary.skipped_clips or CLIP in kinds or PART in kinds
    groups, skipped = summary.groups - summary.clips, summary.skipped_groups - summary.skipped_clips
    of_photos = groups + skipped or None in kinds or not of_clips
    done, units = [], []
    if of_photos:
        done.append(f"{plural(summary.images - summary.frames, 'image')} in {plural(groups, 'group')}")
        units.append("images")
    if of_clips:
        done.append(f"{plural(summary.frames, 'frame')} of {plural(summary.clips, 'clip')}")
        units.append("frames")
    line = f"{' and '.join(done)} done in {summary.seconds:.1f} s"
    if summary.images:
        line += f" ({summary.as_dict()['images_per_second']:.1f} {' and '.join(units)}/s)"
    if summary.skipped_groups:
        counts = ((skipped, "group"), (summary.skipped_clips, "clip"))
        finished = " and ".join(plural(count, noun) for count, noun in counts if count)
        were, them = ("was", "it") if summary.skipped_groups == 1 else ("were", "them")
        line += f"; {finished} {were} finished already (--overwrite redoes {them})"
    there = summary.groups or summary.skipped_groups
    return f"{line}. Results in {place}" if there else f"{line}. Nothing was written to {place}"


def absent_lines(entries: Sequence[Mapping]) -> Iterator[str]:
    """Yields lines that list the images, and the frames of clips, that probably do not show the object.

    Args:
        entries: the attribute ``absent`` of a :class:`~cosod.apps.summary.Summary`.

    Example:
        >>> frames = [{"image": "a.mp4", "frame": number, "presence": 0.1} for number in (3, 4, 5, 9)]
        >>> list(absent_lines(frames))
        ['4 frames are without the object (presence below 0.50):', '  a.mp4: 3 to 5, 9']
    """
    photos = [entry for entry in entries if "frame" not in entry]
    if photos:
        # With several consensuses, an image may lack more than one object, but it is counted once.
        yield _without_object(len({entry["image"] for entry in photos}), "image")
    for entry in photos:
        of = f", {entry['consensus']}" if "consensus" in entry else ""
        yield f"  {entry['image']} (presence {hundredths(entry['presence'])}{of})"
    clips: dict[str, list[int]] = {}
    for entry in entries:
        if "frame" in entry:
            clips.setdefault(entry["image"], []).append(entry["frame"])
    if clips:
        yield _without_object(sum(map(len, clips.values())), "frame")
    for clip, numbers in clips.items():
        yield f"  {clip}: {ranges(numbers)}"


def _without_object(count: int, noun: str) -> str:
    return f"{plural(count, f'{noun} is', f'{noun}s are')} without the object (presence below {ABSENT:.2f}):"


def ranges(numbers: Sequence[int]) -> str:
    """Formats ascending numbers as a list of ranges.

    Two consecutive numbers are listed one by one, and more are joined into a range. Only the first
    :data:`MOST_RANGES` runs of consecutive numbers are listed.

    Example:
        >>> ranges([1, 3, 4, 7, 8, 9])
        '1, 3, 4, 7 to 9'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs[:MOST_RANGES]]
    return ", ".join(words) + (", ..." if len(runs) > MOST_RANGES else "")


def failures(failed: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yields, for each kind of failure, a headline and a list with a sentence for each failure.

    Args:
        failed: the attribute ``failed`` of a :class:`~cosod.apps.summary.Summary`.

    Example:
        >>> for line, sentences in failures([{"image": "a.mp4", "error": "a.mp4: is empty", "kind": "clip"}]):
        ...     print(line, sentences)
        1 clip could not be read ['a.mp4: is empty']
    """
    of = {kind: [entry for entry in failed if entry.get("kind") == kind] for kind in (None, CLIP, PART)}
    for kind, noun in ((None, "image"), (CLIP, "clip")):
        if entries := of[kind]:
            yield f"{plural(len(entries), noun)} could not be read", [entry["error"] for entry in entries]
    if entries := of[PART]:
        count = len({entry["image"] for entry in entries})  # a clip may have several failures
        sentences = [entry["error"] for entry in entries]
        yield f"{plural(count, 'clip was', 'clips were')} read, but not without faults", sentences
