"""Finding each truth's prediction in two folders.

A truth's name is its path below the folder without the ending, ``group/stem``; folders that only say "truths are in
here" (``gts``, ``binary``, ...) are left out of it, so that the usual layouts meet:
``gts/<group>/x.png``, ``<set>/gt/<group>/x.png`` and ``<group>/GroundTruth/x.png`` all give ``<group>/x``.
"""

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cosod.errors import InputError
from cosod.evaluation.reading import SUFFIXES
from cosod.io.passed_over import is_system_folder

#: Group of images that lie in no folder of their own.
FLAT = "."
#: Names, in small letters, of folders that hold truths beside others that hold images.
TRUTH_FOLDERS = frozenset({"gt", "gts", "binary", "groundtruth", "ground_truth"})

#: Folders in which `cosod segment` writes masks and overlays beside its maps, which are what is scored.
OWN_FOLDERS = frozenset({"masks", "overlays"})

#: The same for folders of photos.
IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs"})


@dataclass(frozen=True, slots=True)
class Pair:
    """One truth and its prediction (None: missing, scored as black)."""

    group: str
    stem: str
    truth: str
    prediction: str | None

    @property
    def key(self) -> str:
        """``group/stem``, or ``stem`` in a flat folder."""
        return key_of(self.group, self.stem)


@dataclass(frozen=True)
class Pairing:
    """All truths of a folder in the order of their names, and the predictions that have none."""

    pairs: list[Pair]
    extra: list[str]

    @property
    def missing(self) -> list[str]:
        """Keys of the truths without a prediction."""
        return [p.key for p in self.pairs if p.prediction is None]

    @property
    def alike(self) -> list[tuple[str, str]]:
        """Truths without a prediction, each with the prediction whose name differs in case, blanks or an ending."""
        loose: dict[str, list[str]] = {}
        for name in self.extra:
            loose.setdefault(_loose(name), []).append(name)
        found = ((name, loose.get(_loose(name), [])) for name in self.missing)
        return [(name, others[0]) for name, others in found if len(others) == 1]


def key_of(group: str, stem: str) -> str:
    """Returns the name of an image in a report."""
    return stem if group == FLAT else f"{group}/{stem}"


def pair_up(pred: str | os.PathLike, gt: str | os.PathLike) -> Pairing:
    """Pairs maps and masks by name, whatever the suffixes.

    Raises:
        InputError: a folder is missing or holds no images, no name is in both, or one folder has two files of one name.
    """
    truths = _truths(Path(gt))
    predictions = _without_own(_predictions(Path(pred)), truths)
    for inner in (Path(pred) / "maps", Path(pred) / "masks"):
        if truths.keys() & predictions.keys():
            break
        predictions = _predictions(inner) if inner.is_dir() else predictions
    if not truths.keys() & predictions.keys():
        raise InputError(
            f"no prediction in {pred} has the name of a truth in {gt}: the first are "
            f"{key_of(*next(iter(predictions)))!r} and {key_of(*next(iter(truths)))!r}; "
            "give folders whose groups and files are named alike"
        )
    pairs = [Pair(*name, path, predictions.get(name)) for name, path in truths.items()]
    return Pairing(pairs, [key_of(*name) for name in predictions if name not in truths])


def photos_by_key(images: str | os.PathLike, set_name: str = "") -> dict[str, str]:
    """Finds the photos by ``group/stem``; a folder ``set_name`` inside ``images`` is entered where there is one.

    Raises:
        InputError: no such folder, nothing in it, or two photos of one name.
    """
    inner = Path(images) / set_name
    folder = inner if inner.is_dir() else Path(images)
    found = find_images(folder, "images")
    inside = [f for f in found if any(p.lower() in IMAGE_FOLDERS for p in PurePosixPath(f).parts[:-1])]
    return {key_of(*name): path for name, path in _by_name(folder, inside or found, IMAGE_FOLDERS).items()}


def find_images(folder: Path, what: str) -> list[str]:
    """Returns the paths below ``folder`` of its images, ``/`` between the parts, sorted.

    Raises:
        InputError: no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder of the {what}")
    found = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [f for f in folders if not f.startswith(".") and not is_system_folder(f)]
        relative = Path(place).relative_to(folder).as_posix()
        start = "" if relative == "." else f"{relative}/"
        found += [start + f for f in files if not f.startswith(".") and Path(f).suffix.lower() in SUFFIXES]
    if not found:
        raise InputError(f"{folder}: holds no images ({', '.join(sorted(SUFFIXES))}); give the folder of the {what}")
    return sorted(found)


def _truths(folder: Path) -> dict[tuple[str, str], str]:
    found = find_images(folder, "ground truth")
    inside = [f for f in found if any(p.lower() in TRUTH_FOLDERS for p in PurePosixPath(f).parts[:-1])]
    return _by_name(folder, inside or found)


def _predictions(folder: Path) -> dict[tuple[str, str], str]:
    return _by_name(folder, find_images(folder, "predictions"))


def _without_own(predictions: dict[tuple[str, str], str], truths: dict[tuple[str, str], str]):
    """Returns the predictions without the masks and overlays that `cosod segment` writes beside its maps."""
    kept = {
        name: path
        for name, path in predictions.items()
        if name in truths or not OWN_FOLDERS & set(name[0].split("/")) or _of_map(name) not in truths
    }
    return kept if kept.keys() & truths.keys() else predictions


def _of_map(name: tuple[str, str]) -> tuple[str, str]:
    """Returns the name of the map that a mask or an overlay belongs to."""
    group = "/".join(part for part in name[0].split("/") if part not in OWN_FOLDERS)
    return group or FLAT, name[1]


def _loose(name: str) -> str:
    """Returns what stays of a name that was changed in one of the usual ways: case, blanks, ``_gt``, ``.jpg.png``."""
    name = re.sub(r"[\s_-]+", "", name.casefold())
    name = re.sub(r"(?<=.)(\.(jpe?g|png|bmp))+$", "", name)
    return re.sub(r"(?<=[^/])(gt|mask|map|pred|saliency|groundtruth)$", "", name)


def _by_name(folder: Path, found: list[str], passed: frozenset[str] = TRUTH_FOLDERS) -> dict[tuple[str, str], str]:
    """Returns the paths by (group, stem), sorted by group, then stem."""
    named: dict[tuple[str, str], str] = {}
    for relative in found:
        *parents, name = relative.split("/")
        parents = [p for p in parents if p.lower() not in passed]
        stem = os.path.splitext(name)[0]  # noqa: PTH122 - a Path per file costs at 100,000
        # macOS writes an accent as a letter of its own, other systems as part of its letter: names are compared alike.
        key = unicodedata.normalize("NFC", "/".join(parents) or FLAT), unicodedata.normalize("NFC", stem)
        path = os.path.join(folder, relative)  # noqa: PTH118
        if key in named:
            raise InputError(f"{named[key]} and {path} have the same name; keep one of them")
        named[key] = path
    return dict(sorted(named.items()))
