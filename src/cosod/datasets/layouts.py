"""The usual layouts of data sets, and finding the images and masks of the sets in a folder."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from cosod.datasets.catalogue import known
from cosod.errors import InputError
from cosod.io.image_formats import SUFFIXES
from cosod.io.passed_over import is_system_folder

#: The usual pairs of folders: the folder of the images, that of the masks (both in any letter case), and where the
#: pair is in use.
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

#: The suffixes of image files in lower case; all other files in the folders are ignored.
IMAGE_SUFFIXES = SUFFIXES


@dataclass(frozen=True)
class Location:
    """The folders of a data set on disk.

    Attributes:
        name: the name of the set's folder.
        images: the folder of the images.
        truths: the folder of the masks, which may not exist.
        layout: a template such as ``images/<set>/<group> + gts/<set>/<group>``.
        grouped: whether there is a folder for each group.
    """

    name: str
    images: Path
    truths: Path
    layout: str
    grouped: bool


@dataclass
class Listing:
    """The contents of a folder, as sorted names.

    Attributes:
        files: the image files.
        folders: the folders.
        broken: the links that cannot be followed, and the entries that cannot be read.
    """

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def listing(folder: Path) -> Listing:
    """Lists the images and folders in a folder.

    Hidden entries, folders of the operating system and files that are not images are left out. So is a link to a folder
    that contains the link, so that a search does not run in circles.

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
            image = os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 - 100,000 Path objects are slow
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
    """Finds all data sets at ``path``.

    A set can be the folder itself or lie in its ``images/<set>`` folders. If the folder has none of the layouts, the
    folders inside are searched in the same way.

    Raises:
        InputError: ``path`` is not a folder, cannot be read, or has none of the layouts in :data:`PAIRS`.

    Example:
        >>> folders = [location.images for location in locate("sets")]  # doctest: +SKIP
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
    """Returns a description of the layouts in :data:`PAIRS`, one in each line.

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
    """Finds the sets in one pair of folders of images and masks.

    The folders inside may be sets, or the groups of a single set; a set without groups has its images directly there.
    """
    inside = listing(root / images)
    shapes = {name: _shape(root / images / name) for name in inside.folders}
    is_level_of_sets = any(known(name) for name in shapes) or (
        "groups" in shapes.values() and "images" not in shapes.values()
    )
    if is_level_of_sets:
        masks = _try_listing(root / truths).folders
        # An empty folder counts if it has the name of a known set, because that set is expected there.
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
    """Returns ``images`` if a folder contains image files, ``groups`` if one of its folders does, else ``empty``."""
    inside = _try_listing(folder)
    if inside.files:
        return "images"
    return "groups" if any(_try_listing(folder / name).files for name in inside.folders) else "empty"


def _try_listing(folder: Path) -> Listing:
    """Lists a folder; returns an empty listing if it cannot be read, which the check of the set reports."""
    try:
        return listing(folder)
    except OSError:
        return Listing()


def _encloses(link: Path, folder: Path) -> bool:
    target, home = link.resolve(), folder.resolve()
    return target == home or target in home.parents


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
