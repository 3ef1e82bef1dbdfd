"""Inspection of a network on groups of photos, which writes figures, sheets and tables."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cosod.analysis import embedding, plots, sheets
from cosod.analysis.decoder import level_modules
from cosod.analysis.examine import Examined, affinity_of, classifier_of, examine
from cosod.analysis.separation import Separation, separate
from cosod.errors import ImageError, InputError
from cosod.inference.detector import Detector
from cosod.io.atomic_write import write_text
from cosod.io.photo_groups import Group
from cosod.io.run_records import begin, record_of
from cosod.models.base import CoSaliencyNetwork
from cosod.models.modules.relation import NoRelation
from cosod.models.saliency_base import SaliencyNetwork

#: Name of the command in the records of its results.
VERB = "inspect"
KINDS = ("consensus", "attention", "activation", "decoder")
#: Functions that draw the sheet of a group, by kind.
_SHEETS = {
    "attention": sheets.attention_sheet,
    "activation": sheets.activation_sheet,
    "decoder": sheets.decoder_sheet,
}
#: Files for all groups together.
_CONSENSUS_FILES = (
    "tsne_groups.png",
    "tsne_images.png",
    "similarity.png",
    "similarity.csv",
    "vectors.csv",
    "groups.csv",
    "images.csv",
    "summary.json",
)


@dataclass
class Inspection:
    """Result of an inspection.

    Attributes:
        written: files that were written.
        summary: values of :meth:`cosod.analysis.separation.Separation.summary`; empty without ``consensus``.
        notices: messages about what could not be shown, with the reasons.
        failed: ``group``, ``image`` and ``error`` of each image that could not be read.
    """

    written: list[Path] = field(default_factory=list)
    summary: dict = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)


def missing(network: CoSaliencyNetwork) -> dict[str, str]:
    """Returns the kinds of results that a network does not have, with the reasons.

    Example:
        >>> from cosod.models import create
        >>> missing(create("gconet"))
        {}
    """
    name, reasons = type(network).__name__, {}
    if isinstance(network, SaliencyNetwork):
        return dict.fromkeys(KINDS, f"{name} looks at each image by itself and has no consensus")
    if any(isinstance(module, NoRelation) for module in network.modules()):
        reasons["consensus"] = f"this {name} forms no consensus (relation 'none')"
    if affinity_of(network) is None:
        reasons["attention"] = f"this {name} has no group affinity module, and so no attention maps"
    try:
        level_modules(network)
    except InputError as error:
        reasons["decoder"] = str(error)
    return reasons


def choose(network: CoSaliencyNetwork, show: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Chooses the kinds of results to show.

    Args:
        network: the network to inspect.
        show: any of :data:`KINDS`; with ``None``, all kinds that the network has are chosen.

    Returns:
        The chosen kinds, in the order of :data:`KINDS`, and notices about kinds that are left out.

    Raises:
        InputError: a kind is unknown, or the network does not have it.
        ExtraError: a library that a chosen kind needs is not installed.

    Example:
        >>> from cosod.models import create
        >>> choose(create("gconet"), ["attention"])
        (['attention'], [])
    """
    reasons = missing(network)
    if show is not None:
        unknown = [kind for kind in show if kind not in KINDS]
        if unknown or not show:
            raise InputError(f"--show {','.join(show) or '(nothing)'}: give any of {', '.join(KINDS)}")
        for kind in show:
            if kind in reasons:
                raise InputError(f"--show {kind}: {reasons[kind]}; leave it out")
    kinds = [kind for kind in KINDS if kind not in reasons and (show is None or kind in show)]
    if not kinds:
        raise InputError(f"nothing to show: {reasons[KINDS[0]]}; give a network for groups")
    notices = [f"no {kind}: {reason}" for kind, reason in reasons.items() if show is None]
    if "activation" in kinds and classifier_of(network) is None:
        name = type(network).__name__
        notices.append(f"no class activation maps: this {name} has no classifier on its deepest feature")
    if "consensus" in kinds:
        plots.check()
        embedding.check()
    return kinds, notices


def inspect(
    detector: Detector,
    groups: Sequence[Group],
    output: Path,
    show: Sequence[str] | None = None,
    images: int = 8,
    report: Callable[[dict], None] = lambda event: None,
) -> Inspection:
    """Draws intermediate results of a network for groups of photos.

    The groups are processed one after the other. For each group, ``<output>/attention/<group>.png``,
    ``activation/<group>.png`` and ``decoder/<group>.png`` are written; for all groups together, figures and tables in
    ``<output>/consensus``, for which the vectors of all images stay in memory, about 2 KB per image.

    Args:
        detector: detector with the network, the device and the input size.
        groups: groups of :func:`cosod.io.find_groups`.
        output: folder of the results.
        show: kinds of results, any of :data:`KINDS`; by default all that the network has.
        images: maximum number of photos on a sheet; all images of a group form its consensus.
        report: called with a dictionary for each event; ``event`` is ``image``, ``failed`` or ``group``.

    Raises:
        InputError: a kind is unknown, the network does not have it, or ``images`` is less than 1.
        ExtraError: a required library is not installed.
        OutputError: a result cannot be written.

    Example:
        >>> found = inspect(cosod.load(), find_groups(["photos"]), Path("seen"))  # doctest: +SKIP
    """
    if images < 1:
        raise InputError(f"--images {images}: give at least 1")
    output = Path(output)
    kinds, notices = choose(detector.network, show)
    for kind in kinds:
        begin(record_of(output, kind), VERB)  # so that the sheets are not taken for photos
    found = Inspection(notices=notices)
    vectors: list[tuple[str, np.ndarray]] = []
    stems: list[str] = []
    for group in groups:

        def on_error(index: int, error: ImageError, group: Group = group) -> None:
            found.failed.append({"group": group.name, "image": str(group.images[index]), "error": str(error)})
            report({"event": "failed", **found.failed[-1]})

        examined = examine(detector, group, kinds, images, on_error, lambda: report({"event": "image"}))
        if examined is None:
            found.notices.append(f"{group.name}: left out, none of its images could be read")
            continue
        found.written += _write_sheets(examined, kinds, output)
        vectors.append((examined.name, examined.vectors))
        stems += examined.stems
        report({"event": "group", "group": group.name, "images": len(examined.stems)})
    if "consensus" in kinds and vectors:
        _write_consensus(separate(vectors), np.concatenate([v for _, v in vectors]), stems, output, found)
    return found


