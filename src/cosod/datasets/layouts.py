"""Where the images and the masks of a set lie: the layouts in use, and which of them a folder has."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from cosod.datasets.catalogue import known
from cosod.errors import InputError
from cosod.io.image_formats import SUFFIXES
from cosod.io.passed_over import is_system_folder

#: Folder of the images, folder of the masks (any letter case), where that pair is in use.
PAIRS = (
    ("images", "gts", "GICD, GCoNet and GCoNet+: images/<set>/<group> + gts/<set>/<group>, or one set alone"),
    ("image", "binary", "CoCA as distributed: <set>/image/<group> + <set>/binary/<group>"),
    ("img", "gt", "<set>/img/<group> + <set>/gt/<group>"),
    (
        "image",
        "groundtruth",
        "CoSOD3k: <set>/Image + <set>/GroundTruth; SSNM: <set>/image/<class> + groundtruth/<class>",
    ),
    ("imgs", "gt", "HKU-IS as distributed: <set>/imgs + <set>/gt"),
    ("image", "mask", "F3Net: <set>/image + <set>/mask"),
    ("images", "ground_truth_mask", "ECSSD as distributed: <set>/images + <set>/ground_truth_mask"),
    ("DUTS-TR-Image", "DUTS-TR-Mask", "DUTS as distributed"),
    ("DUTS-TE-Image", "DUTS-TE-Mask", "DUTS as distributed"),
)

#: Files with these endings are images; others in the folders are passed over.
IMAGE_SUFFIXES = SUFFIXES


@dataclass(frozen=True)
class Location:
    """One set on disk: the ``name`` of its folder, its ``images``, its ``truths`` (which may not exist), its layout.

    ``layout`` is a template such as ``images/<set>/<group> + gts/<set>/<group>``; ``grouped`` says whether there is a
    folder for each group.
    """

    name: str
    images: Path
    truths: Path
    layout: str
    grouped: bool


@dataclass
class Listing:
    """What one folder holds, sorted: image files, folders, and links or entries that cannot be followed."""

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def listing(folder: Path) -> Listing:
    """Returns the names in ``folder`` without hidden files, system files and files that are no images.

    A link to a folder that contains it is left out, so that no walk runs in circles.

    Raises:
        OSError: ``folder`` cannot be read.

    Example:
        >>> images = listing(Path("sets/CoCA/images/bird")).files  # doctest: +SKIP
    """
    found = Listing()
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(".") or is_system_folder(name):
                continue
            image = os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - a Path for each of 100,000 is slow
            try:
                if entry.is_dir():
                    if not (entry.is_symlink() and _encloses(Path(entry.path), folder)):
                        found.folders.append(name)
                elif image:
                    (found.files if entry.is_file() else found.broken).append(name)
            except OSError:
                found.broken.append(name)
    for names in (found.files, found.folders, found.broken):
        names.sort()
    return found


def locate(path: str | os.PathLike) -> list[Location]:
    """Finds every set that lies at ``path``: in the folder itself, in its ``images/<set>`` folders or one level below.

    Raises:
        InputError: ``path`` is no folder, cannot be read, or has none of the layouts in :data:`PAIRS`.

    Example:
        >>> roots = [location.root for location in locate("sets")]  # doctest: +SKIP
    """
    root = Path(path)
    if not root.is_dir():
        cause = "is a file, not a folder" if root.exists() else "does not exist"
        raise InputError(f"{root} {cause}; give the folder that holds the images and the masks of a set")
    try:
        top = listing(root)
        found = _here(root, top.folders)
        if not found:
            for child in top.folders:
                found += _here(root / child, _try_listing(root / child).folders)
    except OSError as error:
        raise InputError(f"cannot read {error.filename or root}: {error.strerror}; check its permissions") from error
    if not found:
        raise InputError(
            f"{root} has none of the layouts of a data set (found: {_some(top.folders) or 'no folders'}); "
            f"it needs a folder of images beside a folder of masks:\n{describe()}"
        )
    return found


def describe() -> str:
    """Returns the layouts in use, one a line.

    Example:
        >>> len(describe().splitlines()) > 1
        True
    """
    return "\n".join(f"  {images} + {truths}  ({where})" for images, truths, where in PAIRS)


def _here(root: Path, folders: list[str]) -> list[Location]:
    lower = {name.lower(): name for name in folders}
    for images, truths, _ in PAIRS:
        if images.lower() in lower and truths.lower() in lower:
            return _in_pair(root, lower[images.lower()], lower[truths.lower()])
    return []


def _in_pair(root: Path, images: str, truths: str) -> list[Location]:
    """Finds the sets in one pair of folders: a level of sets, or one set with or without a level of groups."""
    inside = listing(root / images)
    shapes = {name: _shape(root / images / name) for name in inside.folders}
    is_level_of_sets = any(known(name) for name in shapes) or (
        "groups" in shapes.values() and "images" not in shapes.values()
    )
    if is_level_of_sets:
        masks = _try_listing(root / truths).folders
        # an empty folder counts where it has a set's name: that set was meant to be there
        sets = {name: shape for name, shape in shapes.items() if shape != "empty" or known(name)}
        return [_of_set(root, images, truths, name, shape, masks) for name, shape in sets.items()]
    grouped = bool(shapes) and ("images" in shapes.values() or not inside.files)
    level = "/<group>" if grouped else ""
    layout = f"{images}{level} + {truths}{level}"
    return [Location(root.resolve().name, root / images, root / truths, layout, grouped)]


def _of_set(root: Path, images: str, truths: str, name: str, shape: str, masks: list[str]) -> Location:
    entry = known(name)
    twins = [m for m in masks if m == name] + [
        m for m in masks if m.lower() == name.lower() or (entry and known(m) is entry)
    ]
    level = "/<set>/<group>" if shape == "groups" else "/<set>"
    mask_folder = root / truths / (twins[0] if twins else name)
    return Location(name, root / images / name, mask_folder, f"{images}{level} + {truths}{level}", shape == "groups")


def _shape(folder: Path) -> str:
    """Returns ``images`` where a folder holds image files, ``groups`` where its folders do, else ``empty``."""
    inside = _try_listing(folder)
    if inside.files:
        return "images"
    return "groups" if any(_try_listing(folder / name).files for name in inside.folders) else "empty"


def _try_listing(folder: Path) -> Listing:
    """Lists a folder; returns nothing where it fails, which the check of the set will report."""
    try:
        return listing(folder)
    except OSError:
        return Listing()


def _encloses(link: Path, folder: Path) -> bool:
    target, home = link.resolve(), folder.resolve()
    return target == home or target in home.parents


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
