"""``cosod segment``: from folders of photos to maps."""

import json
import sys
from pathlib import Path

import click


@click.command(short_help="Find the object that the photos of a folder share.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--save", default="maps", show_default=True, help="What to write: maps, masks, overlays (by commas).")
@click.option("--model", default="default", show_default=True, help="A network, see `cosod models`.")
@click.option("--weights", type=click.Path(path_type=Path), help="A weights file in place of the package's own.")
@click.option("--size", type=int, help="Side in pixels that images are resized to.  [default: the network's]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option("--batch", type=int, default=8, show_default=True, help="Images at once; changes memory, not results.")
@click.option("--threshold", default="0.5", show_default=True, help="Of masks and overlays: 0 to 1, or 'adaptive'.")
@click.option("--max-pixels", type=int, help="Refuse larger images.  [default: 200 million]")
@click.option("--overwrite", is_flag=True, help="Redo groups that are finished already.")
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Also write one picture that shows results of all groups."
)
@click.option("--json", "as_json", is_flag=True, help="JSON lines on standard output: each image, then the summary.")
def command(paths, output, save, model, weights, size, device, batch, threshold, max_pixels, overwrite, sheet, as_json):
    """Find the object that the photos of each group share, and write a map for each photo.

    A folder of images is one group; a folder of folders is one group each; single files are one group. Maps are
    8-bit, at the size of the photo: OUTPUT/<group>/<photo>.png.

    A run that was stopped goes on where it was when given again: finished groups are skipped. Photos that cannot
    be read are reported at the end, with exit code 1; all others are done.
    """
    from cosod.data.groups import find_groups
    from cosod.data.images import MAX_PIXELS
    from cosod.errors import InputError
    from cosod.segmentation import RESERVED, Job, check_output

    job = Job(output, tuple(s.strip() for s in save.split(",") if s.strip()), _threshold(threshold), overwrite)
    if any(p.resolve() == output.resolve() for p in paths):
        raise InputError(f"{output} is an input too; give another folder for the results")
    if sheet and "maps" not in job.save:
        raise InputError("--sheet shows the maps that are written; add maps to --save")
    groups = find_groups(paths, exclude=[output], reserved=RESERVED)
    check_output(output)

    from tqdm import tqdm

    from cosod.detector import Detector
    from cosod.models import loading, registry
    from cosod.segmentation import run

    named = model if model != "default" else None
    network = loading.load(weights or model, expected=named if weights else None)
    detector = Detector(network, device, size, batch, max_pixels or MAX_PIXELS)
    total = sum(len(group.images) for group in groups)
    where = f"{registry.name_of(network)} at {detector.size} px on {detector.device}"
    click.echo(f"{total} images in {len(groups)} groups; {where}", err=True)
    with tqdm(total=total, unit="img", disable=None, dynamic_ncols=True) as bar:

        def report(event):
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

        summary = run(detector, loading.identity(network), groups, job, report)
    if sheet:
        _write_sheet(sheet, groups, job)
    if as_json:
        click.echo(json.dumps({"event": "summary", **summary.as_dict()}, ensure_ascii=False))
    _print_summary(summary, output)
    if summary.failed:
        raise click.exceptions.Exit(1)


def _threshold(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _write_sheet(sheet: Path, groups, job) -> None:
    from cosod.results import contact_sheet

    shown = []
    for group in groups:
        pairs = zip(group.images, group.stems, strict=True)
        files = [(image, job.target("maps", group.name, stem)) for image, stem in pairs]
        shown.append((group.name, [pair for pair in files if pair[1].exists()]))
    contact_sheet(shown, sheet, job.threshold)


def _print_summary(summary, output: Path) -> None:
    facts = summary.as_dict()
    line = f"{summary.images} images in {summary.groups} groups done in {summary.seconds:.1f} s"
    if summary.images:
        line += f" ({facts['images_per_second']:.1f} images/s)"
    if summary.skipped_groups:
        line += f"; {summary.skipped_groups} groups were finished already (--overwrite redoes them)"
    click.echo(f"{line}. Results in {output}", err=True)
    if summary.failed:
        click.echo(f"{len(summary.failed)} images could not be read:", err=True)
        for failure in summary.failed:
            click.echo(f"  {failure['error']}", err=True)