def targets(output: Path, groups: Sequence[Group]) -> list[Path]:
    """Returns all files that :func:`inspect` may write.

    Args:
        output: folder of the results.
        groups: the groups.

    Example:
        >>> len(targets(Path("out"), []))
        8
    """
    sheets_of_groups = [output / kind / f"{group.name}.png" for kind in _SHEETS for group in groups]
    return sheets_of_groups + [output / "consensus" / name for name in _CONSENSUS_FILES]


def _write_sheets(examined: Examined, kinds: Sequence[str], output: Path) -> list[Path]:
    written = []
    for kind in kinds:
        if kind in _SHEETS:
            written.append(output / kind / f"{examined.name}.png")
            _SHEETS[kind](examined.name, examined.shown, written[-1])
    return written


def _write_consensus(
    separation: Separation, vectors: np.ndarray, stems: list[str], output: Path, found: Inspection
) -> None:
    """Writes the tables and figures for all groups together, and adds them to ``found``."""
    folder = output / "consensus"
    names = separation.names
    found.summary = separation.summary()

    def keep(name: str) -> Path:
        found.written.append(folder / name)
        return found.written[-1]

    of_groups, of_images = embedding.place(separation.consensus), embedding.place(vectors)
    alike = f"at least {embedding.FEWEST} are needed that are not all the same"
    if of_groups is None:
        found.notices.append(f"no t-SNE of the groups' consensus: {alike}")
    else:
        title = f"t-SNE of the consensus of {len(names)} groups"
        plots.points_figure(of_groups, np.arange(len(names)), names, title, keep("tsne_groups.png"))
    if of_images is None:
        found.notices.append(f"no t-SNE of the images: {alike}")
    else:
        shown = int(np.isfinite(of_images[:, 0]).sum())
        title = f"t-SNE of {shown} images' vectors, in the colors of their groups"
        plots.points_figure(of_images, separation.of_image, names, title, keep("tsne_images.png"))
    if len(names) > 1:
        plots.similarity_figure(names, separation.similarity, keep("similarity.png"))
    else:
        found.notices.append("no similarity of groups: there is one group only")
    write_text(keep("similarity.csv"), _csv([["", *names], *zip(names, *separation.similarity, strict=True)]))
    write_text(keep("vectors.csv"), _csv(_vector_rows(separation)))
    write_text(keep("groups.csv"), _csv(_group_rows(separation, of_groups)))
    write_text(keep("images.csv"), _csv(_image_rows(separation, stems, of_images)))
    write_text(keep("summary.json"), json.dumps(found.summary, indent=2, ensure_ascii=False) + "\n")


def _vector_rows(separation: Separation) -> list[Sequence]:
    head = ["group", *(f"c{i}" for i in range(separation.consensus.shape[1]))]
    return [head, *((name, *vector) for name, vector in zip(separation.names, separation.consensus, strict=True))]


def _group_rows(separation: Separation, points: np.ndarray | None) -> list[Sequence]:
    rows: list[Sequence] = [["group", "images", "mean_own", "nearest_group", "cosine", "tsne_x", "tsne_y"]]
    for number, name in enumerate(separation.names):
        own = separation.own[separation.of_image == number]
        nearest = separation.nearest_group(number)
        other = ("", "") if nearest is None else (separation.names[nearest], separation.similarity[number, nearest])
        rows.append((name, len(own), own.mean(), *other, *_point(points, number)))
    return rows


def _image_rows(separation: Separation, stems: Sequence[str], points: np.ndarray | None) -> list[Sequence]:
    rows: list[Sequence] = [["group", "image", "own", "other", "nearest_other_group", "tsne_x", "tsne_y"]]
    for number, stem in enumerate(stems):
        group, nearest = separation.of_image[number], separation.nearest[number]
        other = separation.names[nearest] if nearest >= 0 else ""
        cosines = (separation.own[number], separation.other[number])
        rows.append((separation.names[group], stem, *cosines, other, *_point(points, number)))
    return rows


def _point(points: np.ndarray | None, number: int) -> Sequence:
    return ("", "") if points is None else tuple(points[number])


def _csv(rows: Sequence[Sequence]) -> str:
    """Returns rows as CSV, in which floats have six significant digits, and NaN is an empty cell."""

    def cell(value: object) -> object:
        if isinstance(value, float | np.floating):
            return f"{value:.6g}" if np.isfinite(value) else ""
        return value

    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()
