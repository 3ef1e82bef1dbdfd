"""Pairing of the truths in one folder with the predictions in another, by their names.

The name of a file is its path below the folder without the suffix, ``group/stem``. Folders that only tell that they
hold truths (``gts``, ``binary``, ...) are left out of the name, so that files match across the usual layouts:
``gt/<group>/x.png`` and ``<group>/GroundTruth/x.png`` both have the name ``<group>/x``.
"""

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cosod.errors import InputError
from cosod.evaluation.reading import SUFFIXES
from cosod.io.passed_over import is_system_folder

#: The group of images that lie directly in the given folder.
FLAT = "."
#: Lower-case names of folders that hold truths only, beside which other folders hold the images.
TRUTH_FOLDERS = frozenset({"gt", "gts", "binary", "groundtruth", "ground_truth"})

#: Folders into which `cosod segment` writes masks and overlays. Its maps, which are scored, lie beside these folders.
OWN_FOLDERS = frozenset({"masks", "overlays"})

#: Lower-case names of folders that hold photos only, beside which other folders hold the truths.
IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs"})


@dataclass(frozen=True, slots=True)
class Pair:
    """A truth and its prediction.

    Attributes:
        group: the name of the group, ``.`` in a flat folder.
        stem: the file name of the truth without its suffix.
        truth: the path of the truth.
        prediction: the path of the prediction; None if it is missing, which is scored as a black map.
    """

    group: str
    stem: str
    truth: str
    prediction: str | None

    @property
    def key(self) -> str:
        """The name of the image: ``group/stem``, or ``stem`` in a flat folder."""
        return key_of(self.group, self.stem)


@dataclass(frozen=True)
class Pairing:
    """The truths of a folder, paired with predictions.

    Attributes:
        pairs: all truths with their predictions, sorted by group and stem.
        extra: the names of the predictions that have no truth.
    """

    pairs: list[Pair]
    extra: list[str]

    @property
    def missing(self) -> list[str]:
        """The names of the truths without a prediction."""
        return [p.key for p in self.pairs if p.prediction is None]

    @property
    def alike(self) -> list[tuple[str, str]]:
        """Names of truths without a prediction, each with that of a prediction that may belong to it.

        The two names differ only in case, spaces, hyphens, underscores, or endings such as ``_gt`` and ``.jpg``. Truths
        for which there are several such predictions are left out.
        """
        loose: dict[str, list[str]] = {}
        for name in self.extra:
            loose.setdefault(_loose(name), []).append(name)
        found = ((name, loose.get(_loose(name), [])) for name in self.missing)
        return [(name, others[0]) for name, others in found if len(others) == 1]


def key_of(group: str, stem: str) -> str:
    """Returns the name of an image in a report.

    Args:
        group: the name of the group, or :data:`FLAT`.
        stem: the file name without its suffix.

    Example:
        >>> key_of("mug", "1"), key_of(FLAT, "1")
        ('mug/1', '1')
    """
    return stem if group == FLAT else f"{group}/{stem}"


def pair_up(pred: str | os.PathLike, gt: str | os.PathLike) -> Pairing:
    """Pairs maps and masks that have the same name; their suffixes may differ.

    If no map in ``pred`` has the name of a mask, the folders ``maps`` and ``masks`` inside ``pred`` are searched.

    Args:
        pred: the folder of the predicted maps.
        gt: the folder of the ground truth masks.

    Raises:
        InputError: a folder does not exist or contains no images, no map has the name of a mask, or two files in one
            folder have the same name.

    Example:
        >>> pairing = pair_up("maps", "gts")  # doctest: +SKIP
        >>> pairing.pairs[0].key, pairing.missing  # doctest: +SKIP
        ('mug/1', [])
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
    """Finds the photos of a set.

    Args:
        images: the folder of the photos.
        set_name: the name of the set; if ``images`` contains a folder of this name, that folder is searched.

    Returns:
        A dictionary from each name, ``group/stem``, to the path of the photo.

    Raises:
        InputError: the folder does not exist or contains no images, or two photos have the same name.

    Example:
        >>> photos_by_key("images", "CoCA")["mug/1"]  # doctest: +SKIP
        'images/CoCA/mug/1.jpg'
    """
    inner = Path(images) / set_name
    folder = inner if inner.is_dir() else Path(images)
    found = find_images(folder, "images")
    inside = [f for f in found if any(p.lower() in IMAGE_FOLDERS for p in PurePosixPath(f).parts[:-1])]
    return {key_of(*name): path for name, path in _by_name(folder, inside or found, IMAGE_FOLDERS).items()}


def find_images(folder: Path, what: str) -> list[str]:
    """Returns the sorted paths of all images below a folder, relative to it and with ``/`` as the separator.

    Hidden files, hidden folders and folders of the operating system are skipped.

    Args:
        folder: the folder to search, with all folders inside.
        what: a noun for the images in error messages, such as ``predictions``.

    Raises:
        InputError: the folder does not exist or contains no images.

    Example:
        >>> find_images(Path("gts"), "ground truth")  # doctest: +SKIP
        ['mug/1.png', 'mug/2.png']
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
    """Returns the predictions without the masks and overlays that `cosod segment` writes beside its maps.

    If no prediction that is left has the name of a truth, all predictions are returned.
    """
    kept = {
        name: path
        for name, path in predictions.items()
        if name in truths or not OWN_FOLDERS & set(name[0].split("/")) or _of_map(name) not in truths
    }
    return kept if kept.keys() & truths.keys() else predictions


def _of_map(name: tuple[str, str]) -> tuple[str, str]:
    """Returns the name ``(group, stem)`` of the map to which a mask or an overlay belongs."""
    group = "/".join(part for part in name[0].split("/") if part not in OWN_FOLDERS)
    return group or FLAT, name[1]


def _loose(name: str) -> str:
    """Returns a name in lower case, without spaces, ``-``, ``_`` and endings such as ``_gt`` and ``.jpg``."""
    name = re.sub(r"[\s_-]+", "", name.casefold())
    name = re.sub(r"(?<=.)(\.(jpe?g|png|bmp))+$", "", name)
    return re.sub(r"(?<=[^/])(gt|mask|map|pred|saliency|groundtruth)$", "", name)


def _by_name(folder: Path, found: list[str], passed: frozenset[str] = TRUTH_FOLDERS) -> dict[tuple[str, str], str]:
    """Returns the paths by ``(group, stem)``, sorted; folders named in ``passed`` are not part of the group."""
    named: dict[tuple[str, str], str] = {}
    for relative in found:
        *parents, name = relative.split("/")
        parents = [p for p in parents if p.lower() not in passed]
        stem = os.path.splitext(name)[0]  # noqa: PTH122 - 100,000 Path objects are slow
        # macOS stores a letter and its accent as two characters, other systems as one. NFC makes the names comparable.
        key = unicodedata.normalize("NFC", "/".join(parents) or FLAT), unicodedata.normalize("NFC", stem)
        path = os.path.join(folder, relative)  # noqa: PTH118
        if key in named:
            raise InputError(f"{named[key]} and {path} have the same name; keep one of them")
        named[key] = path
    return dict(sorted(named.items()))
